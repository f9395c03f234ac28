"""Windows and blackouts on days on which the clock is changed, against a walk through the minutes of UTC."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.examples import examples
from tradingbot_operator.windows import closed
from tradingbot_runtime.config import Rollout

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
# Zone, and moments of UTC at which its clock is set back, or forward.
CHANGES = {
    "Europe/Berlin": ("2026-10-25T01:00", "2026-03-29T01:00"),
    "America/New_York": ("2026-11-01T06:00", "2026-03-08T07:00"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),  # by half an hour
    "America/Havana": ("2026-11-01T05:00", "2026-03-08T05:00"),  # forward at midnight: the day begins at one
    "Africa/Casablanca": ("2026-02-15T02:00", "2026-03-22T02:00"),  # five weeks apart
    "UTC": ("2026-10-25T01:00", "2026-03-29T01:00"),
}
MINUTES = ("0", "30", "15,45", "*/20", "*", "50-59")
HOURS = ("0", "1", "2", "3", "1-3", "*/2", "*", "0-23/2")
DAYS = ("* * *", "* * SUN", "1,25,29 * *", "* * 6-7", "29 3 *", "*/7 * SUN")
MOST_H = 30
NAMES = {name: str(number) for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@lru_cache
def values(text: str, least: int, most: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        low, high = (str(least), str(most)) if low == "*" else (low, high or low)
        found |= set(range(int(NAMES.get(low, low)), int(NAMES.get(high, high)) + 1, int(step or 1)))
    return frozenset(found)


def shows(schedule: str, at: datetime) -> bool:
    """Whether a clock that shows `at` shows a time of the schedule."""
    minute, hour, day, month, weekday = schedule.split()
    if at.minute not in values(minute, 0, 59) or at.hour not in values(hour, 0, 23):
        return False
    if at.month not in values(month, 1, 12):
        return False
    by_day = at.day in values(day, 1, 31)
    by_weekday = at.isoweekday() % 7 in {number % 7 for number in values(weekday, 0, 7)}
    both = day.startswith("*") or weekday.startswith("*")
    return (by_day and by_weekday) if both else (by_day or by_weekday)


def beginnings(schedule: str, zone: str, since: datetime, until: datetime) -> Iterator[datetime]:
    """Minute by minute: what the clock shows, what it has jumped over, and what it has shown before."""
    follows = any(part.startswith("*") for part in schedule.split()[:2])
    latest: datetime | None = None
    moment = since
    while moment < until:
        shown = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        skipped = latest + MINUTE if latest is not None and not follows else shown
        new = [shown] if follows else [skipped + n * MINUTE for n in range(int((shown - skipped) / MINUTE) + 1)]
        if any(shows(schedule, each) for each in new):
            yield moment
        latest = shown if latest is None else max(latest, shown)
        moment += MINUTE


@lru_cache(maxsize=2000)
def begins(schedule: str, zone: str, change: str) -> tuple[datetime, ...]:
    return tuple(beginnings(schedule, zone, utc(change) - 2 * DAY - timedelta(hours=MOST_H), utc(change) + 4 * DAY))


def is_open(windows: list[dict[str, Any]], change: str, at: datetime) -> bool:
    for window in windows:
        known = begins(window["schedule"], window["timeZone"], change)
        before = bisect_right(known, at)
        if before and at < known[before - 1] + timedelta(minutes=window["minutes"]):
            return True
    return False


@st.composite
def near_a_change(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]], int]:
    zone = draw(st.sampled_from(sorted(CHANGES)))
    change = draw(st.sampled_from(CHANGES[zone]))

    def some() -> dict[str, Any]:
        minute, hour, day = (draw(st.sampled_from(known)) for known in (MINUTES, HOURS, DAYS))
        long = draw(st.one_of(st.integers(1, 180), st.integers(1, MOST_H * 60)))
        return {"schedule": f"{minute} {hour} {day}", "timeZone": zone, "minutes": long}

    windows, blackouts = ([some() for _ in range(draw(st.integers(0, 2)))] for _ in range(2))
    return change, windows, blackouts, draw(st.integers(-4 * 3600, 4 * 3600))


def rollout(windows: list[dict[str, Any]], blackouts: list[dict[str, Any]]) -> Rollout:
    def written(each: dict[str, Any]) -> dict[str, Any]:
        return {"schedule": each["schedule"], "timeZone": each["timeZone"], "duration": f"{each['minutes']}m"}

    return Rollout.model_validate({"windows": [*map(written, windows)], "blackouts": [*map(written, blackouts)]})


BERLIN = {"schedule": "30 2 * * *", "timeZone": "Europe/Berlin", "minutes": 60}


@settings(max_examples=examples(150), deadline=None)
@example(("2026-10-25T01:00", [BERLIN], [], 300))
@example(("2026-10-25T01:00", [], [BERLIN], 0))
@example(("2026-03-29T01:00", [BERLIN], [], -1))
@given(near_a_change())
def test_it_is_open_whenever_a_walk_through_the_minutes_finds_it_open_and_says_when_it_will_be(
    case: tuple[str, list[dict[str, Any]], list[dict[str, Any]], int],
) -> None:
    change, windows, blackouts, seconds = case
    now = utc(change) + timedelta(seconds=seconds)

    def may_restart(at: datetime) -> bool:
        return (not windows or is_open(windows, change, at)) and not is_open(blackouts, change, at)

    found = closed(rollout(windows, blackouts), now)

    assert (found is None) == may_restart(now)
    if found is None:
        return
    this_minute = now.replace(second=0)
    ahead = (this_minute + n * MINUTE for n in range(1, 2 * 24 * 60))
    opens = next((at for at in ahead if may_restart(at)), None)
    if opens is not None:
        assert (found.until, found.for_s) == (opens.strftime("%Y-%m-%dT%H:%M:%SZ"), (opens - now).total_seconds())
        assert closed(rollout(windows, blackouts), opens) is None
    assert found.for_s is None or found.for_s > 0


@pytest.mark.parametrize(("schedule", "zone", "day", "expected"), [
    ("30 2 * * *", "Europe/Berlin", "2026-10-25", ["00:30"]),  # once, the first time that the clock shows it
    ("30 1 * * *", "America/New_York", "2026-11-01", ["05:30"]),
    ("30 2 * * *", "Europe/Berlin", "2026-03-29", ["01:00"]),  # when the clock goes on, at three
    ("30 */2 * * *", "Europe/Berlin", "2026-10-25", ["00:30", "01:30", "03:30"]),  # whenever the clock shows it
    ("30 */2 * * *", "Europe/Berlin", "2026-03-29", ["02:30"]),
])  # fmt: skip
def test_the_walk_finds_what_the_guide_says_of_a_changed_clock(
    schedule: str, zone: str, day: str, expected: list[str]
) -> None:
    midnight = utc(f"{day}T00:00")
    since = midnight + timedelta(hours=5 if zone.startswith("America") else 0)
    found = beginnings(schedule, zone, since, since + timedelta(hours=4))

    assert [at.strftime("%H:%M") for at in found] == expected


def test_a_part_of_a_second_is_told_as_the_next_whole_one() -> None:
    half = Rollout.model_validate({"blackouts": [{"schedule": "0 6 * * *", "duration": "60500ms"}]})
    found = closed(half, utc("2026-05-05T06:00"))

    assert found
    assert (found.until, found.for_s) == ("2026-05-05T06:01:01Z", 60.5)
    assert closed(half, datetime.fromisoformat(found.until)) is None
