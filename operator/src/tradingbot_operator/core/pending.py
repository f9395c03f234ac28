"""The change that waits, of a bot that is not yet as its spec asks: which slots, and what for. Pure."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tradingbot_operator.api.v1alpha1 import PendingChange
from tradingbot_operator.api.v1alpha1.tradingbot import MAX_PENDING_MESSAGE
from tradingbot_operator.core import names
from tradingbot_operator.core.accounts import drained_for
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.configuration_status import held_up, on_old_template, rejection
from tradingbot_operator.core.rollout import DRAIN_FOR_RESTART, lacks
from tradingbot_operator.core.trading import slot_names
from tradingbot_operator.core.wording import listed
from tradingbot_runtime.config.change import ChangeClass

if TYPE_CHECKING:  # status.py imports this
    from tradingbot_operator.core.status import Picture, SlotPicture

IDS_MOST = 3
HANDS_OFF = f"annotation {names.RECONCILE}={names.DISABLED}: nothing is applied until it is taken away"


def pending_change(p: "Picture") -> PendingChange | None:
    """The first that speaks is the greatest class."""
    for rule in RULES:
        if found := rule(p):
            return _by_hand(found) if p.paused else found
    return None


def _by_hand(found: PendingChange) -> PendingChange:
    return found.model_copy(update={"reason": Reason.ANNOTATION, "message": HANDS_OFF, "not_before": None})


def _restart(p: "Picture") -> PendingChange | None:
    old = on_old_template(p)
    if not old:
        return None
    if p.gate:
        held = _pending(ChangeClass.RESTART, old, p.gate.reason, held_up(p))
        return held.model_copy(update={"not_before": p.gate.until or None})
    made_for_others = [slot for slot in old if slot.pod and slot.pod.inputs != p.inputs]
    change = ChangeClass.RESTART if made_for_others else ChangeClass.SCALE  # then only markets move
    return _pending(change, old, Reason.SLOTS_UPDATING, _next_restart(p, old))


def _next_restart(p: "Picture", old: "Sequence[SlotPicture]") -> str:
    """One after the other, from the highest ordinal down."""
    waited = [(slot, lacks(slot.pod) if slot.pod else "has no pod") for slot in p.slots if slot not in old]
    if unready := [(slot, what) for slot, what in waited if what]:
        said = "; ".join(f"{slot_names([slot])} {what}" for slot, what in unready)
        return f"{slot_names([slot for slot, _ in unready])} must be up first: {said}"
    following = max(old, key=lambda slot: slot.ordinal)
    if following.pod and drained_for(following.pod) == DRAIN_FOR_RESTART:
        return f"{slot_names([following])} withdraws its orders first"
    return f"{slot_names([following])} is next"


def _scale(p: "Picture") -> PendingChange | None:
    if p.leaving:
        return PendingChange(change=ChangeClass.SCALE, slots=p.leaving, reason=Reason.DRAINING,
                             message="slots withdraw their orders before they go")  # fmt: skip
    if p.slots and p.moving:
        to = f"on the way to another slot: {', '.join(p.moving)}"
        return PendingChange(change=ChangeClass.SCALE, reason=Reason.SCALING, message=to)
    coming = [slot for slot in p.slots if p.size is not None and slot.ordinal >= p.size]
    if coming:
        return _pending(ChangeClass.SCALE, coming, Reason.SCALING, "more slots are on their way")
    return _waits_for_a_person(p) if p.waits else None


def _waits_for_a_person(p: "Picture") -> PendingChange:
    """A slot that is halted neither gives its markets away nor takes others."""
    said = "; ".join(_halted(p, slot) for slot in sorted(p.waits))
    return PendingChange(change=ChangeClass.SCALE, slots=tuple(sorted(p.waits)), reason=Reason.HALTED,
                         message=said[:MAX_PENDING_MESSAGE])  # fmt: skip


def _halted(p: "Picture", slot: int) -> str:
    ids = listed([halt.id for halt in p.halts if halt.slot == slot], IDS_MOST)
    what = "its markets stay with it" if p.waits[slot] else "it takes no other market"
    return f"slot {slot} is halted (id {ids}): {what} until it is resumed"


def _hot_reload(p: "Picture") -> PendingChange | None:
    behind = [slot for slot in p.slots if slot.last_report and slot.last_report.config_hash != slot.config_hash]
    if not behind:
        return None
    if what := rejection(p):
        return _pending(ChangeClass.HOT_RELOAD, behind, Reason.REJECTED_BY_RUNTIME, what)
    if silent := [slot for slot in behind if slot.report is None]:
        told = f"no answer from {slot_names(silent)}; pushed as soon as there is one"
        return _pending(ChangeClass.HOT_RELOAD, behind, Reason.RUNTIME_UNREACHABLE, told)
    return _pending(ChangeClass.HOT_RELOAD, behind, Reason.AWAITING_ACK, "pushed, or about to be")


RULES: "tuple[Callable[[Picture], PendingChange | None], ...]" = (_restart, _scale, _hot_reload)


def _pending(change: ChangeClass, slots: "Sequence[SlotPicture]", reason: Reason, message: str) -> PendingChange:
    return PendingChange(change=change, slots=tuple(slot.ordinal for slot in slots), reason=reason,
                         message=message[:MAX_PENDING_MESSAGE])  # fmt: skip
