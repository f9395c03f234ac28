"""When each loop of reconciliation asks the venue. Pure: time is an input.

A loop that fails waits, and holds up no other one. Those that fail wait for each other: a venue that is away is asked
no more often than by one loop.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tradingbot_runtime.core.doubts import SECOND
from tradingbot_runtime.model import Nanos

LONGEST_PAUSE_NS = 8 * SECOND  # after a failure; it doubles from one second on
# Counted: enough for the longest pause, and few enough for the newest failure not to go first for long.
FAILURES_MOST = 5


@dataclass(slots=True, eq=False)
class Pace:
    """One loop, on the process' own clock."""

    answered_ns: Nanos = Nanos(0)
    failed_ns: Nanos = Nanos(0)
    failures: int = 0  # in a row

    def is_due(self, now_ns: Nanos, every_ns: int) -> bool:
        return now_ns - self.answered_ns >= every_ns


@dataclass(slots=True)
class Paces:
    questions: Pace = field(default_factory=Pace)
    sweep: Pace = field(default_factory=Pace)
    trades: Pace = field(default_factory=Pace)
    balances: Pace = field(default_factory=Pace)
    failed_ns: Nanos = Nanos(0)  # the latest of them; 0: what had failed works again

    def answered(self, pace: Pace, now_ns: Nanos) -> None:
        """Where it had failed, perhaps the others work again as well: none of them waits any longer."""
        if pace.failures:
            self.failed_ns = Nanos(0)
        pace.answered_ns, pace.failures = now_ns, 0

    def failed(self, pace: Pace, now_ns: Nanos) -> None:
        self.failed_ns = pace.failed_ns = now_ns
        pace.failures = min(pace.failures + 1, FAILURES_MOST)

    def turns(self, now_ns: Nanos, due: Iterable[Pace]) -> list[Pace]:
        """Which of those that are due may ask now: first those that work, then who has failed least and longest ago."""
        patient = now_ns - self.failed_ns < self._pause_ns
        allowed = [pace for pace in due if not (pace.failures and patient)]
        return sorted(allowed, key=lambda pace: (pace.failures, pace.failed_ns if pace.failures else 0))

    @property
    def _pause_ns(self) -> int:
        """By all failures together: each loop adds to what is known of a venue that is away."""
        failures = sum(pace.failures for pace in (self.questions, self.sweep, self.trades, self.balances))
        return min(SECOND << (failures - 1), LONGEST_PAUSE_NS) if failures else 0
