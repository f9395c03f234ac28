"""When a schedule begins by the clock of its time zone, also on days on which that clock is changed. Pure.

As cron has it: a fixed time that the clock shows twice begins the first time and not again, one that it skips begins
when it goes on. With `*` in the minute or the hour a schedule follows the time that passes: it begins whenever the
clock shows such a time, twice in an hour that is repeated and not at all in one that is skipped.

Where the clock runs on without a change a schedule is plain arithmetic, so that is where each search stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
SAMPLED = timedelta(hours=6)  # no clock is changed twice within this
YEARS = 50  # longer than any schedule waits: a leap day that is a Sunday comes after 40 at the latest


def last_before(schedule: str, zone: str, moment: datetime, since: datetime) -> datetime | None:
    """The last beginning at `moment` or earlier; None where it was before `since`."""
    repeats, until = _follows_the_time(schedule), moment
    while until > since:
        stretch = _stretch(zone, until)
        shown = next(CronSim(schedule, _whole(stretch.shown(until)) + SECOND, reverse=True), None)
        if shown is not None and shown >= stretch.first_shown(repeats=repeats):
            began = stretch.moment_of(shown)
            return began if began > since else None
        until = stretch.start - SECOND
    return None


def next_after(schedule: str, zone: str, moment: datetime) -> datetime | None:
    """The first beginning that is later than `moment`; None where none ever comes."""
    repeats, since = _follows_the_time(schedule), moment
    while since.year < moment.year + YEARS:
        stretch = _stretch(zone, since)
        first = stretch.first_shown(repeats=repeats) - SECOND
        enters = since == stretch.start > moment  # then what the clock skips at the start is yet to begin
        shown: datetime | None = next(CronSim(schedule, first if enters else max(stretch.shown(since), first)), None)
        if shown is None:
            return None
        if stretch.shows(shown):
            return stretch.moment_of(shown)
        since = max(stretch.end, stretch.moment_of(shown) - 2 * DAY)  # nothing begins in the stretches between
    return None


@dataclass(frozen=True, slots=True)
class _Stretch:
    """From `start` until `end` the clock is not changed. What it shows has no time zone here."""

    start: datetime
    end: datetime
    offset: timedelta
    shown_before: datetime  # what it would show at the start, had it not been changed

    def shown(self, moment: datetime) -> datetime:
        return moment.astimezone(UTC).replace(tzinfo=None) + self.offset

    def shows(self, shown: datetime) -> bool:
        return shown < self.shown(self.end)

    def first_shown(self, *, repeats: bool) -> datetime:
        """The first time of the clock that belongs here: what is skipped does, and what is repeated does not."""
        return self.shown(self.start) if repeats else self.shown_before

    def moment_of(self, shown: datetime) -> datetime:
        return max((shown - self.offset).replace(tzinfo=UTC), self.start)


def _stretch(zone: str, moment: datetime) -> _Stretch:
    """The one that `moment` is in, a year and more of it at most."""
    at, year = moment.astimezone(UTC), moment.astimezone(UTC).year
    changes = [change for near in (year - 1, year, year + 1) for change in _changes(zone, near)]
    start = max((change for change in changes if change <= at), default=_new_year(year - 1))
    end = min((change for change in changes if change > at), default=_new_year(year + 2))
    before = start.replace(tzinfo=None) + _offset(zone, start - SECOND)
    return _Stretch(start, end, _offset(zone, at), before)


@lru_cache(maxsize=512)
def _changes(zone: str, year: int) -> tuple[datetime, ...]:
    """When the clock is set in that year, forward or back."""
    return tuple(_found(zone, year))


def _found(zone: str, year: int) -> Iterator[datetime]:
    at, end = _new_year(year), _new_year(year + 1)
    while at < end:
        later = min(at + SAMPLED, end)
        if (offset := _offset(zone, at)) != _offset(zone, later):
            yield _first_other(zone, at, later, offset)
        at = later


def _first_other(zone: str, same: datetime, other: datetime, offset: timedelta) -> datetime:
    while other - same > SECOND:
        middle = _whole(same + (other - same) / 2)
        same, other = (middle, other) if _offset(zone, middle) == offset else (same, middle)
    return other


def _offset(zone: str, moment: datetime) -> timedelta:
    return moment.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _follows_the_time(schedule: str) -> bool:
    minute, hour, *_ = schedule.split()
    return minute.startswith("*") or hour.startswith("*")
