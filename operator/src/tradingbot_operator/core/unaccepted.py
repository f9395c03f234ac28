"""A bot of which no spec can be carried out, today's or an earlier one. Pure.

As a rule nothing of it runs. But a stricter version may refuse what an earlier one accepted, or somebody may have
deleted what was remembered: then pods go on with what they were started with. Nothing can be applied, and halts reach
them all the same.
"""

from dataclasses import replace

from tradingbot_operator.api.v1alpha1 import TradingBotStatus
from tradingbot_operator.core import names
from tradingbot_operator.core.claims import claims, instruments
from tradingbot_operator.core.conditions import merge
from tradingbot_operator.core.deleted_leases import halts_of_deleted
from tradingbot_operator.core.flat import was_flat
from tradingbot_operator.core.halts import Halts, halts
from tradingbot_operator.core.observed import Bot, Installation, Manifest, Observed
from tradingbot_operator.core.outcome import Outcome, announcements
from tradingbot_operator.core.record import configured, named
from tradingbot_operator.core.resumes import answers
from tradingbot_operator.core.status import Picture, observe, phase
from tradingbot_operator.core.validation import Refusal
from tradingbot_operator.core.wording import listed
from tradingbot_runtime.config import DesiredState


def unaccepted(bot: Bot, observed: Observed, refusal: Refusal | None, installation: Installation) -> Outcome:
    """Halts, the status, and what nobody else may trade meanwhile."""
    config_map = observed.child("ConfigMap", names.slots_config_map(bot.name))
    before = configured(config_map)
    slots = sorted({*before, *(pod.ordinal for pod in observed.pods)})
    held = halts(bot, observed, before, slots, halts_of_deleted(bot, observed))
    status = _status(bot, observed, _with_pods(refusal, observed), held)
    status = status.model_copy(update={"operator_version": installation.operator_version})
    resumes = answers(bot, status.answered_resume, held.in_force, observed.pods)
    return Outcome(status=status, events=(*resumes, *announcements(bot.status, status)),
                   halts=held.orders(observed.pods), holds=_holds(bot, observed, config_map))  # fmt: skip


def _with_pods(refusal: Refusal | None, observed: Observed) -> Refusal | None:
    """What a person has to know first: that it trades."""
    if refusal is None or not observed.pods:
        return refusal
    going = listed([pod.name for pod in observed.pods])
    what = f"no earlier spec can be read, either: {going} go on as they were started, and only a halt reaches them"
    return replace(refusal, message=f"{refusal.message}; {what}")


def _holds(bot: Bot, observed: Observed, config_map: Manifest | None) -> frozenset[str]:
    """As long as there is a pod: all that anything names."""
    if not observed.pods:
        return frozenset()
    asked = instruments(bot.spec) if bot.spec else frozenset()
    return asked | claims(config_map) | named(config_map)


def _status(bot: Bot, observed: Observed, refusal: Refusal | None, held: Halts) -> TradingBotStatus:
    shown = Picture(
        (), DesiredState.STOPPED, refusal, leaving=(), moving=(), rolled_out=True, overdue=False, paused=bot.paused,
        unpaused_by=bot.unpaused_by, abandoned=bot.abandoned,
        was_flat=was_flat(bot.status.conditions), halts=held.in_force, unread=observed.pods,
    )  # fmt: skip
    observations = observe(shown, observed.pods)
    return bot.status.model_copy(update={
        "observed_generation": bot.metadata.generation,
        "phase": phase(shown, observations, bot.status.phase),
        "conditions": merge(bot.status.conditions, observations, bot.metadata.generation, observed.now),
        "pending_change": None,
        "selector": names.selector(bot.name),
        "strategy": bot.spec.strategy.name if bot.spec else bot.status.strategy,
        "halts": held.in_force,
        "answered_resume": held.answered,
    })  # fmt: skip
