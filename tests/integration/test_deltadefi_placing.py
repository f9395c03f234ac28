"""Orders to DeltaDeFi over real sockets: what is on disk before what leaves, and what each answer is taken for."""

import asyncio

import pytest

from harness.deltadefi_play import play
from harness.deltadefi_shell import Shell
from harness.deltadefi_venue import Reply, ScriptedVenue, garbage, lost, proxy_error, refusal
from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.model import (
    WOULD_TAKE,
    BuildExpired,
    OrderAccepted,
    OrderBuilt,
    OrderDenied,
    OrderRejected,
    OrderStatus,
    OrderSubmitting,
    OutcomeLost,
)

BUILD, SUBMIT = "POST /order/build", "POST /order/submit"


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
    ("code", "reason"), [(4050, "InsufficientBalance"), (4104, WOULD_TAKE), (4110, "TooManyOpenOrders")]
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
