"""Request weight and order counts in fixed windows, as Binance counts and reports them. Pure; time is an input."""

from dataclasses import dataclass

from tradingbot_runtime.simulator.refusals import Reason, Refusal

MINUTE_MS = 60_000
TEN_SECONDS_MS = 10_000
DAY_MS = 86_400_000


@dataclass(slots=True)
class Window:
    length_ms: int
    limit: int
    started: int = -1
    used: int = 0

    def count(self, amount: int, now_ms: int) -> None:
        number = now_ms // self.length_ms
        if number != self.started:
            self.started, self.used = number, 0
        self.used += amount

    def left_ms(self, now_ms: int) -> int:
        return self.length_ms - now_ms % self.length_ms


class RateLimits:
    def __init__(self, weight_per_minute: int, orders_per_10s: int) -> None:
        self.weight = Window(MINUTE_MS, weight_per_minute)
        self.orders = Window(TEN_SECONDS_MS, orders_per_10s)
        self.orders_of_day = Window(DAY_MS, orders_per_10s * 2000)

    def request(self, weight: int, now_ms: int) -> None:
        """Count a request. Raises Refusal (429) beyond the limit."""
        self.weight.count(weight, now_ms)
        if self.weight.used > self.weight.limit:
            raise Refusal(Reason.TOO_MANY_REQUESTS, self.weight.limit)

    def order(self, now_ms: int) -> None:
        """Count a new order. Raises Refusal (429) beyond the limit."""
        self.orders.count(1, now_ms)
        self.orders_of_day.count(1, now_ms)
        if self.orders.used > self.orders.limit:
            raise Refusal(Reason.TOO_MANY_ORDERS, self.orders.limit)

    def weight_headers(self) -> dict[str, str]:
        return {"X-MBX-USED-WEIGHT": str(self.weight.used), "X-MBX-USED-WEIGHT-1M": str(self.weight.used)}

    def order_headers(self) -> dict[str, str]:
        return {
            "X-MBX-ORDER-COUNT-10S": str(self.orders.used),
            "X-MBX-ORDER-COUNT-1D": str(self.orders_of_day.used),
        }

    def declared(self) -> list[dict[str, object]]:
        """`rateLimits` of exchangeInfo."""
        return [
            {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": window.limit}
            for kind, interval, number, window in self._windows()
        ]

    def used(self) -> list[dict[str, object]]:
        """`rateLimits` of a websocket API response."""
        return [
            {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": window.limit,
             "count": window.used}
            for kind, interval, number, window in self._windows()
        ]  # fmt: skip

    def _windows(self) -> tuple[tuple[str, str, int, Window], ...]:
        return (
            ("REQUEST_WEIGHT", "MINUTE", 1, self.weight),
            ("ORDERS", "SECOND", 10, self.orders),
            ("ORDERS", "DAY", 1, self.orders_of_day),
        )
