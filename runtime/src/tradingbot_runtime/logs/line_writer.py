"""Lines to a file descriptor without ever making the caller wait for whoever reads it."""

import os
import select
import threading
from contextlib import suppress

import msgspec

LIMIT_BYTES = 4 * 1024 * 1024  # about fifteen thousand lines
_CLOSE_S = 1.0


class LineWriter:
    """A bounded queue and a thread that writes it. What does not fit is dropped, counted, and said once it fits."""

    def __init__(self, descriptor: int, limit_bytes: int = LIMIT_BYTES) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._limit = limit_bytes
        self._lines: list[bytes] = []
        self._size = 0  # of the queue and of what is being written
        self._said = 0  # of `dropped`
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Queue `line`, which ends in a newline. Safe from every thread."""
        with self._changed:
            if self._closing or self._size + len(line) > self._limit:
                self.dropped += 1
                return
            self._lines.append(line)
            self._size += len(line)
            if len(self._lines) == 1:
                self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was queued is written; False when it was not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._size == 0, timeout_s)

    def close(self) -> None:
        """Write what is queued, within a second, and take no more."""
        self.flush(_CLOSE_S)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        while lines := self._next():
            taken = sum(map(len, lines))
            try:
                self._write_all(b"".join([*self._notice(), *lines]))
            except OSError:  # nobody reads any more: the bot goes on
                with self._changed:
                    self.dropped += len(lines)
            with self._changed:
                self._size -= taken
                self._changed.notify_all()

    def _next(self) -> list[bytes]:
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._closing)
            lines, self._lines = self._lines, []
            return lines

    def _notice(self) -> list[bytes]:
        with self._changed:
            dropped, self._said = self.dropped - self._said, self.dropped
        line = {"level": "warning", "event": "LogLinesDropped", "count": dropped}
        return [msgspec.json.encode(line) + b"\n"] if dropped else []

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            with suppress(BlockingIOError):
                view = view[os.write(self._descriptor, view) :]
                continue
            select.select([], [self._descriptor], [], 1.0)  # somebody made our stdout non-blocking
