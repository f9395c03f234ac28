"""What a restart waits for although every slot is well: the calendar, positions, and who tries it first. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tradingbot_operator.core.conditions import Reason
from tradingbot_runtime.config import Rollout

if TYPE_CHECKING:  # they import this
    from tradingbot_operator.core.children import Plan
    from tradingbot_operator.core.observed import Observed, Pod

POSITION_RECHECK_S = 5.0  # a fill wakes nobody up
CANARY_RECHECK_S = 30.0  # what it is compared by does not, either
HELD_UP = (Reason.OUTSIDE_MAINTENANCE_WINDOW, Reason.BLACKOUT, Reason.NOT_FLAT, Reason.CANARY_RUNNING)


@dataclass(frozen=True, slots=True)
class Closed:
    """Why a restart waits; `until` is RFC 3339 and empty where no time is known, `for_s` when to look again."""

    reason: Reason
    message: str
    until: str = ""
    for_s: float | None = None


def closed_gate(plan: "Plan", observed: "Observed") -> Closed | None:
    """For the slot that a rollout would restart next; None when it may, or when there is none.

    Only a change of class Restart waits: a slot whose markets move would leave one of them to nobody meanwhile. And a
    slot that does not run is not protected from what may mend it.
    """
    old = [pod for pod in observed.pods if pod.ordinal < plan.replicas and pod.restart_hash != plan.restart_hash]
    following = max(old, key=lambda pod: pod.ordinal, default=None)
    if following is None or following.inputs == plan.inputs or not following.started or following.trouble is not None:
        return None
    if plan.goes_back and not following.stream.ready:
        return None
    rollout = plan.accepted.spec.rollout
    return next((found for gate in GATES if (found := gate(rollout, observed, following))), None)


def _calendar(_rollout: Rollout, observed: "Observed", _pod: "Pod") -> Closed | None:
    return observed.closed


def _positions(rollout: Rollout, _observed: "Observed", pod: "Pod") -> Closed | None:
    if not rollout.flat_only:
        return None
    report = pod.stream.report
    if report is None or not pod.stream.connected:
        what = f"slot {pod.ordinal} does not answer, so nobody knows whether it holds a position"
        return Closed(Reason.NOT_FLAT, what, for_s=POSITION_RECHECK_S)
    held = [market.market for market in report.markets if Decimal(market.position) or market.unknown_orders]
    return Closed(Reason.NOT_FLAT, _told(pod.ordinal, held), for_s=POSITION_RECHECK_S) if held else None


def _told(slot: int, markets: Sequence[str]) -> str:
    return f"slot {slot} holds a position in {', '.join(markets)}: desiredState: Paused reduces it"


def _canary(rollout: Rollout, observed: "Observed", pod: "Pod") -> Closed | None:
    """The others wait for the one that was first, until it has run for its time."""
    if rollout.canary is None:
        return None
    changed = [other for other in observed.pods if other.ordinal > pod.ordinal and other.inputs != pod.inputs]
    if len(changed) != 1 or (left_s := rollout.canary.duration_ns / 1e9 - changed[0].age_s) <= 0:
        return None
    what = f"slot {changed[0].ordinal} runs the change alone for {rollout.canary.duration_ns / 1e9:g} s from its start"
    return Closed(Reason.CANARY_RUNNING, what, for_s=min(left_s, CANARY_RECHECK_S))


GATES: "tuple[Callable[[Rollout, Observed, Pod], Closed | None], ...]" = (_canary, _calendar, _positions)
