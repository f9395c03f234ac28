"""A venue that lets fewer orders rest than are wanted: the ladder shrinks, on both sides, and grows again."""

import pytest

from harness.engines import accept, tick, trading
from tradingbot_runtime.core.order_room import LEAST, TRIES_AGAIN_NS, OrderRoom
from tradingbot_runtime.core.quoting import Quote
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
NOW = Nanos(10 * SECOND)


def ladder(bids: int, offers: int) -> tuple[Quote, ...]:
    """Outermost first: the order in which a strategy names them means nothing."""
    below = [Quote(Side.BUY, Ticks(100 - n), Lots(1)) for n in range(bids, 0, -1)]
    return (*below, *(Quote(Side.SELL, Ticks(100 + n), Lots(1)) for n in range(offers, 0, -1)))


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
    room = OrderRoom()
    room.refused(NOW, most)

    assert [quote.price for quote in room.fit(ladder(bids, offers), NOW)] == kept


def test_each_refusal_lowers_it_and_never_below_one_order_on_each_side() -> None:
    room = OrderRoom()

    assert [(room.refused(NOW, resting), room.most) for resting in (3, 3, 5, 1, 0)] == [
        (True, 3), (False, 3), (False, 3), (True, LEAST), (False, LEAST),
    ]  # fmt: skip


def test_after_a_time_all_are_tried_again() -> None:
    room = OrderRoom()
    room.refused(NOW, 2)
    over = Nanos(NOW + TRIES_AGAIN_NS)

    assert len(room.fit(ladder(3, 3), Nanos(over - 1))) == 2
    assert len(room.fit(ladder(3, 3), over)) == 6
    assert room.refused(over, 4)
    assert room.most == 4


def test_a_market_whose_venue_takes_three_orders_quotes_three_and_both_sides() -> None:
    """Also where one side was there first: its outermost order goes for the other side's innermost."""
    bot = trading(layers=2)
    market = bot.market
    placed = [a.command for a in bot.handle(tick(NOW)) if isinstance(a.command, Place)]
    bids = [order for order in placed if order.side is Side.BUY]
    assert (len(placed), len(bids)) == (4, 2)
    for order in bids:
        bot.handle(accept(order.order_id, NOW))
    for order in placed:
        if order.side is Side.SELL:
            bot.handle(OrderRejected(time_ns=NOW, order_id=order.order_id, reason=TOO_MANY_OPEN, message="full"))
    assert (market.room.most, market.quiet.until_ns) == (2, 0), "they shrank the ladder, and nothing waits"

    sent = [a.command for a in bot.handle(tick(NOW + SECOND))]
    offers = [command for command in sent if isinstance(command, Place)]
    (outermost,) = {order_id for command in sent for order_id in command.touches} - {o.order_id for o in offers}
    assert outermost == min(bids, key=lambda order: order.price).order_id
    assert [offer.side for offer in offers] == [Side.SELL]
    bot.handle(OrderCanceled(time_ns=NOW, order_id=outermost))
    bot.handle(OrderAccepted(time_ns=NOW, order_id=offers[0].order_id, venue_order_id="v"))

    assert {order.side for order in market.orders} == {Side.BUY, Side.SELL}
    assert bot.handle(tick(NOW + 2 * SECOND)) == []


def test_an_account_that_is_full_of_others_orders_is_left_alone_for_a_while() -> None:
    bot = trading(layers=1)
    for order in [a.command for a in bot.handle(tick(NOW)) if isinstance(a.command, Place)]:
        bot.handle(OrderRejected(time_ns=NOW, order_id=order.order_id, reason=TOO_MANY_OPEN, message="full"))

    assert bot.market.room.most == LEAST
    assert bot.market.quiet.until_ns > NOW
