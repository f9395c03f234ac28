"""fsync of the write-ahead log, off the tick path: soon after every commit, and at once where an order waits for it."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tradingbot_runtime.errors import JournalError

FSYNC_WITHIN_S = 0.05


@dataclass(slots=True)
class WalSync:
    """At most one fsync runs at a time, and covers all that was committed when it began (group commit).

    `failure` is the first that failed. After it nothing counts as durable any more: the kernel may have thrown the
    pages away and would report the next fsync as good (https://wiki.postgresql.org/wiki/Fsync_Errors).
    """

    path: Path
    failure: BaseException | None = None
    committed: int = 0  # commits made
    synced: int = 0  # of them, those that survive the node
    _descriptor: int = field(init=False)
    _thread: ThreadPoolExecutor = field(init=False)
    _timer: asyncio.TimerHandle | None = None
    _running: bool = False
    _waiting: list[tuple[int, "asyncio.Future[None]"]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._descriptor = os.open(self.path, os.O_RDONLY)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal-fsync")

    def soon(self) -> None:
        """There was a commit."""
        self.committed += 1
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            os.fdatasync(self._descriptor)  # no loop: a tool, or the end of the process
            self.synced = self.committed
            return
        if not self._running and self._timer is None:
            self._timer = loop.call_later(FSYNC_WITHIN_S / 2, self._start, loop)

    async def durable(self) -> None:
        """Return when everything that is committed now survives the node. Raises JournalError when an fsync failed."""
        if self.failure is None and self.synced < self.committed:
            loop = asyncio.get_running_loop()
            done: asyncio.Future[None] = loop.create_future()
            self._waiting.append((self.committed, done))
            if not self._running:
                self._start(loop)
            await done
        if self.failure is not None:
            raise JournalError(f"the journal's fsync failed: {self.failure}") from self.failure

    def close(self) -> None:
        """Waits for a running fsync; what was committed last is the caller's checkpoint to make durable."""
        if self._timer is not None:
            self._timer.cancel()
        self._thread.shutdown(wait=True)
        os.close(self._descriptor)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._running = None, True
        covers = self.committed
        sync = loop.run_in_executor(self._thread, os.fdatasync, self._descriptor)
        sync.add_done_callback(lambda finished: self._done(finished, covers))

    def _done(self, finished: "asyncio.Future[None]", covers: int) -> None:
        self._running = False
        if finished.cancelled():
            return
        self.failure = self.failure or finished.exception()
        if self.failure is None:
            self.synced = covers
        proved = [done for target, done in self._waiting if self.failure is not None or target <= covers]
        self._waiting = [(target, done) for target, done in self._waiting if done not in proved]
        for done in proved:
            if not done.cancelled():
                done.set_result(None)
        if self.failure is None and self.synced < self.committed:
            loop = finished.get_loop()
            if self._waiting:
                self._start(loop)
            else:
                self._timer = loop.call_later(FSYNC_WITHIN_S / 2, self._start, loop)
