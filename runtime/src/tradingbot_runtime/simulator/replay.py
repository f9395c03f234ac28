"""Playing a recording into the venue: paced by its own time stamps, over and over where asked.

Time and update ids go on rising when a recording starts over. A time stamp that goes back is counted, and the frame
is played at once: nothing is lost, and nothing waits for a clock that was wrong.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from tradingbot_runtime.simulator.market_events import (
    AnyMarketEvent,
    DepthChanged,
    DepthSnapshot,
    TopChanged,
    TradePrinted,
)
from tradingbot_runtime.simulator.recording import FrameReader, UnusableRecording, read_lines
from tradingbot_runtime.simulator.venue import SimulatedVenue

log = structlog.get_logger("simulator")
MAX_WAIT_S = 10.0  # a longer gap in a recording is cut to this
_BREATH_EVENTS = 32  # at full speed, other tasks run after so many events
_BACKLOG_FRAMES = 1024  # at full speed, wait for clients that are this far behind ...
_BACKLOG_POLL_S = 0.001
_BACKLOG_POLLS = 5000  # ... but no longer than this many times
_LOOP_GAP = 1000  # update ids skipped between two rounds


class Pace:
    """When an event is due. `speed` None: as fast as the clients can follow."""

    def __init__(self, speed: float | None, now_s: Callable[[], float]) -> None:
        self._speed = speed
        self._now_s = now_s
        self._recorded_ns: int | None = None
        self._before_back_ns: int | None = None  # the stamp before the latest one that went back
        self._due_s = now_s()
        self.clock_back = 0
        self.gaps_cut = 0

    def wait_s(self, recorded_ns: int, line: int = 0) -> float:
        """Seconds until an event recorded at this time, in this line, is due; zero or less: at once."""
        step_ns = self._step_ns(recorded_ns, line)
        if self._speed is None:
            return 0.0
        step_s = step_ns / 1e9 / self._speed
        if step_s > MAX_WAIT_S:
            self.gaps_cut += 1
            log.warning("RecordingGapCut", gap_s=step_ns / 1e9, line=line)
            step_s = MAX_WAIT_S
        self._due_s = max(self._due_s + step_s, self._now_s() - MAX_WAIT_S)  # after a stall, catch up only so far
        return self._due_s - self._now_s()

    def _step_ns(self, recorded_ns: int, line: int) -> int:
        """From the stamp before; none where the clock went back, or comes back to where it was before that."""
        before, self._recorded_ns = self._recorded_ns, recorded_ns
        if before is None:
            return 0
        if recorded_ns < before:
            self._before_back_ns = before
            self.clock_back += 1
            if self.clock_back == 1:
                log.warning("RecordingClockWentBack", by_s=(before - recorded_ns) / 1e9, line=line)
            return 0
        if self._before_back_ns is not None and recorded_ns >= self._before_back_ns:
            before, self._before_back_ns = self._before_back_ns, None  # it was only that one stamp which was wrong
        return recorded_ns - before

    def restart(self) -> None:
        self._recorded_ns = self._before_back_ns = None


class Replay:
    """`backlog` says how far the slowest client is behind, in frames."""

    def __init__(
        self, venue: SimulatedVenue, reader: FrameReader, speed: float | None, backlog: Callable[[], int]
    ) -> None:
        self._venue = venue
        self._reader = reader
        self._backlog = backlog
        self._speed = speed
        self.pace = Pace(speed, asyncio.get_running_loop().time)
        self.rounds = 0
        self.running = False
        self._shift = 0
        self._updates = IdRange()
        self._trades = IdRange()

    async def run(self, path: Path, *, loop: bool) -> None:
        """Play the recording to its end, or for ever. Raises UnusableRecording when there is no event in it."""
        self.running = True
        while True:
            events = await self._play(path)
            self.rounds += 1
            log.info("RecordingEnded", path=str(path), events=events, skipped=dict(self._reader.skipped), loop=loop)
            if not events:
                raise UnusableRecording(f"recording {path}: there is no market in it any more: it has been changed")
            if not loop:
                break
            self._start_over()
        self.running = False

    async def _play(self, path: Path) -> int:
        count = 0
        for line in read_lines(path, self._reader.damaged_end):
            event = self._reader.line(line)
            if event is None:
                continue
            wait_s = self.pace.wait_s(event.time_ns, self._reader.read)
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            elif count % _BREATH_EVENTS == 0:
                await self._breathe()
            self._see(event)
            self._venue.feed(shift_ids(event, self._shift))
            count += 1
        return count

    async def _breathe(self) -> None:
        await asyncio.sleep(0)
        if self._speed is not None:
            return
        for _ in range(_BACKLOG_POLLS):
            if self._backlog() <= _BACKLOG_FRAMES:
                return
            await asyncio.sleep(_BACKLOG_POLL_S)

    def _see(self, event: AnyMarketEvent) -> None:
        if isinstance(event, TradePrinted):
            self._trades.include(event.trade_id)
        else:
            self._updates.include(event.first_id if isinstance(event, DepthChanged) else update_id(event) or 0)
            self._updates.include(update_id(event) or 0)

    def _start_over(self) -> None:
        self._shift += max(self._updates.span, self._trades.span) + _LOOP_GAP
        self.pace.restart()
        self._venue.start_over(self._reader.symbols)


@dataclass(slots=True)
class IdRange:
    """Lowest and highest id seen in one round."""

    lowest: int | None = None
    highest: int = 0

    def include(self, number: int) -> None:
        self.lowest = number if self.lowest is None else min(self.lowest, number)
        self.highest = max(self.highest, number)

    @property
    def span(self) -> int:
        return 0 if self.lowest is None else self.highest - self.lowest


def update_id(event: AnyMarketEvent) -> int | None:
    """The newest update that the event contains; None for a trade."""
    if isinstance(event, TopChanged):
        return event.update_id
    return event.last_id if isinstance(event, DepthChanged | DepthSnapshot) else None


def shift_ids(event: AnyMarketEvent, shift: int) -> AnyMarketEvent:
    """The event with its update or trade ids moved up."""
    if not shift:
        return event
    if isinstance(event, TopChanged):
        return msgspec.structs.replace(event, update_id=event.update_id + shift)
    if isinstance(event, DepthChanged):
        return msgspec.structs.replace(event, first_id=event.first_id + shift, last_id=event.last_id + shift)
    if isinstance(event, DepthSnapshot):
        return msgspec.structs.replace(event, last_id=event.last_id + shift)
    return msgspec.structs.replace(event, trade_id=event.trade_id + shift)
