"""The orders of the journal at a start, and an empty venue at an end."""

import asyncio

import pytest

from harness.desk import Desk, accept, fill
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import (
    Nanos,
    OrderAccepted,
    OrderCanceled,
    OrderStatus,
)


def test_a_restart_asks_about_every_order_that_is_not_closed_whatever_its_state_was(journal: Journal) -> None:
    before = Desk(journal)
    bid, offer = before.quote()
    before.market.handle(OrderAccepted(time_ns=Nanos(1), order_id=offer, venue_order_id="v"))
    after = Desk(journal)
    after.venue.orders = {bid: (OrderStatus.FILLED, 1_000), offer: (OrderStatus.OPEN, 0)}
    after.venue.fills_of[bid] = [fill(bid)]

    asyncio.run(after.all.restore())
    assert after.venue.asked == [bid, offer]
    assert after.state(bid) is OrderState.FILLED
    assert after.state(offer) is OrderState.PENDING_CANCEL, "its price is from before; the barrier is not passed"
    assert after.market.engine.market.position.lots == 1_000


def test_a_start_reads_the_trades_and_books_a_fill_of_an_order_that_was_closed_before(journal: Journal) -> None:
    before = Desk(journal)
    bid, _ = before.quote()
    accept(before, bid)
    before.market.handle(OrderCanceled(time_ns=Nanos(before.now_ns), order_id=bid))
    after = Desk(journal)
    after.venue.told_by_list = [fill(bid)]

    asyncio.run(after.all.restore())
    assert bid not in after.venue.asked, "nobody would ask about it by its id"
    assert after.market.engine.market.position.lots == 1_000


def test_a_restore_whose_question_fails_is_no_restore(journal: Journal) -> None:
    Desk(journal).quote()
    after = Desk(journal)
    after.venue.down = True

    with pytest.raises(VenueError):
        asyncio.run(after.all.restore())
    assert not after.all.is_restored
    assert after.all.may_have_orders


def test_cancel_all_is_done_only_when_the_venue_lists_nothing_of_ours(desk: Desk) -> None:
    bid, offer = desk.quote()
    asyncio.run(desk.all.restore())
    desk.venue.orders = {bid: (OrderStatus.OPEN, 0), offer: (OrderStatus.CANCELED, 0)}
    for order_id in (bid, offer):
        desk.market.handle(OrderAccepted(time_ns=Nanos(1), order_id=order_id, venue_order_id="v"))

    assert not asyncio.run(desk.all.cancel_all()), "it has just cancelled: look again"
    assert asyncio.run(desk.all.cancel_all())
    assert not desk.all.may_have_orders


@pytest.mark.parametrize("state", [OrderState.INTENT, OrderState.BUILT])
def test_what_was_never_submitted_is_denied_at_the_next_start_without_a_question(
    journal: Journal, state: OrderState
) -> None:
    before = Desk(journal)
    before.market.engine.market.orders.first_state = state
    bid, offer = before.quote()
    after = Desk(journal)

    asyncio.run(after.all.restore())
    assert {after.state(bid), after.state(offer)} == {OrderState.DENIED}
    assert after.venue.asked == []
    assert not after.all.may_have_orders


def test_the_gateway_learns_the_venues_names_of_an_earlier_lifes_orders(journal: Journal) -> None:
    before = Desk(journal)
    bid, _ = before.quote()
    accept(before, bid)
    after = Desk(journal)

    asyncio.run(after.all.restore())
    assert after.venue.remembered == {bid: f"v{bid}"}
