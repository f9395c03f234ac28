"""Ready: ordered rules for what is in the way, the first that speaks wins."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tradingbot_operator.api.v1alpha1 import ConditionStatus
from tradingbot_operator.core.accounts import replaced
from tradingbot_operator.core.conditions import ConditionType, Observation, Reason, no, yes
from tradingbot_operator.core.configuration_status import held_up, rolling
from tradingbot_operator.core.dead_man import LOST, words
from tradingbot_operator.core.halted import halted
from tradingbot_operator.core.trading import hindered
from tradingbot_operator.core.trading import slot_names as _names
from tradingbot_runtime.config import DesiredState
from tradingbot_runtime.model.control import APPLIED
from tradingbot_runtime.model.events import TradingState

if TYPE_CHECKING:  # status.py imports this
    from tradingbot_operator.core.status import Picture, SlotPicture

ENDS = "Terminating"  # reason of a report
T = ConditionType


def _refused(p: "Picture") -> Observation | None:
    return no(T.READY, p.refusal.reason, p.refusal.message) if p.refusal else None


def _halted(p: "Picture") -> Observation | None:
    found = halted(p)
    return no(T.READY, Reason.HALTED, found.message) if found.status is ConditionStatus.TRUE else None


def in_trouble(p: "Picture") -> "Sequence[SlotPicture]":
    """Slots whose runtime does not get through its start; one that trades again has left its last end behind.

    One that says that it ends, again, is no better: the conditions would change with every restart of kubelet's.
    """
    return [s for s in p.slots if s.pod and s.pod.trouble
            and (s.report is None or s.report.state is TradingState.STARTING or s.report.reason == ENDS)]  # fmt: skip


def _troubled(p: "Picture") -> Observation | None:
    """The trouble that only a person ends goes first."""
    found = sorted(in_trouble(p), key=lambda s: not (s.pod and s.pod.trouble and s.pod.trouble.hopeless))
    first = found[0].pod.trouble if found and found[0].pod else None
    if first is None:
        return None
    alike = [s for s in found if s.pod and s.pod.trouble == first]
    return no(T.READY, first.reason, f"{_names(alike)}: {first.message}")


def _lost(p: "Picture") -> Observation | None:
    """Also a slot that is to go."""
    if not p.withdrawals:
        return None
    slot = min(p.withdrawals)
    return no(T.READY, Reason.RUNTIME_UNREACHABLE, f"slot {slot}: {LOST}; {words(p.withdrawals[slot])}")


def _provisioning(p: "Picture") -> Observation | None:
    absent = [s for s in p.slots if s.pod is None]
    if absent and p.pods_refused:
        return no(T.READY, p.pods_refused.reason, f"{_names(absent)}: {p.pods_refused.message}")
    if absent:
        where = "the pod is not there yet; Events of the StatefulSet say what is in its way"
        return no(T.READY, Reason.PROVISIONING, f"{_names(absent)}: {where}")
    starting = [s for s in p.slots if s.pod and not s.pod.started]
    if not starting:
        return None
    where = "the pod has not started yet; Events of the pod say what is in its way"
    return no(T.READY, Reason.PROVISIONING, f"{_names(starting)}: {where}")


def _awaited(p: "Picture") -> Observation | None:
    """Nobody has ever heard it, and by kubelet's probe it is not ready: the first seconds of a process."""
    young = [s for s in p.slots if s.pod and s.pod.stream.report is None and not s.pod.ready]
    what = "the pod has started, and its runtime does not answer yet"
    return no(T.READY, Reason.PROVISIONING, f"{_names(young)}: {what}{_why_silent(young)}") if young else None


def _unreachable(p: "Picture") -> Observation | None:
    silent = [s for s in p.slots if s.report is None]
    what = "the pod runs, but its runtime does not answer the operator; it may go on trading within its limits"
    return no(T.READY, Reason.RUNTIME_UNREACHABLE, f"{_names(silent)}: {what}{_why_silent(silent)}") if silent else None


def _why_silent(slots: "Sequence[SlotPicture]") -> str:
    return next((f": {s.pod.stream.trouble}" for s in slots if s.pod and s.pod.stream.trouble), "")


def _fenced(p: "Picture") -> Observation | None:
    fenced = [s for s in p.slots if s.report and s.report.state is TradingState.FENCED]
    return no(T.READY, Reason.LEASE_NOT_HELD, f"{_names(fenced)}: {_reported(fenced[0])}") if fenced else None


def _rolling(p: "Picture") -> Observation | None:
    what = rolling(p)
    if what and p.gate:
        return no(T.READY, p.gate.reason, f"{what}; {held_up(p)}")
    return no(T.READY, Reason.ROLLOUT_IN_PROGRESS, what) if what else None


def _unacknowledged(p: "Picture") -> Observation | None:
    behind = [s for s in p.slots if s.report and s.report.config_hash != s.config_hash]
    if not behind:
        return None
    answers = [s.pod.stream.answer for s in behind
               if s.pod and s.pod.stream.answer and s.pod.stream.answer.outcome != APPLIED]  # fmt: skip
    said = "".join(f"; the answer to the new one: {a.outcome} {a.message}".rstrip() for a in answers[:1])
    return no(T.READY, Reason.CONFIG_NOT_ACKNOWLEDGED, f"{_names(behind)}: still on an older configuration{said}")


def _not_ready(p: "Picture") -> Observation | None:
    waiting = [s for s in p.slots if s.report and not s.report.ready]
    return no(T.READY, Reason.PODS_NOT_READY, f"{_names(waiting)}: {_reported(waiting[0])}") if waiting else None


def _handing_over(p: "Picture") -> Observation | None:
    if p.leaving:
        return no(T.READY, Reason.DRAINING, "slots are being drained before they are removed")
    if p.slots and p.moving:
        return no(T.READY, Reason.SCALING, f"on the way to another slot: {', '.join(p.moving)}")
    return None


def _hindered(p: "Picture") -> Observation | None:
    found = hindered(p.slots)
    return no(T.READY, *found) if found else None


READY_RULES: "tuple[Callable[[Picture], Observation | None], ...]" = (
    _refused, _halted, replaced, _troubled, _lost, _provisioning, _awaited, _unreachable, _fenced, _rolling,
    _unacknowledged, _not_ready, _handing_over, _hindered,
)  # fmt: skip
LIVE = {
    DesiredState.RUNNING: (Reason.TRADING, "every slot with a market trades"),
    DesiredState.PAUSED: (Reason.PAUSED_AS_REQUESTED, "only orders that reduce the position"),
    DesiredState.STOPPED: (Reason.STOPPED_AS_REQUESTED, "no orders, as the spec asks"),
}


def ready(p: "Picture") -> Observation:
    for rule in READY_RULES:
        if observation := rule(p):
            return observation
    if not p.slots:
        return yes(T.READY, Reason.STOPPED_AS_REQUESTED, "no slot runs: spec.replicas is 0")
    reason, message = LIVE[p.desired_state]
    idle = [s for s in p.slots if not s.config.markets]
    return yes(T.READY, reason, f"{message}; no market for {_names(idle)}" if idle else message)


def _reported(slot: "SlotPicture") -> str:
    report = slot.report
    return f"{report.reason}: {report.message}".strip(": ") if report else ""
