"""Which orders serve which quotes: as many as possible, so that as few messages as possible are needed."""

from collections.abc import Sequence

from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.core.quoting import Quote, Tolerance
from tradingbot_runtime.model import OrderId


def largest_matching(quotes: Sequence[Quote], orders: Sequence[Order], tolerance: Tolerance) -> dict[int, Order]:
    """The largest matching of quotes and orders, by augmenting paths (Kuhn's algorithm): index of quote -> order."""
    fitting: list[list[Order]] = []
    for quote in quotes:
        price, ticks = quote.price, tolerance.ticks
        near = [o for o in orders if -ticks <= o.price - price <= ticks and tolerance.keeps(o, quote)]
        if len(near) > 1:
            near.sort(key=lambda order: (abs(order.price - price), order.id))
        fitting.append(near)
    quote_of: dict[OrderId, int] = {}
    served: dict[int, Order] = {}
    for i, near in enumerate(fitting):
        if near and near[0].id not in quote_of:
            served[i], quote_of[near[0].id] = near[0], i
        elif near:
            _serve(i, fitting, quote_of, served)
    return served


def _serve(i: int, fitting: list[list[Order]], quote_of: dict[OrderId, int], served: dict[int, Order]) -> None:
    """Find quote `i` an order, moving others over to another one of theirs where that makes room."""
    came_from: dict[OrderId, int] = {}  # the quote from which the search reached an order
    queue = [i]
    for quote in queue:
        for order in fitting[quote]:
            if order.id in came_from:
                continue
            came_from[order.id] = quote
            if order.id in quote_of:
                queue.append(quote_of[order.id])
                continue
            _shift(order, came_from, quote_of, served)
            return


def _shift(order: Order, came_from: dict[OrderId, int], quote_of: dict[OrderId, int], served: dict[int, Order]) -> None:
    """Give `order` to the quote that the search came from, what that one had to the quote before it, and so on."""
    taken: Order | None = order
    while taken is not None:
        mover = came_from[taken.id]
        given, taken = taken, served.get(mover)
        served[mover], quote_of[given.id] = given, mover
