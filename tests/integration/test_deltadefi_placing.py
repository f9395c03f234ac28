"""Orders to DeltaDeFi over real sockets: what is on disk before what leaves, and what each answer is taken for."""

import asyncio

import pytest

from harness.deltadefi_play import play
from harness.deltadefi_shell import Shell
from harness.deltadefi_venue import Reply, ScriptedVenue, garbage, lost, proxy_error, refusal
from tradingbot_runtime.errors import JournalError, OutcomeUnknown, VenueRefused
from tradingbot_runtime.model import (
    WOULD_TAKE,
    BuildExpired,
    Cancel,
    CancelAll,
    CancelRejected,
    OrderAccepted,
    OrderBuilt,
    OrderDenied,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OrderSubmitting,
    OutcomeLost,
)

BUILD, SUBMIT, CANCEL_ALL = "POST /order/build", "POST /order/submit", "POST /order/cancel-all"
ORDER_1 = "GET /accounts/order/venue-1"
CANCEL_1 = "POST /order/venue-1/cancel"


# -- placing -----------------------------------------------------------------------------------------------------


def test_an_order_is_built_on_disk_submitted_and_accepted_in_this_order() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        made.wait_for_disk.clear()
        made.place()
        await made.first(OrderSubmitting)
        await asyncio.sleep(0)  # whatever would be sent without waiting for the disk would be on its way
        assert venue.order_calls() == [BUILD], "nothing is submitted before it is on disk"
        made.on_durable = lambda: made.log.append(f"sent by then: {venue.order_calls()}")
        made.wait_for_disk.set()
        await made.first(OrderAccepted)

        assert made.kinds()[:5] == [
            "connected", "OrderBuilt", "OrderSubmitting", "durable", f"sent by then: {[BUILD]}"]  # fmt: skip
        assert made.events(OrderBuilt)[0].venue_order_id == "venue-1"
        body = venue.bodies[venue.calls.index(BUILD)]
        assert body == {"symbol": "ADAUSDM", "side": "buy", "type": "limit", "base_quantity": "10.00",
                        "price": "0.9300", "post_only": True}  # fmt: skip

    play(scenario)


@pytest.mark.parametrize(
    "reply", [lost, garbage, proxy_error(502), proxy_error(403), refusal(5000, 500), refusal(5002, 503)]
)
def test_a_build_without_its_answer_is_harmless(reply: Reply) -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        venue.script[BUILD] = [reply]
        made.place()
        denied = await made.first(OrderDenied)

        assert denied.order_id == "ours-1"
        assert venue.order_calls() == [BUILD], "it is neither repeated nor submitted"
        assert not made.events(OutcomeLost), "nothing of it can be in the market"

    play(scenario)


@pytest.mark.parametrize("call", [BUILD, SUBMIT])
@pytest.mark.parametrize(
    ("code", "reason"), [(4050, "InsufficientBalance"), (4104, WOULD_TAKE), (4110, "MaxOpenOrders")]
)
def test_a_definite_no_is_a_rejection_by_its_reason(call: str, code: int, reason: str) -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        venue.script[call] = [refusal(code)]
        made.place()

        assert (await made.first(OrderRejected)).reason == reason
        assert not made.events(OutcomeLost)

    play(scenario)


@pytest.mark.parametrize(
    "reply",
    [lost, garbage, proxy_error(502), proxy_error(404), refusal(5000, 500), refusal(5001, 503), refusal(5002, 503),
     refusal(4290, 429), refusal(4999), refusal(4202), refusal(4302)],
    ids=["lost", "garbage", "502", "404", "5000", "5001", "5002", "4290", "4999", "4202", "4302"],
)  # fmt: skip
def test_a_submit_that_proves_nothing_is_never_repeated_and_resolved_by_asking(reply: Reply) -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        venue.script[SUBMIT] = [reply]
        order_id = made.place()
        await made.first(OutcomeLost)

        building = await made.gateway.order(made.instrument, order_id)
        venue.orders["venue-1"] |= {"status": "open"}
        live = await made.gateway.order(made.instrument, order_id)

        assert [building.status, live.status] == [OrderStatus.BUILDING, OrderStatus.OPEN]
        assert venue.order_calls() == [BUILD, SUBMIT]
        assert not made.events(OrderRejected) + made.events(OrderDenied)

    play(scenario)


@pytest.mark.parametrize("code", [4300, 4301])
def test_an_expired_build_is_built_again_under_our_same_id(code: int) -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        venue.script[SUBMIT] = [refusal(code)]
        made.place()
        await made.first(OrderAccepted)

        assert [(b.order_id, b.venue_order_id) for b in made.events(OrderBuilt)] == [
            ("ours-1", "venue-1"), ("ours-1", "venue-2")]  # fmt: skip
        steps = [kind for kind in made.kinds() if kind.startswith(("OrderBuilt", "OrderSub", "durable", "BuildExp"))]
        assert steps == ["OrderBuilt", "OrderSubmitting", "durable", "BuildExpired", *steps[:3]]
        assert made.events(BuildExpired)[0].order_id == "ours-1"

    play(scenario)


def test_a_build_that_expires_again_and_again_is_given_up() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        venue.script[SUBMIT] = [refusal(4300)] * 9
        made.place()

        assert (await made.first(OrderDenied)).reason == "BuildExpired"
        assert venue.order_calls().count(SUBMIT) == 2

    play(scenario)


def test_a_fenced_slot_submits_nothing_more() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        made.on_durable = lambda: setattr(made, "fenced", True)  # while the disk was waited for
        made.place()

        assert (await made.first(OrderDenied)).reason == "Fenced"
        assert SUBMIT not in venue.calls

    play(scenario)


def test_a_journal_that_fails_ends_the_gateway_and_nothing_is_submitted() -> None:
    def fail() -> None:
        raise JournalError("the disk is gone")

    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        made.on_durable = fail
        made.place()
        await made.first(OrderSubmitting)
        await made.until(lambda: not made.gateway.running, "the end")
        assert SUBMIT not in venue.calls

    with pytest.raises(JournalError, match="the disk is gone"):
        play(scenario)


def test_a_transaction_that_is_none_is_not_signed() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        venue.script[BUILD] = [lambda _, body: venue.build(body) | {"tx_hex": "00"}]
        made.place()

        assert (await made.first(OrderDenied)).reason == "BadTransaction"
        assert SUBMIT not in venue.calls

    play(scenario)


# -- cancelling --------------------------------------------------------------------------------------------------


def test_an_order_that_is_not_submitted_yet_is_taken_back_without_a_call() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        venue.held[BUILD] = asyncio.Event()
        order_id, other = made.place(1), made.place(2)
        await made.until(lambda: venue.calls.count(BUILD) == 2, "the builds are asked for")
        made.send(Cancel(order_id=order_id))
        made.send(CancelAll(order_id=other, order_ids=(other,)))
        await made.until(lambda: len(made.events(OrderDenied)) == 2, "both are denied")
        venue.held[BUILD].set()

        assert {denied.reason for denied in made.events(OrderDenied)} == {"Withdrawn"}
        assert venue.order_calls() == [BUILD, BUILD]

    play(scenario)


def test_an_order_that_is_cancelled_before_its_first_step_is_denied() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        made.send(Cancel(order_id=made.place()))

        await made.first(OrderDenied)
        assert venue.order_calls() == []

    play(scenario)


def test_an_order_that_is_cancelled_during_its_submit_is_cancelled_after_it() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        venue.held[SUBMIT] = asyncio.Event()
        order_id = made.place()
        await made.until(lambda: SUBMIT in venue.calls, "the submit is sent")
        made.send(Cancel(order_id=order_id))
        venue.held[SUBMIT].set()
        await made.until(lambda: any(r.status is OrderStatus.CANCELED for r in made.events(OrderReported)), "canceled")

        assert venue.order_calls() == [BUILD, SUBMIT, CANCEL_1]

    play(scenario)


def test_a_cancel_is_proved_by_the_stream_and_not_by_its_acknowledgement() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        order_id = made.place()
        await made.first(OrderAccepted)
        venue.tells = False
        made.send(Cancel(order_id=order_id))
        await made.until(lambda: venue.orders["venue-1"]["status"] == "cancelled", "acknowledged")
        await made.gateway.balances(made.instrument)  # a round trip later
        assert not any(r.status is OrderStatus.CANCELED for r in made.events(OrderReported))

        venue.tells = True
        venue.tell(venue.orders["venue-1"])
        await made.until(lambda: any(r.status is OrderStatus.CANCELED for r in made.events(OrderReported)), "told")

    play(scenario)


@pytest.mark.parametrize("code", [4200, 4201, 4202])
def test_a_cancel_of_what_is_not_open_is_a_reason_to_ask(code: int) -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        order_id = made.place()
        await made.first(OrderAccepted)
        venue.script[CANCEL_1] = [refusal(code)]
        made.send(Cancel(order_id=order_id))

        assert (await made.first(CancelRejected)).gone

    play(scenario)


def test_a_lost_cancel_may_be_sent_again_and_never_twice_at_once() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        order_id = made.place()
        await made.first(OrderAccepted)
        venue.script[CANCEL_1] = [lost]
        made.send(Cancel(order_id=order_id))
        made.send(Cancel(order_id=order_id))
        await made.first(OutcomeLost)
        assert venue.calls.count(CANCEL_1) == 1
        made.send(Cancel(order_id=order_id))
        await made.until(lambda: venue.orders["venue-1"]["status"] == "cancelled", "canceled")

    play(scenario)


def test_all_orders_of_the_symbol_go_in_one_call_and_each_is_answered_for() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        ours = tuple(made.place(number) for number in range(1, 6))
        await made.until(lambda: len(made.events(OrderAccepted)) == 5, "five orders")
        venue.orders["venue-3"]["status"] = "closed"
        made.send(CancelAll(order_id=ours[0], order_ids=ours))
        await made.until(lambda: len([r for r in made.events(OrderReported) if r.status is OrderStatus.CANCELED]) == 4,
                         "four are canceled")  # fmt: skip
        gone = await made.first(CancelRejected)

        assert venue.order_calls()[-1] == CANCEL_ALL
        assert venue.calls.count(CANCEL_ALL) == 1
        known = {event.venue_order_id: event.order_id for event in made.events(OrderBuilt)}
        assert (gone.order_id, gone.gone) == (known["venue-3"], True)

    play(scenario)


def test_cancelling_as_a_question_waits_for_the_answer() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        order_id = made.place()
        await made.first(OrderAccepted)
        venue.script[CANCEL_1] = [refusal(5002, 503), refusal(4000)]
        with pytest.raises(OutcomeUnknown):
            await made.gateway.cancel(made.instrument, order_id)
        with pytest.raises(VenueRefused):
            await made.gateway.cancel(made.instrument, order_id)
        await made.gateway.cancel(made.instrument, order_id)
        await made.gateway.cancel(made.instrument, order_id)  # not open any more: an answer too
        await made.gateway.cancel(made.instrument, OrderId(""), "a stranger's")

        assert venue.orders["venue-1"]["status"] == "cancelled"
        assert venue.calls[-1] == "POST /order/a stranger's/cancel"

    play(scenario)
