"""Work that a thread does beside the event loop: bounded, and whoever hands it over never waits."""

import threading
import time
from collections import deque
from collections.abc import Callable

EVERY_S = 0.05  # what is committed is on its way to the venue by then
PAUSE_S = 0.0005  # after each piece: the event loop's turn, should it wait for the interpreter


class BackgroundQueue:
    def __init__(self, most: int, last: Callable[[], None]) -> None:
        """`last` is done after all else, at the end."""
        self.missed = 0  # pieces that did not fit
        self._most, self._last = most, last
        self._waiting: deque[Callable[[], None]] = deque()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="order-traces", daemon=True)
        self._thread.start()

    def put(self, work: Callable[[], None]) -> None:
        if len(self._waiting) < self._most:
            self._waiting.append(work)
        else:
            self.missed += 1

    def close(self, within_s: float) -> None:
        """Do what waits, as far as it goes in that time."""
        self._closing.set()
        self._thread.join(within_s)

    def _run(self) -> None:
        while not self._closing.wait(EVERY_S):
            while self._waiting and not self._closing.is_set():
                self._waiting.popleft()()
                time.sleep(PAUSE_S)
        while self._waiting:
            self._waiting.popleft()()
        self._last()
