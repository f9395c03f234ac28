"""What Argo CD is to say of each kind: an ordered tuple of rules, from which the scripts and their tests follow.

Argo CD knows Healthy, Progressing, Degraded and Suspended. Degraded is for what wants a person; whatever the operator
still works on is Progressing, else a sync wave would stop at every restart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tradingbot_operator.api.v1alpha1 import ConditionStatus
from tradingbot_operator.core.conditions import ConditionType, Reason

T, R = ConditionType, Reason
TRUE, FALSE = ConditionStatus.TRUE, ConditionStatus.FALSE


class Health(StrEnum):
    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"


@dataclass(frozen=True, slots=True)
class Rule:
    """The first that applies counts. `reasons`: only these; none: all."""

    condition: ConditionType
    status: ConditionStatus
    health: Health
    why: str
    reasons: tuple[Reason, ...] = ()

    def applies(self, status: str, reason: str) -> bool:
        return status == self.status and (not self.reasons or reason in self.reasons)


ASKED_FOR = (R.PAUSED_AS_REQUESTED, R.STOPPED_AS_REQUESTED)
WAITED_FOR = (R.OUTSIDE_MAINTENANCE_WINDOW, R.BLACKOUT, R.NOT_FLAT)
RULES: Mapping[str, Sequence[Rule]] = {
    "TradingBot": (
        Rule(T.HALTED, TRUE, Health.DEGRADED, "trading was stopped, and stays so until a person resumes"),
        Rule(T.STALLED, TRUE, Health.DEGRADED, "nothing goes on without a person"),
        Rule(T.RECONCILIATION_PAUSED, TRUE, Health.SUSPENDED, "a person has told the operator to apply nothing"),
        Rule(T.RECONCILING, TRUE, Health.PROGRESSING, "the operator is converging"),
        Rule(T.READY, TRUE, Health.SUSPENDED, "it is paused or stopped, as its spec asks", ASKED_FOR),
        Rule(T.READY, TRUE, Health.HEALTHY, "it trades"),
        Rule(T.READY, FALSE, Health.SUSPENDED, "a restart waits for its time; it trades on meanwhile", WAITED_FOR),
        Rule(T.READY, FALSE, Health.PROGRESSING, "it is not ready yet"),
    ),
    "Venue": (
        Rule(T.READY, TRUE, Health.HEALTHY, "bots may use it"),
        Rule(T.READY, FALSE, Health.PROGRESSING, "it is being deleted, and waits for bots", (R.IN_USE,)),
        Rule(T.READY, FALSE, Health.DEGRADED, "it cannot be used"),
    ),
    "TradingHalt": (
        Rule(T.READY, TRUE, Health.HEALTHY, "every bot that it selects is halted"),
        Rule(T.READY, FALSE, Health.DEGRADED, "it selects no bot: nobody is halted by it", (R.NO_BOTS_SELECTED,)),
        Rule(T.RECONCILING, TRUE, Health.PROGRESSING, "some slot has not confirmed yet"),
    ),
}  # fmt: skip
