"""A person asks about a lost order, by a restart: what ends it, and what does not."""

import asyncio

from msgspec.structs import replace

from harness.desk import STRAY, Desk, accept
from tradingbot_runtime.core.doubts import (
    ABSENT_PROOFS,
)
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import (
    OrderId,
    OrderStatus,
)


def vanished(desk: Desk) -> OrderId:
    bid, _ = desk.quote()
    accept(desk, bid)
    del desk.venue.orders[bid]
    for _ in range(ABSENT_PROOFS + 1):
        desk.look(after_s=20)
    assert desk.state(bid) is OrderState.LOST
    return bid


def test_a_lost_order_is_over_when_the_venue_neither_lists_it_nor_has_trades_of_it(desk: Desk) -> None:
    bid = vanished(desk)

    assert asyncio.run(desk.all.questions.resolve(bid)) is OrderState.CANCELED


def test_a_lost_order_that_the_venue_lists_is_not_over_whatever_a_person_wants(desk: Desk) -> None:
    bid = vanished(desk)
    desk.venue.strays = [replace(STRAY, order_id=bid)]

    assert asyncio.run(desk.all.questions.resolve(bid)) is OrderState.LOST


def test_a_restart_ends_a_lost_order_that_the_venue_neither_lists_nor_knows(desk: Desk, journal: Journal) -> None:
    bid = vanished(desk)
    after = Desk(journal)

    asyncio.run(after.all.restore())
    assert after.state(bid) is OrderState.CANCELED


def test_a_restart_leaves_a_lost_order_lost_while_the_venue_lists_it(desk: Desk, journal: Journal) -> None:
    bid = vanished(desk)
    after = Desk(journal)
    after.venue.strays = [replace(STRAY, order_id=bid)]

    asyncio.run(after.all.restore())
    assert after.state(bid) is OrderState.LOST


def test_a_lost_order_is_what_the_venue_says_that_it_is(desk: Desk) -> None:
    bid = vanished(desk)
    desk.venue.orders[bid] = (OrderStatus.OPEN, 0)

    assert asyncio.run(desk.all.questions.resolve(bid)) is OrderState.OPEN
