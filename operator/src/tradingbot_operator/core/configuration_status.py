"""How far a new spec has got: into the pods' template, and into the runtimes, by their own word."""

from typing import TYPE_CHECKING

from tradingbot_operator.core.conditions import ConditionType, Observation, Reason, no, unknown, yes
from tradingbot_operator.core.trading import slot_names
from tradingbot_operator.core.wording import listed
from tradingbot_runtime.model.control import REJECTED

if TYPE_CHECKING:  # status.py imports this
    from tradingbot_operator.core.status import Picture, SlotPicture

T = ConditionType


def on_old_template(p: "Picture") -> "list[SlotPicture]":
    return [slot for slot in p.slots if slot.pod and slot.pod.restart_hash != slot.restart_hash]


def rolling(p: "Picture") -> str:
    """Which slots the current pod template has yet to reach; empty: it is everywhere."""
    if old := on_old_template(p):
        return f"{slot_names(old)}: still on the old pod template"
    return "the new pod template has not reached every slot" if p.slots and not p.rolled_out else ""


def held_up(p: "Picture") -> str:
    """What a restart waits for, and which markets nobody trades until then; empty: it waits for nothing."""
    if p.gate is None:
        return ""
    nobodys = _nobodys(p)
    return p.gate.message + (f"; until then no slot trades {listed(nobodys)}" if nobodys else "")


def _nobodys(p: "Picture") -> list[str]:
    """Markets that a slot is to have, whose process was started without them, and that no other has, either."""
    has = {market.market for slot in p.slots if slot.report for market in slot.report.markets}
    silent = any(slot.report is None or not slot.report.ready for slot in p.slots)  # it may have any of them
    due = (market.name for slot in on_old_template(p) for market in slot.config.markets)
    return [] if silent else sorted({*p.moving, *due} - has)


def rejection(p: "Picture") -> str:
    """What the first runtime says that refused what its slot should run; empty: none has."""
    for slot in p.slots:
        answer = slot.pod.stream.answer if slot.pod else None
        if answer and answer.config_hash == slot.config_hash and answer.outcome == REJECTED:
            return f"slot {slot.ordinal}: {answer.message}"
    return ""


def config_applied(p: "Picture") -> Observation:
    if p.refusal and not p.slots:
        return no(T.CONFIG_APPLIED, p.refusal.reason, "no spec of it can be carried out, and none was accepted before")
    if what := rejection(p):
        return no(T.CONFIG_APPLIED, Reason.REJECTED_BY_RUNTIME, f"the old configuration goes on; {what}")
    if old := on_old_template(p):
        return no(T.CONFIG_APPLIED, Reason.RESTART_REQUIRED, f"{slot_names(old)}: takes effect with the restart")
    if behind := [slot for slot in p.slots if slot.report and slot.report.config_hash != slot.config_hash]:
        return no(T.CONFIG_APPLIED, Reason.AWAITING_ACK, f"{slot_names(behind)}: on an older configuration")
    if silent := [slot for slot in p.slots if slot.report is None]:
        return unknown(T.CONFIG_APPLIED, Reason.NOT_REPORTED, f"no answer from {slot_names(silent)}")
    told = "every slot has acknowledged its configuration" if p.slots else "no slot runs"
    return yes(T.CONFIG_APPLIED, Reason.ALL_SLOTS_ACKNOWLEDGED, told)


def progressing(p: "Picture") -> Observation:
    if p.refusal and not p.slots:
        return no(T.PROGRESSING, p.refusal.reason, p.refusal.message)
    if p.overdue:
        return no(
            T.PROGRESSING, Reason.PROGRESS_DEADLINE_EXCEEDED, "not within spec.rollout.progressDeadline: see Ready"
        )
    if (what := rolling(p)) and p.gate:
        return no(T.PROGRESSING, p.gate.reason, f"{what}; {p.gate.message}")
    if what:
        return yes(T.PROGRESSING, Reason.SLOTS_UPDATING, what)
    return yes(T.PROGRESSING, Reason.NEW_REVISION_AVAILABLE, "every slot runs the current revision")


def template_drift(p: "Picture") -> Observation:
    if not p.drift:
        return no(T.TEMPLATE_DRIFT, Reason.NO_DRIFT, "the pods are as this operator makes them")
    what = "the pods stay as an earlier operator made them; another spec.restartNonce makes them anew, with"
    return yes(T.TEMPLATE_DRIFT, Reason.OPERATOR_CHANGED, f"{what} {p.drift}")
