"""A venue that lets fewer orders rest than are wanted: the ladder shrinks, on both sides, and grows again."""

from collections.abc import Sequence

import pytest

from harness.engines import accept, tick, trading
from tradingbot_runtime.core.order_room import FORGOTTEN_NS, GROWS_NS, LEAST, PROVED_AFTER_NS, OrderRoom
from tradingbot_runtime.core.quoting import Quote
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.model import (
    TOO_MANY_OPEN,
    Lots,
    Nanos,
    OrderAccepted,
    OrderCanceled,
    OrderRejected,
    Place,
    Side,
    Ticks,
)

SECOND = 1_000_000_000
NOW = Nanos(1_000 * SECOND)
LATER = Nanos(NOW + PROVED_AFTER_NS)


def ladder(bids: int, offers: int) -> tuple[Quote, ...]:
    """Outermost first: the order in which a strategy names them means nothing."""
    below = [Quote(Side.BUY, Ticks(100 - n), Lots(1)) for n in range(bids, 0, -1)]
    return (*below, *(Quote(Side.SELL, Ticks(100 + n), Lots(1)) for n in range(offers, 0, -1)))


def proved(resting: int) -> OrderRoom:
    """Refused once, and again a second later."""
    room = OrderRoom()
    assert not room.refused(NOW, 40), "cancels may still have been on their way"
    assert not room.refused(Nanos(NOW + PROVED_AFTER_NS - 1), 40)
    assert room.most is None
    room.refused(LATER, resting)
    return room


@pytest.mark.parametrize(
    ("most", "bids", "offers", "kept"),
    [
        (4, 3, 3, [98, 99, 102, 101]),
        (3, 3, 3, [98, 99, 101]),
        (3, 1, 4, [99, 102, 101]),
        (2, 3, 3, [99, 101]),
        (3, 3, 0, [97, 98, 99]),
        (6, 3, 3, [97, 98, 99, 103, 102, 101]),
    ],
)
def test_the_innermost_of_both_sides_are_kept(most: int, bids: int, offers: int, kept: list[int]) -> None:
    room = proved(most)

    assert [quote.price for quote in room.fit(ladder(bids, offers), NOW)] == kept


def test_each_refusal_lowers_it_and_never_below_one_order_on_each_side() -> None:
    room = proved(4)

    assert [(room.refused(LATER, resting), room.most) for resting in (3, 3, 5, 1, 0)] == [
        (True, 3), (False, 3), (False, 3), (True, LEAST), (False, LEAST),
    ]  # fmt: skip


def test_a_refusal_that_no_other_follows_is_forgotten() -> None:
    room = OrderRoom()
    room.refused(NOW, 4)

    assert not room.refused(Nanos(NOW + FORGOTTEN_NS + 1), 4)
    assert room.most is None
    assert room.refused(Nanos(NOW + 2 * FORGOTTEN_NS + 1), 4), "just in time"


def test_after_a_time_one_more_on_each_side_is_tried_and_at_last_all() -> None:
    room = proved(2)
    once, twice = Nanos(LATER + GROWS_NS), Nanos(LATER + 2 * GROWS_NS)

    moments = (Nanos(once - 1), once, Nanos(twice - 1), twice)
    assert [len(room.fit(ladder(3, 3), at)) for at in moments] == [2, 4, 4, 6]
    assert room.most is None
    assert not room.refused(twice, 5), "and is proved anew"


def refuse(bot: Engine, orders: Sequence[Place], now_ns: Nanos) -> None:
    for order in orders:
        bot.handle(OrderRejected(time_ns=now_ns, order_id=order.order_id, reason=TOO_MANY_OPEN, message="full"))


def placed(bot: Engine, now_ns: Nanos) -> list[Place]:
    return [a.command for a in bot.handle(tick(now_ns)) if isinstance(a.command, Place)]


def test_a_market_whose_venue_takes_two_orders_quotes_both_sides() -> None:
    """Also where one side was there first: its outermost order goes for the other side's innermost."""
    bot = trading(layers=2)
    market = bot.market
    first = placed(bot, NOW)
    bids = [order for order in first if order.side is Side.BUY]
    assert (len(first), len(bids)) == (4, 2)
    for order in bids:
        bot.handle(accept(order.order_id, NOW))
    refuse(bot, [order for order in first if order.side is Side.SELL], NOW)
    assert (market.room.most, placed(bot, Nanos(NOW + 1))) == (None, []), "it waits for a second, and learns nothing"

    offers = placed(bot, LATER)
    assert {order.side for order in offers} == {Side.SELL}
    refuse(bot, offers, LATER)
    assert market.room.most == 2

    sent = [a.command for a in bot.handle(tick(Nanos(LATER + SECOND)))]
    (offer,) = (command for command in sent if isinstance(command, Place))
    (outermost,) = {order_id for command in sent for order_id in command.touches} - {offer.order_id}
    assert outermost == min(bids, key=lambda order: order.price).order_id
    bot.handle(OrderCanceled(time_ns=LATER, order_id=outermost))
    bot.handle(OrderAccepted(time_ns=LATER, order_id=offer.order_id, venue_order_id="v"))

    assert {order.side for order in market.orders} == {Side.BUY, Side.SELL}
    assert bot.handle(tick(Nanos(LATER + 2 * SECOND))) == []


def test_orders_that_were_faster_than_our_own_cancels_prove_nothing() -> None:
    bot = trading(layers=2)
    first = placed(bot, NOW)
    for order in first:
        bot.handle(accept(order.order_id, NOW))
    moved = Nanos(NOW + SECOND)
    sent = [a.command for a in bot.handle(tick(moved, 6_100_000, 6_100_002))]
    for order in first:
        bot.handle(OrderCanceled(time_ns=moved, order_id=order.order_id))
    refuse(bot, [command for command in sent if isinstance(command, Place)], moved)

    assert bot.market.room.most is None


def test_an_account_that_is_full_of_others_orders_is_left_alone_for_longer_and_longer() -> None:
    bot = trading(layers=1)
    refuse(bot, placed(bot, NOW), NOW)
    refuse(bot, placed(bot, LATER), LATER)
    again = Nanos(LATER + SECOND)
    refuse(bot, placed(bot, again), again)

    assert bot.market.room.most == LEAST
    assert bot.market.quiet.until_ns > again
