"""The vocabulary of conditions and reasons: it has all that is said, and nothing that nobody says."""

import re
from pathlib import Path

import tradingbot_operator
from tradingbot_operator.api.v1alpha1 import ConditionStatus
from tradingbot_operator.core.conditions import OF_A_VENUE, ConditionType, Reason
from tradingbot_operator.core.vocabulary import (
    BOT,
    BREACHES,
    EVENTS_ONLY,
    KEYS_REFUSED,
    KINDS,
    MEANINGS,
    PENDING,
    VENUE,
)
from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.core.breaches import BreachReason
from tradingbot_runtime.venues.deltadefi.outcomes import MEANINGS as ANSWERS
from tradingbot_runtime.venues.deltadefi.outcomes import Effect

SOURCES = Path(tradingbot_operator.__file__).parent
DECLARED_IN = {"conditions.py", "vocabulary.py"}
BY_THE_RUNTIME = {*BREACHES, *KEYS_REFUSED, Reason.MANUAL_HALT, Reason.GLOBAL_HALT}


def test_every_condition_of_a_bot_has_its_words() -> None:
    assert set(BOT) == set(ConditionType) - OF_A_VENUE
    assert set(VENUE) >= OF_A_VENUE


def test_every_reason_has_a_meaning_and_a_place() -> None:
    placed = {
        reason
        for words in KINDS.values()
        for told in words.values()
        for status in ConditionStatus
        for reason in told.reasons(status)
    }
    assert set(MEANINGS) == set(Reason)
    assert placed | set(EVENTS_ONLY) == set(Reason)
    assert placed.isdisjoint(EVENTS_ONLY)


def test_every_class_of_change_that_can_wait_has_its_reasons() -> None:
    assert set(PENDING) == {ChangeClass.HOT_RELOAD, ChangeClass.SCALE, ChangeClass.RESTART}
    assert {reason for reasons in PENDING.values() for reason in reasons}.isdisjoint(EVENTS_ONLY)


def test_no_reason_is_a_dead_word() -> None:
    code = "\n".join(path.read_text() for path in SOURCES.rglob("*.py") if path.name not in DECLARED_IN)
    said = set(re.findall(r"Reason\.([A-Z_]+)", code))
    assert {reason.name for reason in Reason} - said <= {reason.name for reason in BY_THE_RUNTIME}


def test_every_breach_of_the_runtime_is_a_reason_of_halted() -> None:
    assert {reason.value for reason in BreachReason} <= {reason.value for reason in BREACHES}


def test_every_refusal_of_our_keys_is_a_reason_of_halted() -> None:
    halting = {meaning.reason for meaning in ANSWERS.values() if meaning.effect is Effect.HALT}
    assert halting == {reason.value for reason in KEYS_REFUSED}
