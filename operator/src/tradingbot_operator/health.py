"""What the probes ask. Liveness: is it proved that news is reconciled; a restart must be what mends it if not.

An API server that is away is nobody's reason for a restart: what waits for it is counted only as long as it answers.
A blocked event loop needs no rule: it answers no probe either.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tradingbot_operator.canary import Canary
from tradingbot_operator.contained import Bugs
from tradingbot_operator.leadership import Leadership
from tradingbot_operator.queue import WorkQueue
from tradingbot_operator.reconcile import Key
from tradingbot_operator.resync import Resync
from tradingbot_operator.watches import Watches


@dataclass(frozen=True, slots=True)
class Health:
    """`stuck_after_s` is how long nothing may move while there is something to do."""

    clock: Callable[[], float]
    resync_s: float
    stuck_after_s: float
    leadership: Leadership
    queue: WorkQueue[Key]
    resync: Resync
    watches: Watches
    canary: Canary
    bugs: Bugs = field(default_factory=Bugs)

    def unhealthy(self) -> str:
        """Why the process should be restarted; empty when it should not. A standby has nothing to prove."""
        if not self.leadership.leading or self.resync.last_success is None:
            return ""
        ages = ((rule, self.answered(rule.age_s(self))) for rule in RULES)
        kinds = ", ".join(self.watches.owing())
        return next((rule.why.format(age_s, kinds) for rule, age_s in ages if age_s > rule.most_s(self)), "")

    def not_ready(self) -> str:
        """Why nobody should count on this replica yet; empty: it leads and sees, or stands by for one that lives."""
        if not self.leadership.leading:
            return "" if self.leadership.sees_leader() else "neither leads nor sees a leader that lives"
        if self.resync.last_success is None:
            return "reading the cluster"
        behind = self.watches.behind()
        return f"not everything that is there was told by the watches of {', '.join(behind)}" if behind else ""

    def answered(self, waited_s: float) -> float:
        """For how much of that time it is known that the API server answered."""
        since, until = self.leadership.answering or (0.0, 0.0)
        return max(until - max(since, self.clock() - waited_s), 0.0)


@dataclass(frozen=True, slots=True)
class Rule:
    """`age_s` of something that should not grow old; past `most_s` it is a reason, `why`."""

    age_s: Callable[[Health], float]
    most_s: Callable[[Health], float]
    why: str


RULES = (
    Rule(lambda h: h.queue.machine.stands_still_s(h.clock()), lambda h: h.stuck_after_s,
         "keys wait, and no worker has taken one for {:.0f} s"),
    # Thousands of keys at a start take longer than one may; but each gets its turn.
    Rule(lambda h: h.queue.machine.oldest_wait_s(h.clock()), lambda h: 10 * h.stuck_after_s,
         "a key waits for {:.0f} s"),
    Rule(lambda h: h.queue.machine.longest_work_s(h.clock()), lambda h: 3 * h.stuck_after_s,
         "a reconciliation takes {:.0f} s"),
    # One that fails ends as well: that is the API server's doing, and a restart would not help.
    Rule(lambda h: h.clock() - (h.resync.last_end or 0.0), lambda h: 3 * h.resync_s + h.stuck_after_s,
         "no sweep has ended for {:.0f} s"),
    Rule(lambda h: h.watches.owing_s(), lambda h: h.stuck_after_s,
         "the watch of {1} does not tell of what a sweep has found, for {0:.0f} s"),
    Rule(lambda h: h.canary.out_for_s(), lambda h: 2 * h.stuck_after_s,
         "the canary has not come back for {:.0f} s"),
    # Within that time every object there is has had its turn: what fails is not one of them, and a restart may help.
    Rule(lambda h: h.bugs.age_s(h.clock()), lambda h: h.resync_s + 2 * h.stuck_after_s,
         "reconciliations do nothing but fail, for {:.0f} s"),
)  # fmt: skip
