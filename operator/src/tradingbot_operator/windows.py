"""Windows and blackouts of a rollout: whether it may go on, and when it may again. Pure: the time is an input."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

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
    until = "" if opening is None else opening.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for_s = None if opening is None else (opening - now).total_seconds()
    if black := _covering(rollout.blackouts, now):
        return Closed(Reason.BLACKOUT, f"no restart within blackout {_told(black)}", until, for_s)
    awaited = None if opening is None else _covering(rollout.windows, opening)
    what = f"restarts wait for window {_told(awaited)}" if awaited else "no window ever opens outside of the blackouts"
    return Closed(Reason.OUTSIDE_MAINTENANCE_WINDOW, what, until, for_s)


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
        if black := _covering(rollout.blackouts, moment):
            moment = _end(black, moment)
        elif not rollout.windows or _covering(rollout.windows, moment):
            return moment
        elif starts := [start for window in rollout.windows if (start := _next_start(window, moment))]:
            moment = min(starts)
        else:
            return None
    return None


def _covering(windows: Iterable[Window], moment: datetime) -> Window | None:
    """Of those that are open then, the one that stays open for the longest time."""
    return max((window for window in windows if _end(window, moment) > moment), default=None,
               key=lambda window: _end(window, moment))  # fmt: skip


def _end(window: Window, moment: datetime) -> datetime:
    """Of the window that began last; all last as long, so that an earlier one is over, too."""
    just_after = (moment + timedelta(seconds=1)).astimezone(ZoneInfo(window.time_zone))
    began: datetime = next(CronSim(window.schedule, just_after, reverse=True))
    return began.astimezone(UTC) + timedelta(microseconds=window.duration_ns // 1000)


def _next_start(window: Window, moment: datetime) -> datetime | None:
    found = next(CronSim(window.schedule, moment.astimezone(ZoneInfo(window.time_zone))), None)
    return None if found is None else found.astimezone(UTC)


def _told(window: Window) -> str:
    return f"{window.schedule} {window.time_zone} for {duration_text(window.duration_ns)}"
