"""An order that was lost, over a restart: what ends it, and what does not."""

import asyncio

import pytest
from msgspec.structs import replace

from harness.desk import STRAY, Desk, accept, fill
from tradingbot_runtime.core.doubts import ABSENT_PROOFS, SETTLE_NS
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import OrderId, OrderStatus

SETTLE_S = SETTLE_NS // 10**9


def vanished(desk: Desk) -> OrderId:
    bid, _ = desk.quote()
    accept(desk, bid)
    del desk.venue.orders[bid]
    for _ in range(ABSENT_PROOFS + 1):
        desk.look(after_s=20)
    assert desk.state(bid) is OrderState.LOST
    return bid


def restarted(journal: Journal) -> Desk:
    after = Desk(journal)
    asyncio.run(after.all.restore())
    return after


def wait(desk: Desk, seconds: int) -> None:
    for _ in range(seconds):
        desk.look()


def test_a_restart_ends_a_lost_order_after_as_many_questions_over_as_long_as_any_other_proof_takes(
    desk: Desk, journal: Journal
) -> None:
    bid = vanished(desk)
    after = restarted(journal)
    wait(after, SETTLE_S - 1)
    assert after.state(bid) is OrderState.LOST, "the venue may only have started, too"

    wait(after, SETTLE_S)
    assert after.market.engine.market.orders.get(bid) is None or after.state(bid) is OrderState.CANCELED
    assert len(after.venue.asked) >= ABSENT_PROOFS
    assert journal.orders_not_closed(after.market.ledger) == []


def test_within_one_life_a_lost_order_stays_lost(desk: Desk) -> None:
    bid = vanished(desk)
    wait(desk, 10 * SETTLE_S)

    assert desk.state(bid) is OrderState.LOST


def test_a_restart_leaves_a_lost_order_lost_while_the_venue_lists_it(desk: Desk, journal: Journal) -> None:
    bid = vanished(desk)
    after = Desk(journal)
    after.venue.strays = [replace(STRAY, order_id=bid)]
    asyncio.run(after.all.restore())
    wait(after, 3 * SETTLE_S)

    assert after.state(bid) is OrderState.LOST


def test_a_lost_order_is_what_the_venue_says_that_it_is(desk: Desk, journal: Journal) -> None:
    bid = vanished(desk)
    after = Desk(journal)
    after.venue.orders[bid] = (OrderStatus.OPEN, 0)
    asyncio.run(after.all.restore())

    assert after.state(bid) is not OrderState.LOST


def test_a_trade_of_a_lost_order_that_is_found_keeps_it(desk: Desk, journal: Journal) -> None:
    bid = vanished(desk)
    after = restarted(journal)
    after.venue.told_by_list = [fill(bid, quantity=300)]
    wait(after, 3 * SETTLE_S)

    assert after.market.engine.market.position.lots == 300
    assert after.state(bid) is not OrderState.CANCELED


def test_a_start_that_is_tried_again_does_not_take_what_it_has_lost_itself_for_an_earlier_lifes(
    desk: Desk, journal: Journal
) -> None:
    bid, _ = desk.quote()
    accept(desk, bid)
    after = Desk(journal)
    after.venue.failing = {"balances"}
    for _ in range(3 * SETTLE_S):
        after.now_ns += 10**9
        with pytest.raises(VenueError):
            asyncio.run(after.all.restore())

    assert after.state(bid) is OrderState.LOST


def test_a_lost_order_that_was_there_again_needs_another_life(desk: Desk, journal: Journal) -> None:
    bid = vanished(desk)
    after = Desk(journal)
    after.venue.orders[bid] = (OrderStatus.OPEN, 0)
    asyncio.run(after.all.restore())
    assert after.state(bid) is not OrderState.LOST
    del after.venue.orders[bid]
    wait(after, 5 * SETTLE_S)

    assert after.state(bid) is OrderState.LOST
