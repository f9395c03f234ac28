"""When each loop of reconciliation asks the venue. Pure: time is an input.

A loop that fails waits, and holds up no other one. Those that fail wait for each other: a venue that is away is asked
no more often than by one loop.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tradingbot_runtime.core.doubts import SECOND
from tradingbot_runtime.model import Nanos

LONGEST_PAUSE_NS = 8 * SECOND  # after a failure; it doubles from one second on
# Three periods of the sweep: five tries or so. With the period before it, less than `Limits.check_within_ns`.
UNCOMPARED_AFTER_NS = 30 * SECOND
# Counted: enough for the longest pause, and few enough for the newest failure not to go first for long.
FAILURES_MOST = 5


@dataclass(slots=True, eq=False)
class Pace:
    """One loop, on the process' own clock."""

    answered_ns: Nanos = Nanos(0)  # or what stands for it, where the next question is to come sooner
    failed_ns: Nanos = Nanos(0)
    failures: int = 0  # in a row
    failing_ns: Nanos = Nanos(0)  # the first of them
    known_ns: Nanos = Nanos(0)  # the latest answer; 0: none in this life
    why: str = ""  # it has none now
    what: str = ""  # it asks for

    def is_due(self, now_ns: Nanos, every_ns: int) -> bool:
        return now_ns - self.answered_ns >= every_ns


@dataclass(slots=True)
class Paces:
    questions: Pace = field(default_factory=Pace)
    sweep: Pace = field(default_factory=lambda: Pace(what="the open orders"))
    trades: Pace = field(default_factory=lambda: Pace(what="the trades"))
    balances: Pace = field(default_factory=lambda: Pace(what="the balances"))
    failed_ns: Nanos = Nanos(0)  # the latest of them; 0: what had failed works again
    is_uncompared: bool = False

    def answered(self, pace: Pace, now_ns: Nanos) -> None:
        """Where it had failed, perhaps the others work again as well: none of them waits any longer."""
        if pace.failures:
            self.failed_ns = Nanos(0)
        pace.answered_ns = pace.known_ns = now_ns
        pace.failures, pace.why = 0, ""

    def failed(self, pace: Pace, now_ns: Nanos, why: str = "") -> None:
        if not pace.failures:
            pace.failing_ns = now_ns
        self.failed_ns = pace.failed_ns = now_ns
        pace.failures, pace.why = min(pace.failures + 1, FAILURES_MOST), why

    def pause(self, elapsed_ns: int) -> None:
        """Nobody could be asked for so long: that is no failure to answer."""
        for pace in self._compared:
            pace.failing_ns = Nanos(pace.failing_ns + elapsed_ns)

    def uncompared(self, now_ns: Nanos) -> Pace | None:
        """Whether the account is not known any more; the loop that has failed for longest.

        It begins with one that fails for long, and ends when every one has been answered again: what the sweep does not
        show, the trades or the balances may.
        """
        failing = [pace for pace in self._compared if pace.failures]
        self.is_uncompared = bool(failing) and (
            self.is_uncompared or any(now_ns - pace.failing_ns >= UNCOMPARED_AFTER_NS for pace in failing)
        )
        return min(failing, key=lambda pace: pace.failing_ns) if self.is_uncompared else None

    def turns(self, now_ns: Nanos, due: Iterable[Pace]) -> list[Pace]:
        """Which of those that are due may ask now: first those that work, then who has failed least and longest ago."""
        patient = now_ns - self.failed_ns < self._pause_ns
        allowed = [pace for pace in due if not (pace.failures and patient)]
        return sorted(allowed, key=lambda pace: (pace.failures, pace.failed_ns if pace.failures else 0))

    @property
    def _compared(self) -> tuple[Pace, ...]:
        """What compares the account with the venue; questions are about orders that are in doubt already."""
        return self.sweep, self.trades, self.balances

    @property
    def _pause_ns(self) -> int:
        """By all failures together: each loop adds to what is known of a venue that is away."""
        failures = sum(pace.failures for pace in (self.questions, *self._compared))
        return min(SECOND << (failures - 1), LONGEST_PAUSE_NS) if failures else 0
