"""The pure part of the Lease: what it says, whose it is, what is written to it, and the proof of the fence."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.lease.record import (
    MARGIN_NS,
    Free,
    Gone,
    HeldByOther,
    LeaseRecord,
    LeaseTiming,
    Ours,
    claimed,
    judge,
    parse_lease,
    released,
)

SECOND = 1_000_000_000
MOMENTS = st.integers(min_value=0, max_value=10**18)
DURATIONS = st.integers(min_value=1, max_value=86_400 * SECOND)
HOLDERS = st.sampled_from(["pod-a", "pod-b", ""])


def lease(**spec: Any) -> LeaseRecord:  # noqa: ANN401 - a JSON value
    metadata = {"name": "bot-0", "uid": "u1", "resourceVersion": "7", "labels": {"team": "x"}}
    return parse_lease(json.dumps({"metadata": metadata, "spec": spec}).encode())


@given(duration_ns=DURATIONS, observed_ns=MOMENTS, later_ns=MOMENTS)
def test_another_holder_keeps_the_lease_exactly_for_its_duration_after_we_saw_it_change(
    duration_ns: int, observed_ns: int, later_ns: int
) -> None:
    record = LeaseRecord("u1", "7", "pod-b", duration_ns, 3, "", {})
    verdict = judge(record, "pod-a", observed_ns, observed_ns + later_ns)
    if later_ns < duration_ns:
        assert verdict == HeldByOther("pod-b", observed_ns + duration_ns)
    else:
        assert verdict == Free()


@given(observed_ns=MOMENTS, now_ns=MOMENTS, duration_ns=DURATIONS)
def test_our_own_name_on_the_lease_is_ours_at_any_time(observed_ns: int, now_ns: int, duration_ns: int) -> None:
    record = LeaseRecord("u1", "7", "pod-a", duration_ns, 3, "", {})
    assert judge(record, "pod-a", observed_ns, now_ns) == Ours()


@given(observed_ns=MOMENTS, now_ns=MOMENTS)
def test_no_holder_is_free_at_once_and_no_lease_is_gone(observed_ns: int, now_ns: int) -> None:
    assert judge(lease(), "pod-a", observed_ns, now_ns) == Free()
    assert judge(None, "pod-a", observed_ns, now_ns) == Gone()


@given(renew_time=st.sampled_from(["1999-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z", None]))
def test_the_time_written_by_another_machine_decides_nothing(renew_time: str | None) -> None:
    record = lease(holderIdentity="pod-b", leaseDurationSeconds=120, renewTime=renew_time)
    assert judge(record, "pod-a", 5 * SECOND, 124 * SECOND) == HeldByOther("pod-b", 125 * SECOND)
    assert judge(record, "pod-a", 5 * SECOND, 125 * SECOND) == Free()


def test_a_holder_without_a_duration_has_the_default_one() -> None:
    assert judge(lease(holderIdentity="pod-b"), "pod-a", 0, 1) == HeldByOther("pod-b", 120 * SECOND)


@given(before=HOLDERS, transitions=st.integers(0, 10**6))
def test_transitions_count_each_change_of_the_holder_and_nothing_else(before: str, transitions: int) -> None:
    record = lease(holderIdentity=before, leaseTransitions=transitions)
    spec = claimed(record, "pod-a", 120 * SECOND, 0)["spec"]
    assert spec["holderIdentity"] == "pod-a"
    assert spec["leaseTransitions"] == transitions + (before != "pod-a")


@given(wall_ns=st.integers(min_value=0, max_value=4_000_000_000 * SECOND))
def test_every_claim_changes_the_lease_even_when_the_wall_clock_stands_still(wall_ns: int) -> None:
    first = claimed(lease(holderIdentity="pod-a"), "pod-a", 120 * SECOND, wall_ns)
    again = claimed(parse_lease(json.dumps(first).encode()), "pod-a", 120 * SECOND, wall_ns)
    assert first["spec"]["renewTime"] != again["spec"]["renewTime"]


@given(duration_ns=DURATIONS)
def test_the_duration_that_others_see_is_never_shorter_than_ours(duration_ns: int) -> None:
    spec = claimed(lease(), "pod-a", duration_ns, 0)["spec"]
    assert 0 <= spec["leaseDurationSeconds"] * SECOND - duration_ns < SECOND


def test_what_the_runtime_does_not_know_goes_back_unchanged() -> None:
    record = lease(holderIdentity="pod-a", leaseTransitions=4, strategy="OldestEmulationVersion")
    for document in (claimed(record, "pod-a", SECOND, 0), released(record)):
        assert document["metadata"] == record.document["metadata"]
        assert document["spec"]["strategy"] == "OldestEmulationVersion"


def test_a_released_lease_has_no_holder_and_keeps_its_count() -> None:
    spec = released(lease(holderIdentity="pod-a", leaseTransitions=4))["spec"]
    assert "holderIdentity" not in spec
    assert spec["leaseTransitions"] == 4


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"metadata": {}}', b'{"metadata": {"uid": 1}}', b"\xff"])
def test_what_is_no_lease_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_lease(raw)


@given(duration_ns=DURATIONS, renew_ns=DURATIONS)
def test_accepted_times_leave_room_to_cancel_before_another_may_take(duration_ns: int, renew_ns: int) -> None:
    try:
        timing = LeaseTiming(duration_ns, renew_ns)
    except ConfigError as error:
        assert "duration must exceed renew + 10 s" in str(error)  # noqa: PT017 - the refusal is the property
        assert duration_ns <= renew_ns + MARGIN_NS + SECOND
        return
    assert renew_ns < timing.deadline_ns < timing.fence_ns
    assert timing.fence_ns + MARGIN_NS <= duration_ns


def test_the_default_lease_survives_an_api_server_that_is_away_for_a_minute() -> None:
    timing = LeaseTiming(120 * SECOND, 30 * SECOND)
    assert timing.deadline_ns - timing.renew_ns > 60 * SECOND
