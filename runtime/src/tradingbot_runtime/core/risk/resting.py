"""Orders that rest in the market under limits that were not the ones that let them in."""

from collections.abc import Collection, Container, Iterable
from typing import NamedTuple

import msgspec

from tradingbot_runtime.core.orders import PENDING, WORKING, Order
from tradingbot_runtime.core.risk.exposure import across_markets, leverage, open_orders, order_size, position, skew
from tradingbot_runtime.core.risk.limits import Limits
from tradingbot_runtime.core.risk.situation import Situation
from tradingbot_runtime.core.risk.validity import fat_finger
from tradingbot_runtime.core.risk.verdict import Check
from tradingbot_runtime.model import Lots, Money, OrderId, Place, Side

# What an order may be and lead to. What may be sent at all, budgets and losses are about sending; the money for it is
# bound at the venue already.
CHECKS: tuple[Check, ...] = (fat_finger, order_size, position, across_markets, skew, open_orders, leverage)


class Judged(NamedTuple):
    """Orders that are to leave, and those that are to be looked at again: none, once all the others fit."""

    unfit: frozenset[OrderId]
    suspects: frozenset[OrderId]


def judge(
    orders: Iterable[Order],
    suspects: Collection[OrderId],
    now: Situation,
    limits: Limits,
    held: Container[OrderId] = (),
) -> Judged:
    """Which of `suspects`, orders that other limits let in, these limits would refuse beside all the rest.

    The innermost are let in first, so that the outermost leave until the worst case fits. What is leaving counts as
    gone: nothing more can be done about it, and it would take others along. Should it fill, the rest is judged anew,
    because all are suspect until each of them either fits or is over. What is `held` cannot be cancelled
    now: others leave in its place.
    """
    live = list(orders)
    suspected = [order for order in live if order.id in suspects]
    judged = [order for order in suspected if order.state in WORKING and order.id not in held]
    now = _without(now, [*judged, *(order for order in live if order.state in PENDING)], limits)
    unfit: set[OrderId] = set()
    for order in sorted(judged, key=lambda order: (abs(2 * order.price * now.mid_unit - now.mid_2), order.id)):
        again = Place(order_id=order.id, side=order.side, price=order.price, quantity=order.leaves_quantity)
        if any(check(again, now, limits) for check in CHECKS):
            unfit.add(order.id)
        else:
            now = now.plus(again, limits.instrument.tick_lot)
    is_settled = not unfit and len(judged) == len(suspected)
    return Judged(frozenset(unfit), frozenset() if is_settled else frozenset(order.id for order in suspected))


def _without(now: Situation, orders: Iterable[Order], limits: Limits) -> Situation:
    """The situation if none of `orders` were in the market."""
    buying, selling, cost, count = now.buying, now.selling, now.buying_cost, now.open_orders
    for order in orders:
        leaves = order.leaves_quantity
        count -= 1
        if order.side is Side.BUY:
            buying = Lots(buying - leaves)
            cost = Money(cost - leaves * order.price * limits.instrument.tick_lot)
        else:
            selling = Lots(selling - leaves)
    return msgspec.structs.replace(now, buying=buying, selling=selling, buying_cost=cost, open_orders=count)
