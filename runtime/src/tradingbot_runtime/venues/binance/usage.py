"""How much of the venue's limits is used up, by the venue's own count. Pure; time is an input.

Source: Binance spot API documentation, "LIMITS" and "Rate limits" of the websocket API. Every answer tells the count
of the interval that runs: REST in `X-MBX-USED-WEIGHT-1M` and `X-MBX-ORDER-COUNT-10S`, the websocket API in
`rateLimits`. Weight is counted by IP address, so that others may use it up too; orders by account, and only new ones.
Intervals begin at whole multiples of their length on the venue's clock.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

WEIGHT, ORDERS = "REQUEST_WEIGHT", "ORDERS"
QUESTIONS_UP_TO = 80  # per cent of the weight; what is above is kept for orders and cancels
ORDERS_UP_TO = 95  # per cent of weight and order count; what is above is kept for cancels, and for what we do not see
_SECONDS = {"S": 1, "M": 60, "H": 3_600, "D": 86_400}  # by the first letter of `interval`
_HEADERS = {"X-MBX-USED-WEIGHT-": WEIGHT, "X-MBX-ORDER-COUNT-": ORDERS}
_LABEL = re.compile(r"(\d{1,4})([SMHD])")


class RateLimit(msgspec.Struct, rename="camel"):
    """An entry of `rateLimits`, in exchangeInfo without `count`."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int
    count: int | None = None


@dataclass(slots=True)
class Window:
    """One limit; `limit` 0: not known yet."""

    length_ms: int
    limit: int = 0
    used: int = 0
    number: int = -1  # of the interval that `used` was counted in

    def counted(self, used: int, venue_ms: int) -> None:
        """Answers overtake each other: within an interval the count only rises."""
        number = venue_ms // self.length_ms
        self.used = max(self.used, used) if number == self.number else used
        self.number = number

    def wait_ms(self, venue_ms: int, percent: int) -> int:
        """How long until less than `percent` of the limit is used; 0: it is."""
        if not self.limit or venue_ms // self.length_ms != self.number or self.used * 100 < self.limit * percent:
            return 0
        return self.length_ms - venue_ms % self.length_ms


@dataclass(slots=True)
class Usage:
    windows: dict[tuple[str, int], Window] = field(default_factory=dict)  # by type and length

    def declared(self, limits: Iterable[RateLimit], venue_ms: int) -> None:
        """Take in `rateLimits` of exchangeInfo or of an answer."""
        for limit in limits:
            unit_s = _SECONDS.get(limit.interval[:1])
            if unit_s is None or limit.interval_num < 1 or limit.rate_limit_type not in (WEIGHT, ORDERS):
                continue
            window = self._window(limit.rate_limit_type, limit.interval_num * unit_s)
            window.limit = limit.limit
            if limit.count is not None:
                window.counted(limit.count, venue_ms)

    def told(self, headers: Mapping[str, str], venue_ms: int) -> None:
        """Take in the headers of a REST answer."""
        for name, text in headers.items():
            for prefix, kind in _HEADERS.items():
                label = _LABEL.fullmatch(name.upper().removeprefix(prefix))
                if label is not None and name.upper().startswith(prefix) and text.isdecimal():
                    self._window(kind, int(label[1]) * _SECONDS[label[2]]).counted(int(text), venue_ms)

    def questions_wait_ms(self, venue_ms: int) -> int:
        """How long questions must wait, so that orders and cancels need not."""
        weights = (w for (kind, _), w in self.windows.items() if kind == WEIGHT)
        return max((w.wait_ms(venue_ms, QUESTIONS_UP_TO) for w in weights), default=0)

    def orders_wait_ms(self, venue_ms: int) -> int:
        """How long new orders must wait. Cancels never do: they do not count as orders, and weigh one."""
        return max((w.wait_ms(venue_ms, ORDERS_UP_TO) for w in self.windows.values()), default=0)

    def _window(self, kind: str, length_s: int) -> Window:
        return self.windows.setdefault((kind, length_s), Window(length_s * 1_000))
