"""Whether trading is stopped until a person resumes, and what to do about it, in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tradingbot_operator.api.v1alpha1 import HaltStatus
from tradingbot_operator.core import names
from tradingbot_operator.core.conditions import ConditionType, Observation, Reason, no, unknown, yes
from tradingbot_operator.core.trading import slot_names
from tradingbot_runtime.model.events import TradingState

if TYPE_CHECKING:  # status.py imports this
    from tradingbot_operator.core.status import Picture

TOLD_MOST = 3
KNOWN = frozenset(Reason)


def halted(p: "Picture") -> Observation:
    """A slot that is not heard may have halted on its own: then nobody knows."""
    if p.halts:
        return yes(ConditionType.HALTED, reason(p.halts[0]), in_words(p.halts))
    if stopped := [slot for slot in p.slots if slot.report and slot.report.state is TradingState.HALTED]:
        what = f"slot {stopped[0].ordinal} says that it is halted, and not by what"
        return yes(ConditionType.HALTED, Reason.HALTED, what)
    silent = [slot for slot in p.slots if slot.pod and slot.pod.started and slot.report is None]
    if silent:
        return unknown(ConditionType.HALTED, Reason.NOT_REPORTED, f"no answer from {slot_names(silent)}")
    return no(ConditionType.HALTED, Reason.NOT_HALTED, "no halt is in force")


def reason(halt: HaltStatus) -> Reason:
    return Reason(halt.reason) if halt.reason in KNOWN else Reason.HALTED


def in_words(halts: Sequence[HaltStatus]) -> str:
    """What happened, the oldest first, and how to resume."""
    told = "; ".join(_told(halt) for halt in halts[:TOLD_MOST])
    more = f"; and {len(halts) - TOLD_MOST} more in status.halts" if len(halts) > TOLD_MOST else ""
    laid = [halt.trading_halt for halt in halts if halt.trading_halt]
    first = f"delete tradinghalt/{laid[0]} first, then " if laid else ""
    ids = ",".join(halt.id for halt in halts[:TOLD_MOST])
    return f"{told}{more}. To resume: {first}annotate the bot with {names.RESUME}={ids}"


def _told(halt: HaltStatus) -> str:
    measured = f" {halt.value}, limit {halt.limit}" if halt.value else ""
    said = f": {halt.message}" if halt.message and not halt.value else ""
    waiting = "" if halt.confirmed else ", not confirmed by its runtime yet"
    return f"slot {halt.slot}: {halt.reason}{measured}{said}, by {halt.by}{waiting}"
