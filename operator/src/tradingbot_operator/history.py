"""How long halts, rollouts and phases took, from one written status to the next. For metrics; a new leader forgets.

Of a rollout the time in which it waits for a person, a window or its canary is counted by itself: a change that came on
Friday and was let through on Monday was not slow.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tradingbot_operator.api.v1alpha1 import Phase, TradingBotStatus
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.gates import HELD_UP
from tradingbot_operator.store import Name
from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.metric_families import Histogram

# A restart takes a minute a slot, a phase lasts for weeks.
LONG_BOUNDS_NS = tuple(seconds * 10**9 for seconds in (1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 21_600,
                                                       86_400, 604_800))  # fmt: skip
HALT_BOUNDS_NS = tuple(
    round(seconds * 10**9) for seconds in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
)
ROLLOUTS = (ChangeClass.SCALE, ChangeClass.RESTART)
WAITS = frozenset({*HELD_UP, Reason.ANNOTATION})
COMPLETED, ROLLED_BACK = "Completed", "RolledBack"
_REASONS = frozenset(Reason)


@dataclass(slots=True)
class _Rollout:
    since: datetime  # it was last looked at
    waits: bool
    moved_s: float = 0.0
    waited_s: float = 0.0

    def until(self, now: datetime, *, waits: bool) -> None:
        passed_s = max((now - self.since).total_seconds(), 0.0)
        if self.waits:
            self.waited_s += passed_s
        else:
            self.moved_s += passed_s
        self.since, self.waits = now, waits


def _long() -> Histogram:
    return Histogram(LONG_BOUNDS_NS)


@dataclass(slots=True)
class History:
    now: Callable[[], datetime]
    halts: Counter[tuple[str, ...]] = field(default_factory=Counter)  # by reason
    halt_latency: Histogram = field(default_factory=lambda: Histogram(HALT_BOUNDS_NS))
    rollouts: dict[str, Histogram] = field(default_factory=dict)  # by outcome
    rollouts_waited: dict[str, Histogram] = field(default_factory=dict)
    phases: dict[str, Histogram] = field(default_factory=dict)
    _phase_since: dict[Name, tuple[Phase, datetime | None]] = field(default_factory=dict)
    _rollouts: dict[Name, _Rollout] = field(default_factory=dict)

    def written(
        self, name: Name, before: TradingBotStatus, after: TradingBotStatus, halted_ns: Mapping[str, int]
    ) -> None:
        """`after` is in the API server now; `halted_ns`: when the runtimes stopped trading, by the halt's id."""
        self._halted(before, after, halted_ns)
        self._rolled(name, before, after)
        self._lived(name, before.phase, after.phase)

    def forget(self, name: Name) -> None:
        self._phase_since.pop(name, None)
        self._rollouts.pop(name, None)

    def _halted(self, before: TradingBotStatus, after: TradingBotStatus, halted_ns: Mapping[str, int]) -> None:
        known = {halt.id for halt in before.halts}
        confirmed = {halt.id for halt in before.halts if halt.confirmed}
        now_ns = round(self.now().timestamp() * 10**9)
        for halt in after.halts:
            if halt.id not in known:
                self.halts[halt.reason if halt.reason in _REASONS else Reason.HALTED,] += 1
            if halt.confirmed and halt.id not in confirmed and halt.id in halted_ns:
                self.halt_latency.observe(max(now_ns - halted_ns[halt.id], 0))

    def _rolled(self, name: Name, before: TradingBotStatus, after: TradingBotStatus) -> None:
        now, pending = self.now(), after.pending_change
        known = self._rollouts.get(name)
        if pending is not None and pending.change in ROLLOUTS:
            waits = pending.reason in WAITS
            if known is None:
                self._rollouts[name] = _Rollout(now, waits)
            else:
                known.until(now, waits=waits)
        if known is None:
            return
        outcome = _outcome(before, after)
        if outcome:
            known.until(now, waits=False)
            self.rollouts.setdefault(outcome, _long()).observe_s(known.moved_s)
            self.rollouts_waited.setdefault(outcome, _long()).observe_s(known.waited_s)
            del self._rollouts[name]

    def _lived(self, name: Name, before: Phase, after: Phase) -> None:
        known, since = self._phase_since.get(name, (before, None))
        if known is after and name in self._phase_since:
            return
        now = self.now()
        if since is not None:
            self.phases.setdefault(known, _long()).observe_s(max((now - since).total_seconds(), 0.0))
        # Of the phase in which this leader has found the bot nobody knows here when it began.
        self._phase_since[name] = after, now if before is not after else None


def _outcome(before: TradingBotStatus, after: TradingBotStatus) -> str:
    """What has become of a rollout; empty: it goes on."""
    if after.rolled_back is not None and before.rolled_back is None:
        return ROLLED_BACK
    return COMPLETED if after.pending_change is None or after.pending_change.change not in ROLLOUTS else ""
