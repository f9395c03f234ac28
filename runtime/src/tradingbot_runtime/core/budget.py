"""The message budget: a token bucket in integers, with a part that only cancels may use."""

from dataclasses import dataclass, field
from fractions import Fraction

from tradingbot_runtime.model import Nanos

_SECOND = 1_000_000_000


@dataclass(slots=True)
class Budget:
    """`burst` messages at once, refilled at `per_second`; `reserve` of them are for cancels only.

    Kept as the time at which the bucket would be full (GCRA), in nanoseconds: nothing to refill, nothing to round.
    """

    per_second: Fraction
    burst: int
    reserve: int
    full_at_ns: Nanos = Nanos(0)
    blocked_until_ns: Nanos = Nanos(0)  # the venue's own word; holds for cancels too
    orders_held_until_ns: Nanos = Nanos(0)  # the venue's own count: what is left is for cancels
    configured: Fraction = Fraction(0)  # rate; `per_second` is less while the venue bears less

    interval_ns: int = field(init=False)

    def __post_init__(self) -> None:
        self.configured = self.configured or self.per_second
        self.set_rate(self.per_second)

    def configure(self, fresh: "Budget") -> None:
        """Take the rates of a new configuration; what the venue was found to bear holds as a share of it."""
        self.set_rate(self.per_second * fresh.configured / self.configured)
        self.configured, self.burst, self.reserve = fresh.configured, fresh.burst, fresh.reserve

    def set_rate(self, per_second: Fraction) -> None:
        """Also while running: what has been taken stays taken."""
        self.per_second = per_second
        self.interval_ns = int(_SECOND / per_second)

    def available(self, now_ns: Nanos) -> int:
        """Messages of any kind that may be sent now."""
        if self.is_blocked(now_ns):
            return 0
        missing = max(self.full_at_ns - now_ns, 0)
        return max(self.burst - -(-missing // self.interval_ns), 0)

    def for_orders(self, now_ns: Nanos) -> int:
        """Messages other than cancels that may be sent now."""
        return max(self.for_hedges(now_ns) - self.reserve, 0)

    def for_hedges(self, now_ns: Nanos) -> int:
        """The same for orders that may use what else only cancels may; the venue's own count holds for them, too."""
        return self.available(now_ns) if now_ns >= self.orders_held_until_ns else 0

    def take(self, now_ns: Nanos, messages: int = 1) -> None:
        """Account for `messages`, whether there was room for them or not: cancels of our own orders always pass."""
        self.full_at_ns = Nanos(max(self.full_at_ns, now_ns) + messages * self.interval_ns)

    def block(self, until_ns: Nanos) -> None:
        """The venue said to wait: a message before `until_ns` would prolong the ban."""
        self.blocked_until_ns = Nanos(max(self.blocked_until_ns, until_ns))

    def hold_orders(self, until_ns: Nanos) -> None:
        """A limit of the venue is nearly used up: only cancels before `until_ns`."""
        self.orders_held_until_ns = Nanos(max(self.orders_held_until_ns, until_ns))

    def is_blocked(self, now_ns: Nanos) -> bool:
        return now_ns < self.blocked_until_ns
