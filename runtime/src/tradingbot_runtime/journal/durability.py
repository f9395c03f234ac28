"""fsync of the write-ahead log, soon after a commit and off the tick path."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

FSYNC_WITHIN_S = 0.05


@dataclass(slots=True)
class WalSync:
    """At most one fsync runs at a time; a commit made meanwhile gets the next. `failure` is the first that failed."""

    path: Path
    failure: BaseException | None = None
    _descriptor: int = field(init=False)
    _thread: ThreadPoolExecutor = field(init=False)
    _timer: asyncio.TimerHandle | None = None
    _running: bool = False
    _again: bool = False

    def __post_init__(self) -> None:
        self._descriptor = os.open(self.path, os.O_RDONLY)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal-fsync")

    def soon(self) -> None:
        """There was a commit."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            os.fdatasync(self._descriptor)  # no loop: a tool, or the end of the process
            return
        if self._running:
            self._again = True
        elif self._timer is None:
            self._timer = loop.call_later(FSYNC_WITHIN_S / 2, self._start, loop)

    def close(self) -> None:
        """Waits for a running fsync; what was committed last is the caller's checkpoint to make durable."""
        if self._timer is not None:
            self._timer.cancel()
        self._thread.shutdown(wait=True)
        os.close(self._descriptor)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, self._running, self._again = None, True, False
        loop.run_in_executor(self._thread, os.fdatasync, self._descriptor).add_done_callback(self._done)

    def _done(self, synced: "asyncio.Future[None]") -> None:
        self._running = False
        if not synced.cancelled():
            self.failure = self.failure or synced.exception()
        if self._again:
            self.soon()
