"""What a restart waits for although every slot is well: the calendar, positions, and who tries it first. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tradingbot_operator.core.canary_trial import duration_s, under_way
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
    if following is None or (plan.goes_back and not following.stream.ready):
        return None
    if (held := _canary(plan, observed, following)) is not None:
        return held
    if following.inputs == plan.inputs or not following.started or following.trouble is not None:
        return None
    rollout = plan.accepted.spec.rollout
    return next((found for gate in GATES if (found := gate(rollout, observed, following))), None)


def _canary(plan: "Plan", observed: "Observed", following: "Pod") -> Closed | None:
    """All others wait for the one that was first; it waits itself where a scaling has only taken markets from it.

    Those it trades as long as it runs, and a restart would begin its time anew. A slot that is just being made waits as
    well: with a scaling the partition is above all of them again, so it is made from the old template. What nobody has
    proved is run by the slot that is to prove it, and by no other.
    """
    tries = under_way(plan)
    if tries is None or following.trouble is not None:
        return None
    if following.inputs == plan.inputs and not (following.ordinal == tries.slot and _has_all(plan, following)):
        return None  # it is on its way to markets that nobody trades until then
    who, long = f"slot {tries.slot}", f"{duration_s(plan):g} s"
    if tries.halted:
        what = f"{who}, which runs the change before the others, is halted: it runs it for {long} from its resume"
        return Closed(Reason.CANARY_RUNNING, what)
    what = f"{who} runs the change alone for {long} from its {'resume' if tries.from_s else 'start'}"
    age_s = next((pod.age_s for pod in observed.pods if pod.ordinal == tries.slot), 0.0)
    left_s = duration_s(plan) - (age_s - tries.from_s)
    return Closed(Reason.CANARY_RUNNING, what, for_s=max(min(left_s, CANARY_RECHECK_S), 0.0))


def _has_all(plan: "Plan", pod: "Pod") -> bool:
    """Whether it trades every market that it is to trade."""
    report, config = pod.stream.report, plan.slots.get(pod.ordinal)
    given = {market.market for market in report.markets} if report else set()
    return config is None or given.issuperset(leg.name for leg in config.legs)


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


GATES: "tuple[Callable[[Rollout, Observed, Pod], Closed | None], ...]" = (_calendar, _positions)
