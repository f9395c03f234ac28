"""Conditions: complete, stable, and a time that moves only with the status."""

from hypothesis import given
from hypothesis import strategies as st

from tradingbot_operator.api.v1alpha1 import ConditionStatus
from tradingbot_operator.core.conditions import OF_A_VENUE, ConditionType, Observation, Reason, complete, merge, no, yes

OBSERVATIONS = st.builds(
    Observation, st.sampled_from(ConditionType), st.sampled_from(ConditionStatus), st.sampled_from(Reason), st.text()
)
WHOLE = st.lists(OBSERVATIONS, unique_by=lambda o: o.type).map(complete)


def test_every_condition_is_there_from_the_first_write_on() -> None:
    conditions = merge((), complete([yes(ConditionType.READY, Reason.TRADING)]), 1, "t1")

    assert [c.type for c in conditions] == sorted(set(ConditionType) - OF_A_VENUE)
    unseen = {(c.status, c.reason) for c in conditions if c.type != ConditionType.READY}
    assert unseen == {(ConditionStatus.UNKNOWN, Reason.NOT_YET_OBSERVED)}


@given(WHOLE, WHOLE)
def test_the_time_moves_exactly_when_the_status_does(first: tuple[Observation, ...], second: tuple[Observation, ...]) -> None:  # fmt: skip  # noqa: E501 - two arguments of one type
    before = {c.type: c for c in merge((), first, 1, "t1")}
    after = merge(before.values(), second, 2, "t2")

    for condition in after:
        moved = condition.status != before[condition.type].status
        assert condition.last_transition_time == ("t2" if moved else "t1")
        assert condition.observed_generation == 2


@given(WHOLE)
def test_the_same_observation_again_changes_nothing(observations: tuple[Observation, ...]) -> None:
    once = merge((), observations, 1, "t1")

    assert merge(once, observations, 1, "t2") == once


def test_a_message_has_an_end() -> None:
    (condition,) = merge((), [no(ConditionType.READY, Reason.SPEC_INVALID, "x" * 5000)], 1, "t")

    assert len(condition.message) == 1024
