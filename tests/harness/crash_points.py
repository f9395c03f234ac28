"""Named points at the seams of the runtime, counted as they are passed, and where the process may be made to end.

The board is a small file that the process under test and the test both map: the test arms a point and reads how often
each was passed; at the n-th passage after that the process kills itself with SIGKILL, which nothing can tidy up after.
"""

import mmap
import os
import re
import signal
import sqlite3
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tradingbot_runtime import app
from tradingbot_runtime.core import doubts
from tradingbot_runtime.journal import journal as journal_module
from tradingbot_runtime.journal.mark import write_mark
from tradingbot_runtime.journal.opening import connect
from tradingbot_runtime.lease.api import KubernetesLeases
from tradingbot_runtime.venues import connection
from tradingbot_runtime.venues.binance.gateway import BinanceGateway
from tradingbot_runtime.venues.binance.rest import BinanceRest
from tradingbot_runtime.venues.deltadefi.rest import DeltaDefiRest

_ROW = struct.Struct("<q56s")
_ROWS = 128
LOOK_NS = 200_000_000
SETTLE_NS = 1_000_000_000  # longer than any delay of the fault plans
_IDENTITY = re.compile(r"[0-9a-f-]{32,}")
_COMMITTED_ALONE = re.compile(r"INSERT OR IGNORE INTO (fills|latches)")
Result = TypeVar("Result")


class Board:
    """Row 0: how many passages are left to the armed point, 0 for none. The others: how often each was passed."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_ROW.size * _ROWS))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    def arm(self, point: str, passage: int) -> None:
        """The process ends at the `passage`-th time, from now on, that it comes by `point`."""
        self.write(0, 0, "")  # never the old number with the new name
        self.write(0, passage, point)

    def disarm(self) -> None:
        self.write(0, 0, "")

    def reset(self) -> None:
        """Count anew; the process under test goes on from nothing, too."""
        for row in range(1, _ROWS):
            if name := self.read(row)[1]:
                self.write(row, 0, name)

    @property
    def armed(self) -> tuple[str, int]:
        """The point, and how often it is still to be passed; 0: that was the end, or nothing is armed."""
        left, name = self.read(0)
        return name, left

    def counts(self) -> dict[str, int]:
        rows = (self.read(number) for number in range(1, _ROWS))
        return {name: count for count, name in rows if count}

    def rows(self) -> dict[str, int]:
        """Those that earlier processes have filled, by point."""
        names = ((self.read(number)[1], number) for number in range(1, _ROWS))
        return {name: number for name, number in names if name}

    def read(self, row: int) -> tuple[int, str]:
        count, name = _ROW.unpack_from(self._map, row * _ROW.size)
        return count, name.rstrip(b"\0").decode()

    def write(self, row: int, count: int, name: str) -> None:
        _ROW.pack_into(self._map, row * _ROW.size, count, name.encode())


class Passages:
    """In the process under test."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._rows = board.rows()  # by point

    def at(self, point: str) -> None:
        row = self._rows.setdefault(point, len(self._rows) + 1)
        self._board.write(row, self._board.read(row)[0] + 1, point)
        armed, left = self._board.armed
        if left > 0 and armed == point:
            self._board.write(0, left - 1, point)
            if left == 1:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, point: str, call: Callable[[], Result]) -> Result:
        self.at(f"before {point}")
        result = call()
        self.at(f"after {point}")
        return result

    async def around_answer(self, point: str, call: Coroutine[Any, Any, Result]) -> Result:
        """After: whatever the answer was, a failure included."""
        self.at(f"before {point}")
        try:
            return await call
        finally:
            self.at(f"after {point}")


class Points(Protocol):
    def around(self, point: str, call: Callable[[], Result]) -> Result: ...


class Database:
    """A connection whose commits are points."""

    def __init__(self, connected: sqlite3.Connection, passages: Points) -> None:
        self._connected = connected
        self._passages = passages

    def execute(self, statement: str, parameters: tuple[object, ...] = ()) -> sqlite3.Cursor:
        def run() -> sqlite3.Cursor:
            return self._connected.execute(statement, parameters)

        if statement == "COMMIT":
            return self._passages.around("commit", run)
        if statement.startswith("INSERT INTO orders"):
            return self._passages.around("write of an order", run)
        if alone := _COMMITTED_ALONE.match(statement):
            return self._passages.around(f"commit of {alone[1]}", run)
        return run()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a connection has
        return getattr(self._connected, name)


def hurry() -> None:
    """Ask about orders in doubt at shorter intervals: the simulators settle at once, and lives here are short.

    What was never sent stays in doubt until it is proved absent; until then it keeps its place among the quotes, and a
    bot that is killed before would have nothing to send.
    """
    vars(doubts).update(ASK_EVERY_NS=LOOK_NS, ASK_SETTLING_NS=LOOK_NS, ASK_SLOWEST_NS=LOOK_NS, SETTLE_NS=SETTLE_NS,
                        PROTECTED_NS=SETTLE_NS, PROTECTED_MOST_NS=SETTLE_NS)  # fmt: skip
    vars(app).update(LOOK_S=LOOK_NS / doubts.SECOND)


def install(passages: Passages) -> None:
    """Put points at every seam: commits and fsyncs of the journal, what is sent, what is received, the Lease."""
    _journal(passages)
    _binance(passages)
    _deltadefi(passages)
    _frames(passages)
    _lease(passages)


def _journal(passages: Passages) -> None:
    fdatasync = os.fdatasync

    def connected(path: Path) -> Any:  # noqa: ANN401 - stands in for a connection
        return Database(connect(path), passages)

    def marked(*arguments: Any) -> None:  # noqa: ANN401 - as the original has them
        passages.around("write of the mark", lambda: write_mark(*arguments))

    def synced(descriptor: int) -> None:
        passages.around("fsync", lambda: fdatasync(descriptor))

    vars(journal_module).update(connect=connected, write_mark=marked)
    vars(os).update(fdatasync=synced)


def _binance(passages: Passages) -> None:
    send, ask, order = BinanceGateway._request, BinanceRest._request, BinanceRest.send_once  # noqa: SLF001 - the edge to the wire

    def sent(self: BinanceGateway, method: str, *rest: Any) -> None:  # noqa: ANN401 - as the original has them
        passages.around(f"send of {method}", lambda: send(self, method, *rest))

    async def asked(self: BinanceRest, method: str, path: str, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - as above
        point = f"{method} {path.partition('?')[0]}"
        return await passages.around_answer(point, ask(self, method, path, *rest, **more))

    async def ordered(self: BinanceRest, method: str, path: str, *rest: Any) -> Any:  # noqa: ANN401 - as above
        return await passages.around_answer(f"{method} {path}", order(self, method, path, *rest))

    BinanceRest.send_once = ordered  # type: ignore[assignment,method-assign]  # as above
    BinanceGateway._request = sent  # type: ignore[assignment,method-assign]  # noqa: SLF001 - as above
    BinanceRest._request = asked  # type: ignore[method-assign]  # noqa: SLF001 - as above


def _deltadefi(passages: Passages) -> None:
    ask = DeltaDefiRest.request

    async def asked(self: DeltaDefiRest, method: str, path: str, **more: Any) -> Any:  # noqa: ANN401 - as the original
        point = f"{method} {_IDENTITY.sub('{id}', path)}"
        return await passages.around_answer(point, ask(self, method, path, **more))

    DeltaDefiRest.request = asked  # type: ignore[method-assign]  # the edge to the wire


def _frames(passages: Passages) -> None:
    receive = connection._Listener.on_ws_frame  # noqa: SLF001 - the edge to the wire

    def received(self: Any, transport: Any, frame: Any) -> None:  # noqa: ANN401 - as the original has them
        passages.around(f"frame for {type(self.peer).__name__}", lambda: receive(self, transport, frame))

    connection._Listener.on_ws_frame = received  # type: ignore[method-assign]  # noqa: SLF001 - as above


def _lease(passages: Passages) -> None:
    replace = KubernetesLeases.replace

    async def replaced(self: KubernetesLeases, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - as the original
        return await passages.around_answer("write of the Lease", replace(self, *rest, **more))

    KubernetesLeases.replace = replaced  # type: ignore[method-assign]  # the edge to the wire
