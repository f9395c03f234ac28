"""When a rollout may go on by the calendar: windows, blackouts and time zones. No clock is read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.examples import examples
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.gates import Closed
from tradingbot_operator.windows import closed, schedule_problems
from tradingbot_runtime.config import Rollout

MORNINGS = {"schedule": "0 6 * * MON-FRI", "duration": "2h", "timeZone": "Europe/Berlin"}
FUNDING = {"schedule": "30 */8 * * *", "duration": "1h"}


def rollout(*windows: dict[str, Any], blackouts: tuple[dict[str, Any], ...] = (), **more: Any) -> Rollout:  # noqa: ANN401 - fields
    return Rollout.model_validate({"windows": list(windows), "blackouts": list(blackouts)} | more)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("now", "until"), [
    ("2026-11-27T04:59:59", "2026-11-27T05:00:00Z"),  # a Friday; Berlin is an hour ahead in winter
    ("2026-11-27T05:00:00", None),  # the first moment is within
    ("2026-11-27T06:59:59", None),
    ("2026-11-27T07:00:00", "2026-11-30T05:00:00Z"),  # the last is not; then Monday
    ("2026-07-10T04:00:00", None),  # two hours in summer
    ("2026-07-10T03:59:00", "2026-07-10T04:00:00Z"),
    ("2026-03-27T09:00:00", "2026-03-30T04:00:00Z"),  # the clock goes forward on the Sunday in between
])  # fmt: skip
def test_a_window_opens_by_the_clock_of_its_time_zone(now: str, until: str | None) -> None:
    found = closed(rollout(MORNINGS), utc(now))

    assert (found.until if found else None) == until
    if found:
        assert found.reason is Reason.OUTSIDE_MAINTENANCE_WINDOW
        assert found.message == "restarts wait for window 0 6 * * MON-FRI Europe/Berlin for 2h"
        assert found.for_s == (datetime.fromisoformat(found.until) - utc(now)).total_seconds()


def test_without_windows_it_is_always_open_and_no_clock_matters() -> None:
    assert closed(Rollout(), utc("2026-11-27T05:00:00")) is None


def test_a_window_over_midnight_is_open_on_both_sides() -> None:
    night = rollout({"schedule": "0 23 * * SAT", "duration": "3h"})

    assert closed(night, utc("2026-11-28T23:30:00")) is None
    assert closed(night, utc("2026-11-29T01:59:00")) is None
    assert closed(night, utc("2026-11-29T02:00:00")) is not None


def test_of_several_windows_the_one_that_opens_next_is_told() -> None:
    found = closed(rollout(MORNINGS, {"schedule": "0 12 * * *", "duration": "30m"}), utc("2026-11-27T09:00:00"))

    assert found
    assert (found.until, found.message) == ("2026-11-27T12:00:00Z", "restarts wait for window 0 12 * * * UTC for 30m")


def test_a_blackout_closes_also_where_there_is_no_window_and_says_when_it_ends() -> None:
    found = closed(rollout(blackouts=(FUNDING,)), utc("2026-11-27T08:45:00"))

    assert found == Closed(Reason.BLACKOUT, "no restart within blackout 30 */8 * * * UTC for 1h",
                           "2026-11-27T09:30:00Z", 45 * 60)  # fmt: skip


def test_what_follows_a_blackout_is_the_next_window_if_it_is_closed_by_then() -> None:
    both = rollout({"schedule": "0 8 * * *", "duration": "1h"}, blackouts=(FUNDING,))

    assert closed(both, utc("2026-11-27T08:29:00")) is None
    within = closed(both, utc("2026-11-27T08:31:00"))
    assert within
    assert (within.reason, within.until) == (Reason.BLACKOUT, "2026-11-28T08:00:00Z")


def test_windows_that_blackouts_cover_for_ever_say_so() -> None:
    always = {"schedule": "* * * * *", "duration": "1h"}
    found = closed(rollout(MORNINGS, blackouts=(always,)), utc("2026-11-27T08:31:00"))

    assert found
    assert (found.reason, found.until, found.for_s) == (Reason.BLACKOUT, "", None)


@pytest.mark.parametrize(("window", "said"), [
    (MORNINGS | {"timeZone": "Europe/Berlinn"}, "windows[0].timeZone: 'Europe/Berlinn': there is no such time zone"),
    (MORNINGS | {"timeZone": "Europe"}, "windows[0].timeZone: 'Europe': there is no such time zone"),
    (MORNINGS | {"schedule": "0 6 * * FRI-MON"}, "windows[0].schedule: '0 6 * * FRI-MON': Bad day-of-week"),
    (MORNINGS | {"schedule": "0 0 31 2 *"}, "windows[0].schedule: '0 0 31 2 *': "),
])  # fmt: skip
def test_a_schedule_that_never_comes_is_told_with_its_place(window: dict[str, Any], said: str) -> None:
    (problem,) = schedule_problems(rollout(window))

    assert problem.startswith(f"spec.rollout.{said}")


MINUTES, HOURS, DAYS = ("0", "30", "*/20"), ("0", "6", "*/6", "1-3"), ("*", "SUN", "1-5")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")


@st.composite
def some_windows(draw: st.DrawFn) -> dict[str, Any]:
    minute, hour, day = (draw(st.sampled_from(known)) for known in (MINUTES, HOURS, DAYS))
    hours, zone = draw(st.integers(1, 12)), draw(st.sampled_from(ZONES))
    return {"schedule": f"{minute} {hour} * * {day}", "duration": f"{hours}h", "timeZone": zone}


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(some_windows(), max_size=3), st.lists(some_windows(), max_size=2), st.integers(0, 365 * 24 * 60))
def test_it_opens_when_it_says_so_and_not_before(
    windows: list[dict[str, Any]], blackouts: list[dict[str, Any]], minute: int
) -> None:
    wanted, now = rollout(*windows, blackouts=tuple(blackouts)), utc("2026-01-01T00:00:00") + timedelta(minutes=minute)
    found = closed(wanted, now)

    if found and found.until:
        opens = datetime.fromisoformat(found.until)
        assert closed(wanted, opens) is None
        for part in range(1, 20):
            before = closed(wanted, now + (opens - now) * part / 20)
            assert before
            assert before.until == found.until
