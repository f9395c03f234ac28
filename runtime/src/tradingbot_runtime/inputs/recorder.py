"""Every event that enters an engine, recorded off the tick path: bounded, never waited for.

On the tick path an event is encoded into a buffer, nothing else; a thread compresses and writes. When it cannot keep
up, or the volume is full, recording stops, what is missed is counted, and a new segment begins with a snapshot.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from operator import attrgetter

import msgspec
import structlog

from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.inputs.lines import Applied, BudgetChanged, Handled, Line
from tradingbot_runtime.inputs.segments import SegmentWriter
from tradingbot_runtime.inputs.snapshot import Unkept, budget_raw
from tradingbot_runtime.model import AnyCommand, AnyEvent

log = structlog.get_logger("inputs")

MOST_BUFFERED = 4 * 2**20  # bytes: some 25,000 events
AGAIN_AFTER = 600  # calls of `drain` after a failure: a minute
_values = attrgetter(*Budget.__slots__)
Entry = tuple[bool, bytearray]  # (begins a segment, lines)


@dataclass(slots=True)
class Recorder:
    """Without a writer it records nothing, and costs nothing."""

    writer: SegmentWriter | None = None
    snapshot: Callable[[int], Iterable[Line]] | None = None  # (missed) -> the lines that a segment begins with
    missed: int = 0  # events since the last segment that are not recorded
    missed_in_all: int = 0
    _on: bool = False
    _buffer: bytearray = field(default_factory=bytearray)
    _waiting: list[Entry] = field(default_factory=list)
    _held: int = 0  # events in `_buffer`
    _handed: int = 0  # events that the thread is writing
    _pause: int = 0  # calls of `drain` to let pass
    _busy: "Future[None] | None" = None
    _thread: ThreadPoolExecutor | None = None
    _prefixes: dict[tuple[type[Line], str], bytes] = field(default_factory=dict)
    _budgets: dict[int, tuple[object, ...]] = field(default_factory=dict)  # as the engine left them
    _encoder: msgspec.json.Encoder = field(default_factory=msgspec.json.Encoder)

    # -- the tick path -------------------------------------------------------------------------------------------

    def handled(self, market: str, event: AnyEvent, budget: Budget) -> None:
        """Before the engine decides on it, with this budget."""
        if not self._on:
            self.missed += 1
            return
        if _values(budget) != self._budgets.get(id(budget)):
            self.note(BudgetChanged(market=market, budget=budget_raw(budget)))
            self._budgets[id(budget)] = _values(budget)
        self._event(Handled, market, event)

    def applied(self, market: str, event: AnyEvent) -> None:
        if self._on:
            self._event(Applied, market, event)
        else:
            self.missed += 1

    def sent(self, commands: Iterable[AnyCommand], budget: Budget) -> None:
        """What was decided on the latest event, and what that left of the budget."""
        if self._on:
            self._budgets[id(budget)] = _values(budget)
            self._buffer += b'{"type":"Sent","commands":'
            self._encoder.encode_into(tuple(commands), self._buffer, -1)
            self._buffer += b"}\n"

    def note(self, line: Line) -> None:
        """What changes an engine and is no event."""
        if self._on:
            self._encoder.encode_into(line, self._buffer, -1)
            self._buffer += b"\n"

    def note_state(self, line: Callable[[], Line]) -> None:
        """As `note`, of a line with a state in it."""
        if self._on:
            for kept in self._kept(lambda: [line()]):
                self.note(kept)

    def _event(self, kind: type[Line], market: str, event: AnyEvent) -> None:
        buffer = self._buffer
        if len(buffer) > MOST_BUFFERED:
            self._on, self.missed = False, self.missed + 1  # until a segment begins with the state of then
            return
        self._held += 1
        prefix = self._prefixes.get((kind, market))
        if prefix is None:
            name = msgspec.json.encode(market).decode()
            prefix = f'{{"type":"{kind.__name__}","market":{name},"event":'.encode()
            self._prefixes[kind, market] = prefix
        buffer += prefix
        self._encoder.encode_into(event, buffer, -1)
        buffer += b"}\n"

    # -- beside it -----------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Hand over what is buffered, and begin a segment when one is due. Called by a timer, between two events."""
        writer = self.writer
        if writer is None or not writer.cap or (self._busy is not None and not self._busy.done()):
            return
        self._take_result()
        if self._pause > 0:
            self._pause -= 1
            return
        self._hand_over(writer)
        if not self._on or writer.is_full:
            self._begin()

    def limit(self, cap: int) -> None:
        """Another limit of all segments together, in bytes; 0 ends the recording."""
        if self.writer is not None:
            self.writer.cap = cap
            self._on = self._on and cap > 0

    def close(self) -> None:
        """Write what is left; waits for the disk."""
        writer = self.writer
        if writer is None:
            return
        if self._busy is not None:
            self._busy.exception()
        self._take_result()
        if self._pause == 0:
            self._hand_over(writer)
        if self._thread is not None:
            self._thread.submit(writer.close)
            self._thread.shutdown(wait=True)
        self._take_result()
        self.writer, self._on = None, False

    def _begin(self) -> None:
        snapshot = self.snapshot
        if snapshot is None:
            return
        lines = self._kept(lambda: list(snapshot(self.missed)))
        if not lines:
            return
        self.missed_in_all += self.missed
        self.missed, self._on = 0, True
        self._buffer = bytearray(b"".join(self._encoder.encode(line) + b"\n" for line in lines))
        self._waiting.append((True, self._buffer))

    def _kept(self, lines: Callable[[], list[Line]]) -> list[Line]:
        """Nothing where a state cannot be kept: the recording ends then, and is tried again; trading goes on."""
        try:
            return lines()
        except Unkept as error:
            log.exception("InputsNotRecorded", message=f"no snapshot: {error}")
            self._pause, self._on = AGAIN_AFTER, False
            return []

    def _hand_over(self, writer: SegmentWriter) -> None:
        entries, self._waiting = self._waiting, []
        if self._buffer and not (entries and entries[-1][1] is self._buffer):
            entries.append((False, self._buffer))
        self._buffer = bytearray()
        self._handed, self._held = self._held, 0
        if entries:
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="inputs")
            self._busy = self._thread.submit(_write, writer, entries)

    def _take_result(self) -> None:
        if self._busy is None or self._busy.exception() is None:
            return
        log.warning("InputsNotRecorded", message=str(self._busy.exception()))
        self.missed += self._handed + self._held
        self._busy, self._on, self._pause, self._handed, self._held = None, False, AGAIN_AFTER, 0, 0
        self._buffer, self._waiting = bytearray(), []


def _write(writer: SegmentWriter, entries: Iterable[Entry]) -> None:
    for begins, lines in entries:
        if begins:
            writer.start()
        writer.write(lines)
