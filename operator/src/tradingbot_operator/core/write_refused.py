"""What a status says of a reconciliation that the API server has stopped half-way: all that was seen, and its refusal.

What would have been done is not in it: a slot is recorded once it has run, and a Lease once it is made. A halt is: the
runtime holds it already, and people have to know, whatever else cannot be written.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tradingbot_operator.api.v1alpha1 import Condition, ConditionStatus, Phase, SlotStatus, TradingBotStatus
from tradingbot_operator.api.v1alpha1.tradingbot import REMOVED
from tradingbot_operator.core.conditions import ConditionType, Observation, Reason, merge, no, yes
from tradingbot_operator.core.observed import Bot
from tradingbot_operator.core.picture import with_leases
from tradingbot_operator.core.status import overdue
from tradingbot_operator.core.wording import steady

T = ConditionType
MOST_WORDS = 800
AS_ASKED = frozenset({Phase.RUNNING, Phase.PAUSED, Phase.STOPPED})


@dataclass(frozen=True, slots=True)
class Refused:
    """One write, in the API server's words; the same for each attempt that meets the same."""

    what: str  # kind/name
    words: str
    reason: Reason

    @property
    def message(self) -> str:
        return f"{self.what}: {steady(self.words, MOST_WORDS)}. What comes after it is not done; it is tried again"


@dataclass(frozen=True, slots=True)
class Undone:
    """How far it came: the Leases that were made, and what stopped it; None where the same may work at once."""

    leases: Mapping[int, str]  # uid by slot
    refused: Refused | None


def status_of_undone(bot: Bot, wanted: TradingBotStatus, undone: Undone, now: str) -> TradingBotStatus:
    """`wanted` is what the status would be, had everything been done. The same again where nothing has changed."""
    known = {slot.ordinal: slot for slot in bot.status.slots}
    slots = tuple(_slot(slot, known.get(slot.ordinal)) for slot in wanted.slots
                  if slot.ordinal in known or slot.config_hash)  # fmt: skip
    seen = wanted.model_copy(update={"slots": slots})
    if undone.refused is not None:
        conditions = _conditions(bot, wanted.conditions, undone.refused, now)
        phase = Phase.DEGRADED if wanted.phase in AS_ASKED else wanted.phase
        generation = bot.metadata.generation
        seen = seen.model_copy(update={"conditions": conditions, "phase": phase, "observed_generation": generation})
    return with_leases(seen, undone.leases)


def news(bot: Bot, wanted: TradingBotStatus) -> bool:
    """What is told even where the rest may come soon: halts that the stored status does not have.

    And what has become of a resume: that it was refused must be known when what has refused it is gone.
    """
    known = {(halt.slot, halt.id) for halt in bot.status.halts}
    return wanted.answered_resume != bot.status.answered_resume or any(
        (halt.slot, halt.id) not in known for halt in wanted.halts
    )


def _slot(wanted: SlotStatus, before: SlotStatus | None) -> SlotStatus:
    """What the pod reports; which markets it has and which Job withdraws its orders is as it was."""
    if before is not None and wanted.state == REMOVED:
        return before
    kept = {"markets": before.markets if before else (), "withdrawal": before.withdrawal if before else None}
    return wanted.model_copy(update=kept)


def _conditions(bot: Bot, wanted: tuple[Condition, ...], refused: Refused, now: str) -> tuple[Condition, ...]:
    seen = {condition.type: condition for condition in wanted}
    stalled = seen.get(T.STALLED)
    fresh = merge(bot.status.conditions, _observe(stalled, refused), bot.metadata.generation, now)
    return tuple(sorted((seen | {condition.type: condition for condition in fresh}).values(), key=lambda c: c.type))


def _observe(stalled: Condition | None, refused: Refused) -> tuple[Observation, ...]:
    """One that waits for a person anyway goes on saying so."""
    ready = no(T.READY, refused.reason, refused.message)
    if stalled is not None and stalled.status is ConditionStatus.TRUE:
        if stalled.reason == Reason.PROGRESS_DEADLINE_EXCEEDED:  # what was found without it is only what follows
            return ready, no(T.RECONCILING, refused.reason, refused.message), overdue(refused.message)
        return ready, no(T.RECONCILING, refused.reason, refused.message)
    waits = no(T.STALLED, Reason.PROGRESSING, "what Ready waits for may come by itself")
    return ready, yes(T.RECONCILING, refused.reason, refused.message), waits
