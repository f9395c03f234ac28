"""Cancelling at DeltaDeFi over real sockets: no cancel is forgotten, none is sent twice, each is answered for."""

import asyncio
from collections.abc import Callable

import pytest

from harness.deltadefi_play import play
from harness.deltadefi_shell import Shell
from harness.deltadefi_venue import ScriptedVenue, lost, refusal
from tradingbot_runtime.errors import OutcomeUnknown, VenueRefused
from tradingbot_runtime.model import (
    AnyEvent,
    Cancel,
    CancelAll,
    CancelRejected,
    OrderAccepted,
    OrderBuilt,
    OrderDenied,
    OrderId,
    OrderReported,
    OrderStatus,
    OutcomeLost,
)

BUILD, SUBMIT, CANCEL_ALL = "POST /order/build", "POST /order/submit", "POST /order/cancel-all"
CANCEL_1 = "POST /order/venue-1/cancel"


@pytest.mark.parametrize("turns", range(5))
def test_a_cancel_is_carried_out_however_soon_after_the_acceptance_it_comes(turns: int) -> None:
    """`turns` of the loop later: the task that placed the order is at work, or over, or over and forgotten."""

    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        def cancel(event: AnyEvent) -> None:
            if isinstance(event, OrderAccepted):
                after(turns, lambda: made.send(Cancel(order_id=event.order_id)))

        made.on_told = cancel
        made.place()
        await made.until(lambda: venue.orders.get("venue-1", {}).get("status") == "cancelled", "canceled")

    play(scenario)


def after(turns: int, call: Callable[[], None]) -> None:
    if turns == 0:
        call()
    else:
        asyncio.get_running_loop().call_soon(after, turns - 1, call)


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
