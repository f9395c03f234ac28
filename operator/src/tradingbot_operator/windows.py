"""Windows and blackouts of a rollout: whether it may go on, and when it may again. Pure: the time is an input."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from tradingbot_operator.beginnings import last_before, next_after
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.gates import Closed
from tradingbot_runtime.config.fields import duration_text
from tradingbot_runtime.config.rollout import Rollout, Window

LOOKS = 1000  # at what begins or ends next: schedules that never leave a minute free are not searched for ever


def closed(rollout: Rollout, now: datetime) -> Closed | None:
    """Why no restart may begin now; None when it may. Raises ValueError for what `schedule_problems` names."""
    opening = _opening(rollout, now)
    if opening == now:
        return None
    until = "" if opening is None else _in_whole_seconds(opening)
    for_s = None if opening is None else (opening - now).total_seconds()
    if black := _covering(rollout.blackouts, now):
        return Closed(Reason.BLACKOUT, f"no restart within blackout {_told(black)}", until, for_s)
    awaited = None if opening is None else _covering(rollout.windows, opening)
    what = f"restarts wait for window {_told(awaited)}" if awaited else "no window ever opens outside of the blackouts"
    return Closed(Reason.OUTSIDE_MAINTENANCE_WINDOW, what, until, for_s)


def _in_whole_seconds(opening: datetime) -> str:
    """Not before it: it is open then."""
    return (opening.astimezone(UTC) + timedelta(microseconds=999_999)).strftime("%Y-%m-%dT%H:%M:%SZ")


def schedule_problems(rollout: Rollout) -> tuple[str, ...]:
    """What only the calendar and the list of time zones can tell of a schedule."""
    return tuple(_problems("windows", rollout.windows)) + tuple(_problems("blackouts", rollout.blackouts))


def _problems(name: str, windows: Iterable[Window]) -> Iterator[str]:
    for index, window in enumerate(windows):
        where = f"spec.rollout.{name}[{index}]"
        try:
            zone = ZoneInfo(window.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones is no zone
            yield f"{where}.timeZone: {window.time_zone!r}: there is no such time zone"
            continue
        try:
            never = next(CronSim(window.schedule, datetime(2024, 1, 1, tzinfo=zone)), None) is None
        except CronSimError as error:
            yield f"{where}.schedule: {window.schedule!r}: {error}"
        else:
            if never:
                yield f"{where}.schedule: {window.schedule!r}: no such day ever comes"


def _opening(rollout: Rollout, now: datetime) -> datetime | None:
    """The first moment from `now` on that is within a window and within no blackout; None where none is found."""
    moment = now
    for _ in range(LOOKS):
        ends = [end for black in rollout.blackouts if (end := _end(black, moment))]
        if ends:
            moment = max(ends)
        elif not rollout.windows or _covering(rollout.windows, moment):
            return moment
        elif starts := [start for each in rollout.windows
                        if (start := next_after(each.schedule, each.time_zone, moment))]:  # fmt: skip
            moment = min(starts)
        else:
            return None
    return None


def _covering(windows: Iterable[Window], moment: datetime) -> Window | None:
    """Of those that are open then, the one that stays open for the longest time."""
    ends = ((_end(window, moment), window) for window in windows)
    return max(((end, window) for end, window in ends if end), default=(None, None), key=itemgetter(0))[1]


def _end(window: Window, moment: datetime) -> datetime | None:
    """Of the one that began last; all last as long, so that an earlier one is over, too. None: it is not open."""
    lasts = timedelta(microseconds=window.duration_ns // 1000)  # of time that passes, whatever the clock shows
    began = last_before(window.schedule, window.time_zone, moment, since=moment - lasts)
    return None if began is None else began + lasts


def _told(window: Window) -> str:
    return f"{window.schedule} {window.time_zone} for {duration_text(window.duration_ns)}"
