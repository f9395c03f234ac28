"""Every order and trade of the account, bounded: the oldest closed orders and the oldest trades are forgotten."""

from collections import deque
from collections.abc import Iterator

from tradingbot_runtime.simulator.orders import Order, Trade


class History:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._orders: dict[int, Order] = {}
        self._open: dict[int, Order] = {}
        self._closed: deque[int] = deque()
        self._by_client_id: dict[tuple[str, str], int] = {}
        self.trades: deque[Trade] = deque(maxlen=limit)
        self.placed = 0
        self.filled = 0

    def add(self, order: Order) -> None:
        self.placed += 1
        self._orders[order.order_id] = order
        self._open[order.order_id] = order
        self._by_client_id[order.listing.symbol, order.client_id] = order.order_id

    def close(self, order: Order) -> None:
        """The order is no longer open; the oldest closed one may be forgotten."""
        del self._open[order.order_id]
        self._closed.append(order.order_id)
        if len(self._closed) > self._limit:
            forgotten = self._orders.pop(self._closed.popleft())
            key = (forgotten.listing.symbol, forgotten.client_id)
            if self._by_client_id.get(key) == forgotten.order_id:
                del self._by_client_id[key]

    def add_trade(self, trade: Trade) -> None:
        self.filled += 1
        self.trades.append(trade)

    def get(self, order_id: int) -> Order | None:
        return self._orders.get(order_id)

    def by_client_id(self, symbol: str, client_id: str) -> Order | None:
        """The newest order of that name."""
        order_id = self._by_client_id.get((symbol, client_id))
        return None if order_id is None else self._orders[order_id]

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        return [order for order in self._open.values() if symbol is None or order.listing.symbol == symbol]

    def is_open(self, symbol: str, client_id: str) -> bool:
        order = self.by_client_id(symbol, client_id)
        return order is not None and order.status.open

    def __iter__(self) -> Iterator[Order]:
        return iter(self._orders.values())
