"""Whether trading is stopped until a person resumes, and what to do about it, in words."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradingbot_operator.api.v1alpha1 import ConditionStatus, HaltStatus
from tradingbot_operator.core import names
from tradingbot_operator.core.conditions import MAX_MESSAGE, ConditionType, Observation, Reason, no, unknown, yes
from tradingbot_operator.core.trading import slot_names
from tradingbot_operator.core.wording import cut, listed
from tradingbot_runtime.model.events import TradingState

if TYPE_CHECKING:  # status.py imports this
    from tradingbot_operator.core.status import Picture

TOLD_MOST = 3
KNOWN = frozenset(Reason)
ABOUT_A_HALT = frozenset({Reason.HALTED, Reason.HALT_REQUIRES_MANUAL_RESET})


@dataclass(frozen=True, slots=True)
class Resumes:
    """What has become of a person's resume, where that is not over."""

    awaited: Collection[tuple[int, str]] = ()  # by slot and halt: its runtime has yet to confirm it
    refused: Collection[str] = ()  # halts that the annotation, as it is, does not release


NONE = Resumes()


def halted(p: "Picture") -> Observation:
    """A slot that is not heard may have halted on its own: then nobody knows."""
    if p.halts:
        resumes = Resumes(p.awaited_resumes, p.refused_resumes)
        return yes(ConditionType.HALTED, reason(p.halts[0]), in_words(p.halts, p.trading_halts, resumes))
    if stopped := [slot for slot in p.slots if slot.report and slot.report.state is TradingState.HALTED]:
        what = f"slot {stopped[0].ordinal} says that it is halted, and not by what"
        return yes(ConditionType.HALTED, Reason.HALTED, what)
    silent = [slot for slot in p.slots if slot.pod and slot.pod.started and slot.report is None]
    if silent:
        return unknown(ConditionType.HALTED, Reason.NOT_REPORTED, f"no answer from {slot_names(silent)}")
    return no(ConditionType.HALTED, Reason.NOT_HALTED, "no halt is in force")


def is_about_a_halt(observation: Observation) -> bool:
    """One that says that a halt is in force, or repeats it."""
    if observation.type is ConditionType.HALTED:
        return observation.status is ConditionStatus.TRUE
    return observation.reason in ABOUT_A_HALT


def reason(halt: HaltStatus) -> Reason:
    return Reason(halt.reason) if halt.reason in KNOWN else Reason.HALTED


def in_words(halts: Sequence[HaltStatus], standing: Collection[str], resumes: Resumes = NONE) -> str:
    """What happened, the oldest first, and how to resume: that last, and whole, however much there is to be told.

    `standing` are the UIDs of TradingHalts that are there and select the bot.
    """
    awaited = [halt for halt in halts if (halt.slot, halt.id) in resumes.awaited]
    left = [halt for halt in halts if halt not in awaited]
    how = _awaited(awaited) + (_how_to_resume(left, standing, resumes.refused) if left else "")
    told = "; ".join(_told(alike) for alike in _by_cause(halts))
    return f"{cut(told, MAX_MESSAGE - len(how))}{how}"


def _awaited(halts: Sequence[HaltStatus]) -> str:
    if not halts:
        return ""
    who, ids = slots_of(halts), [halt.id for halt in halts]
    return f". The resume of {listed(ids, TOLD_MOST)} is known, and waits for the runtime of {who} to confirm it"


def _how_to_resume(halts: Sequence[HaltStatus], standing: Collection[str], refused: Collection[str]) -> str:
    laid = dict.fromkeys(halt.trading_halt for halt in halts if halt.trading_halt_uid in standing)
    first = f"delete {listed([f'tradinghalt/{name}' for name in laid], TOLD_MOST)} first, then " if laid else ""
    ids = list(dict.fromkeys(halt.id for halt in halts))  # one may lie on several slots
    more = f"; {TOLD_MOST} ids are here and {len(ids) - TOLD_MOST} more in status.halts" if ids[TOLD_MOST:] else ""
    if any(halt.id in refused for halt in halts):
        more += ". The resume that is written resumes nothing, also later: a TradingHalt held what it names"
        first += f"take the annotation {names.RESUME} away, then "
    return f"{more}. To resume: {first}annotate the bot with {names.RESUME}={','.join(ids[:TOLD_MOST])}"


def _by_cause(halts: Sequence[HaltStatus]) -> Iterable[list[HaltStatus]]:
    found: dict[tuple[str, ...], list[HaltStatus]] = {}
    for halt in halts:
        found.setdefault((halt.reason, halt.value, halt.limit, halt.message, halt.by), []).append(halt)
    return found.values()


def _told(alike: Sequence[HaltStatus]) -> str:
    halt = alike[0]
    measured = f" {halt.value}, limit {halt.limit}" if halt.value else ""
    said = f": {halt.message}" if halt.message and not halt.value else ""
    unconfirmed = [each for each in alike if not each.confirmed]
    waiting = f", not confirmed yet by slot {listed(_slots(unconfirmed))}" if unconfirmed else ""
    if waiting and len(_slots(alike)) == 1:
        waiting = ", not confirmed by its runtime yet"
    return f"{slots_of(alike)}: {halt.reason}{measured}{said}, by {halt.by}{waiting}"


def slots_of(halts: Sequence[HaltStatus]) -> str:
    """Each slot once, however many halts it has."""
    slots = _slots(halts)
    return f"slot {slots[0]}" if len(slots) == 1 else f"{len(slots)} slots ({listed(slots)})"


def _slots(halts: Sequence[HaltStatus]) -> list[str]:
    return [str(slot) for slot in sorted({halt.slot for halt in halts})]
