"""What a decision asks the shell to do, in the order in which it is done."""

from dataclasses import dataclass
from enum import StrEnum

from tradingbot_operator.api.v1alpha1 import Condition, ConditionStatus, HaltStatus, TradingBotStatus
from tradingbot_operator.core import names
from tradingbot_operator.core.conditions import ConditionType, Reason
from tradingbot_operator.core.gates import HELD_UP
from tradingbot_operator.core.observed import Manifest


class Finalizer(StrEnum):
    KEEP = "Keep"
    ADD = "Add"
    REMOVE = "Remove"


@dataclass(frozen=True, slots=True)
class DrainSlot:
    """Ask the pod to cancel all and stay quiet; repeated on every new connection until the pod is gone."""

    pod: str
    reason: str
    flatten: bool = False  # close its position, too


@dataclass(frozen=True, slots=True)
class ConfigureSlot:
    """Push a configuration to the pod."""

    pod: str
    document: str
    config_hash: str


@dataclass(frozen=True, slots=True)
class HaltSlot:
    """Have the pod latch this very halt."""

    pod: str
    halt: HaltStatus


@dataclass(frozen=True, slots=True)
class ResumeSlot:
    """Have the pod release this halt and no other."""

    pod: str
    halt_id: str
    by: str


SlotCommand = DrainSlot | ConfigureSlot
HaltOrder = HaltSlot | ResumeSlot


@dataclass(frozen=True, slots=True)
class Announcement:
    """A Kubernetes Event about the bot."""

    reason: Reason
    message: str
    warning: bool = False
    pod: str = ""
    halt_ids: tuple[str, ...] = ()  # that it is about


@dataclass(frozen=True, slots=True)
class ChildReference:
    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Outcome:
    status: TradingBotStatus
    finalizer: Finalizer = Finalizer.KEEP
    control_secret_due: bool = False  # to be made, or renewed
    leases: tuple[Manifest, ...] = ()  # to be created, once ever
    apply: tuple[Manifest, ...] = ()
    prune: tuple[ChildReference, ...] = ()
    withdraw: tuple[Manifest, ...] = ()  # Jobs to be created: they withdraw the orders of slots that are lost
    withdrawn: tuple[ChildReference, ...] = ()  # Jobs that are not needed any more
    halts: tuple[HaltOrder, ...] = ()  # first of all: nothing that is written keeps them waiting
    commands: tuple[SlotCommand, ...] = ()
    replace: ChildReference | None = None  # a pod to delete, for its StatefulSet to make another one
    events: tuple[Announcement, ...] = ()
    requeue_after_s: float | None = None
    holds: frozenset[str] | None = None  # instruments that are this bot's from now on; None: as before


ABANDONS = (f"annotation {names.ABANDON}=true: the bot's deletion will not wait for orders to be withdrawn. Take it "
            "away where nobody means that")  # fmt: skip
GOOD = {
    ConditionType.READY: ConditionStatus.TRUE,
    ConditionType.SPEC_ACCEPTED: ConditionStatus.TRUE,
    ConditionType.STALLED: ConditionStatus.FALSE,
    ConditionType.HALTED: ConditionStatus.FALSE,
    ConditionType.CREDENTIALS_VALID: ConditionStatus.TRUE,
}
# What everybody sees in the conditions anyway; an Event for it would be noise.
QUIET_REASONS = frozenset({
    Reason.PROGRESSING, Reason.CONVERGED, Reason.PROVISIONING, Reason.RUNTIME_UNREACHABLE, Reason.NOT_YET_OBSERVED,
    Reason.PODS_NOT_READY, Reason.VALID,
    Reason.NOT_REPORTED, Reason.AUTHENTICATED, Reason.NOT_REQUIRED,
})  # fmt: skip


def announcements(before: TradingBotStatus, after: TradingBotStatus) -> tuple[Announcement, ...]:
    """An Event for each change of the conditions that matter to a person, once per cause."""
    old = {condition.type: condition for condition in before.conditions}
    told: dict[str, Announcement] = {}
    for new in after.conditions:
        good, was = GOOD.get(ConditionType(new.type)), old.get(new.type)
        if (about := _by_annotation(new, was)) is not None:
            told.setdefault(about.reason, about)
        changed = was is None or (was.status, was.reason, was.message) != (new.status, new.reason, new.message)
        if good is None or not changed or (new.reason in QUIET_REASONS and not _is_an_outage(new, was)):
            continue
        if _said_by_halted(new, was):
            continue
        bad = new.status != good and new.reason not in PROGRESS_REASONS
        halt_ids = _changed_halts(before, after) if new.type == ConditionType.HALTED else ()
        told.setdefault(new.reason, Announcement(Reason(new.reason), new.message, warning=bad, halt_ids=halt_ids))
    return tuple(told.values())


def _by_annotation(new: Condition, was: Condition | None) -> Announcement | None:
    """What somebody has annotated and may not know of: once, and not again by another leader."""
    before = was.message if was is not None else ""
    if new.type == ConditionType.SPEC_ACCEPTED and ABANDONS in new.message and ABANDONS not in before:
        return Announcement(Reason.ABANDON_ANNOTATED, ABANDONS, warning=True)
    if new.reason == Reason.ANNOTATION_NOT_UNDERSTOOD and new.message != before:
        return Announcement(Reason.ANNOTATION_NOT_UNDERSTOOD, new.message, warning=True)
    return None


def _changed_halts(before: TradingBotStatus, after: TradingBotStatus) -> tuple[str, ...]:
    """Ids of those that are new, else of those that are gone, else of all that hold."""
    was, now = dict.fromkeys(halt.id for halt in before.halts), dict.fromkeys(halt.id for halt in after.halts)
    new, gone = [one for one in now if one not in was], [one for one in was if one not in now]
    return tuple(new or gone or now)


def _is_an_outage(new: Condition, was: Condition | None) -> bool:
    """A bot that was ready is it no more: a pod died, or is not heard. The words may change until it is ready again."""
    was_ready = was is not None and was.status is ConditionStatus.TRUE
    return new.type == ConditionType.READY and was_ready and new.status is ConditionStatus.FALSE


def _said_by_halted(new: Condition, was: Condition | None) -> bool:
    """What Ready and Stalled repeat of a halt; and that there is none, where there was none."""
    if new.type != ConditionType.HALTED:
        return new.reason in {Reason.HALTED, Reason.HALT_REQUIRES_MANUAL_RESET}
    return new.reason == Reason.NOT_HALTED and (was is None or was.status is not ConditionStatus.TRUE)


PROGRESS_REASONS = frozenset({Reason.ROLLOUT_IN_PROGRESS, Reason.CONFIG_NOT_ACKNOWLEDGED, Reason.DRAINING,
                              Reason.SCALING, Reason.DELETING, *HELD_UP})  # fmt: skip
