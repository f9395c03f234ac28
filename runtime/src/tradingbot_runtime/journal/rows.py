"""Rows of the journal as the core's own objects."""

from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.model import Lots, OrderId, Side, Ticks

ORDERS = (
    "SELECT order_id, side, price, quantity, (SELECT coalesce(sum(quantity), 0) FROM fills"
    " WHERE fills.order_id = orders.order_id), state, venue_order_id, replaces, seen, venue_time_ns FROM orders"
)


def order_of(row: tuple[str, str, int, int, int, str, str, str, int, int]) -> Order:
    order_id, side, price, quantity, filled, state, venue_order_id, replaces, seen, venue_time_ns = row
    return Order(OrderId(order_id), Side(side), Ticks(price), Lots(quantity), Lots(filled), OrderState(state),
                 venue_order_id, replaces=OrderId(replaces), seen=bool(seen), venue_time_ns=venue_time_ns)  # fmt: skip
