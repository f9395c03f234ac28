"""What is said and done of a bot with which the operator fails: a bug that this one object brings out (ADR 14). Pure.

Nothing is applied: nobody knows what was decided. Its status says so, and halts reach its pods: they depend on the
least of what is known of a bot.
"""

from tradingbot_operator.api.v1alpha1 import Condition, Phase
from tradingbot_operator.core.conditions import ConditionType, Observation, Reason, complete, merge, no, yes
from tradingbot_operator.core.halted import in_words, reason
from tradingbot_operator.core.halts import Halts, halts
from tradingbot_operator.core.observed import Bot, Observed
from tradingbot_operator.core.outcome import Outcome, announcements

T = ConditionType
GOES_ON_AFTER = 8  # failures in a row: half a minute of tries, each later than the one before


def broken(bot: Bot, observed: Observed, where: str, failures: int) -> Outcome:
    """`where` names the bug without a word of what the object contains; `failures` in a row, this one among them."""
    held = halts(bot, observed, {}, {pod.ordinal for pod in observed.pods})
    told = _observe(where, failures)
    conditions = _conditions(bot, (*told, *_halted(held, observed)), observed.now)
    status = bot.status.model_copy(update={
        "observed_generation": bot.metadata.generation,
        "phase": Phase.HALTED if held.in_force else Phase.DEGRADED,
        "conditions": conditions,
        "halts": held.in_force,
    })  # fmt: skip
    return Outcome(status=status, halts=held.orders(observed.pods), events=announcements(bot.status, status))


def _observe(where: str, failures: int) -> tuple[Observation, ...]:
    what = f"the operator fails with this bot: {where}; its log has the trace. Nothing but halts is done for it"
    ready = no(T.READY, Reason.OPERATOR_ERROR, what)
    if failures < GOES_ON_AFTER:
        waits = no(T.STALLED, Reason.PROGRESSING, "what Ready waits for may come by itself")
        return ready, yes(T.RECONCILING, Reason.OPERATOR_ERROR, what), waits
    stalled = yes(T.STALLED, Reason.OPERATOR_ERROR, f"{what}, and it goes on: report it, with the log")
    return ready, no(T.RECONCILING, Reason.OPERATOR_ERROR, "waits for a person: see Stalled"), stalled


def _halted(held: Halts, observed: Observed) -> tuple[Observation, ...]:
    """That none is in force is not said: nobody has looked at all that there is."""
    if not held.in_force:
        return ()
    return (yes(T.HALTED, reason(held.in_force[0]), in_words(held.in_force, observed.standing)),)


def _conditions(bot: Bot, told: tuple[Observation, ...], now: str) -> tuple[Condition, ...]:
    """The others are as they were."""
    known = {condition.type: condition for condition in bot.status.conditions}
    types = {observation.type for observation in told}
    fresh = merge(bot.status.conditions, complete(told), bot.metadata.generation, now)
    return tuple(new if new.type in types else known.get(new.type, new) for new in fresh)
