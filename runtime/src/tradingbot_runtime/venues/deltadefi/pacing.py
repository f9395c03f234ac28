"""The pace of calls on order paths: in turn, withdrawals first, and slower while the venue says that it is too much.

The engine plans within the account's budget; what it withdraws goes beyond it, and must not arrive all at once.
DeltaDeFi publishes no limit, so the rate adapts: halved by a 4290, and raised again step by step while calls succeed.
"""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction

from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.errors import OutcomeUnknown
from tradingbot_runtime.model import Nanos

WAITING_MOST = 500
SECOND = 1_000_000_000
SLOWEST = Fraction(1, 2)  # calls a second
PAUSE_NS = SECOND  # after a 4290, where the venue names no time
RAISE_EVERY_NS = SECOND
STEPS = 20  # from the slowest to the full rate


class Lane(IntEnum):
    """Who goes first."""

    CANCEL = 0
    SUBMIT = 1  # what is built is not worth much a second later
    BUILD = 2


class TooManyWaiting(OutcomeUnknown):
    """Nothing was sent: too many calls wait already, or for too long."""


@dataclass(slots=True)
class Pace:
    """The rate that the venue bears: additive increase, multiplicative decrease. Pure."""

    full: Fraction  # as configured
    now: Fraction
    changed_ns: Nanos = Nanos(0)

    def refused(self, now_ns: Nanos) -> None:
        self.now = max(self.now / 2, min(SLOWEST, self.full))
        self.changed_ns = now_ns

    def accepted(self, now_ns: Nanos) -> None:
        if self.now < self.full and now_ns - self.changed_ns >= RAISE_EVERY_NS:
            self.now = min(self.now + self.full / STEPS, self.full)
            self.changed_ns = now_ns

    def configure(self, full: Fraction) -> None:
        """A new configuration; what was learnt holds as a share of it."""
        self.now, self.full = self.now * full / self.full, full


@dataclass(slots=True)
class Pacer:
    """Grants turns. `account` is the engine's budget: its rate follows what the venue bears, too."""

    account: Budget
    now_ns: Callable[[], Nanos]
    pace: Pace = field(init=False)
    budget: Budget = field(init=False)  # of the calls that really leave
    _waiting: list[tuple[Lane, int, "asyncio.Future[None]"]] = field(default_factory=list)
    _number: int = 0
    _timer: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self.pace = Pace(self.account.configured, self.account.per_second)
        self.budget = Budget(self.account.per_second, self.account.burst, self.account.reserve)

    @property
    def waiting(self) -> int:
        return sum(1 for *_, turn in self._waiting if not turn.done())

    async def turn(self, lane: Lane, within_s: float) -> None:
        """Return when the call may leave. Raises TooManyWaiting; a cancelled wait takes no turn."""
        if len(self._waiting) >= WAITING_MOST:
            self._waiting = [entry for entry in self._waiting if not entry[2].done()]
            heapq.heapify(self._waiting)
            if len(self._waiting) >= WAITING_MOST:
                raise TooManyWaiting(f"{WAITING_MOST} calls wait for their turn")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number += 1
        heapq.heappush(self._waiting, (lane, self._number, turn))
        self._grant()
        try:
            async with asyncio.timeout(within_s):
                await turn
        except TimeoutError:
            raise TooManyWaiting(f"no turn within {within_s} s") from None

    def refused(self, wait_s: float = 0) -> None:
        """The venue said that it is too much; `wait_s`: for how long, where it says so."""
        now_ns = self.now_ns()
        self._follow()
        self.pace.refused(now_ns)
        self._apply()
        until_ns = Nanos(now_ns + max(PAUSE_NS, int(wait_s * SECOND)))
        self.budget.block(until_ns)
        self.account.block(until_ns)

    def accepted(self) -> None:
        self._follow()
        if self.pace.now < self.pace.full:
            self.pace.accepted(self.now_ns())
            self._apply()

    def _apply(self) -> None:
        self.budget.set_rate(self.pace.now)
        self.account.set_rate(self.pace.now)

    def _follow(self) -> None:
        """The configuration may have changed the account's budget since; a rate is written over it only after this."""
        if self.account.configured != self.pace.full:
            self.pace.configure(self.account.configured)
            self._apply()
        self.budget.burst, self.budget.reserve = self.account.burst, self.account.reserve

    def _grant(self) -> None:
        """Let as many leave as may, the most urgent first; look again when the next one may."""
        self._follow()
        while self._waiting:
            lane, _, turn = self._waiting[0]
            if turn.done():
                heapq.heappop(self._waiting)
                continue
            now_ns = self.now_ns()
            free = self.budget.available(now_ns) if lane is Lane.CANCEL else self.budget.for_orders(now_ns)
            if not free:
                self._look_again(now_ns)
                return
            heapq.heappop(self._waiting)
            self.budget.take(now_ns)
            turn.set_result(None)

    def _look_again(self, now_ns: Nanos) -> None:
        if self._timer is not None:
            self._timer.cancel()
        wait_ns = max(self.budget.blocked_until_ns - now_ns, self.budget.interval_ns // 4, SECOND // 1000)
        self._timer = asyncio.get_running_loop().call_later(wait_ns / SECOND, self._grant)
