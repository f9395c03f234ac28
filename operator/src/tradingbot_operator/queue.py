"""The work queue: keyed, deduplicated, four priorities, one worker per key, back-off with jitter, ageing.

`KeyedQueue` is the machine, without clock or tasks: time is an argument. `WorkQueue` lets tasks wait for it.
"""

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

from tradingbot_operator.metrics import BOUNDS_NS
from tradingbot_runtime.metric_families import Histogram

K = TypeVar("K", bound=Hashable)
MOST_IN_A_ROW = 32  # keys, at two milliseconds each


class Priority(IntEnum):
    """Lower goes first."""

    HALT = 0  # halts and deletions: orders have to leave the market
    SPEC = 1
    CHILD = 2
    RESYNC = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    ageing_s: float = 10.0  # a waiting key moves up one lane each time this passes, up to SPEC
    backoff_s: float = 0.2
    backoff_max_s: float = 60.0
    halt_backoff_max_s: float = 1.0  # a halt is never throttled
    again_s: float = 0.05  # nobody asks for another look sooner than this
    again_max_s: float = 1.0  # how long one waits that each look asks for at once


@dataclass(slots=True)
class Counters:
    """For the metrics; they only grow."""

    adds: int = 0
    retries: int = 0
    waited: Histogram = field(default_factory=lambda: Histogram(BOUNDS_NS))
    worked: Histogram = field(default_factory=lambda: Histogram(BOUNDS_NS))


@dataclass(slots=True)
class KeyedQueue(Generic[K]):
    """Nothing may overtake a halt, so ageing ends one lane below it; halts are few and short."""

    timing: Timing = Timing()
    counters: Counters = field(default_factory=Counters)
    _lanes: dict[Priority, OrderedDict[K, float]] = field(
        default_factory=lambda: {priority: OrderedDict() for priority in Priority}
    )
    _later: list[tuple[float, int, K, Priority]] = field(default_factory=list)
    _due: dict[K, tuple[float, Priority]] = field(default_factory=dict)
    _active: dict[K, float] = field(default_factory=dict)
    _again: dict[K, Priority] = field(default_factory=dict)
    _failures: dict[K, int] = field(default_factory=dict)
    _hasty: dict[K, int] = field(default_factory=dict)  # how many looks in a row have asked for the next one at once
    _hasty_now: set[K] = field(default_factory=set)  # of those that are being worked on
    taken: tuple[Priority, float] = (Priority.RESYNC, 0.0)  # the latest: its lane, and how long it had waited
    _tie: int = 0
    _taken_at: float = float("-inf")

    def add(self, key: K, priority: Priority, now: float) -> None:
        """Have `key` worked on; a key that is being worked on comes again when that is done."""
        self.counters.adds += 1
        if key in self._active:
            self._again[key] = min(priority, self._again.get(key, priority))
            return
        since = now
        for lane, waiting in self._lanes.items():
            if key in waiting:
                if lane <= priority:
                    return
                since = waiting.pop(key)
                break
        self._lanes[priority][key] = since

    def add_after(self, key: K, delay_s: float, priority: Priority, now: float) -> float:
        """Have `key` worked on in `delay_s`, or soon after, and return when that is; the earliest of several holds.

        Until then: whoever works on it before that sees what there is, and asks for another look where it needs one.
        Whatever is asked for, there is time for others in between: a look that always wants the next one at once is
        mistaken, and must not keep everybody else from theirs.
        """
        delay = max(delay_s, self._pause_s(key) if delay_s < self.timing.again_s else 0.0)
        due = now + delay
        if key in self._due and self._due[key][0] <= due:
            return self._due[key][0] - now
        self._due[key] = (due, priority)
        self._tie += 1
        heapq.heappush(self._later, (due, self._tie, key, priority))
        return delay

    def _pause_s(self, key: K) -> float:
        """Doubled with each look in a row that asks for it."""
        if key in self._active and key not in self._hasty_now:
            self._hasty_now.add(key)
            self._hasty[key] = self._hasty.get(key, 0) + 1
        before = max(self._hasty.get(key, 1) - 1, 0)
        whole: float = self.timing.again_s * 2 ** min(before, 30)
        return min(whole, self.timing.again_max_s)

    def retry(self, key: K, priority: Priority, jitter: float, now: float) -> float:
        """Back off after a failure and return the delay; `jitter` is a random number from 0 to 1."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        self.counters.retries += 1
        ceiling = self.timing.halt_backoff_max_s if priority is Priority.HALT else self.timing.backoff_max_s
        whole: float = min(self.timing.backoff_s * 2 ** min(failures - 1, 30), ceiling)
        delay = whole * (0.5 + jitter / 2)
        self.add_after(key, delay, priority, now)
        return delay

    def failures(self, key: K) -> int:
        """In a row."""
        return self._failures.get(key, 0)

    def succeeded(self, key: K) -> None:
        self._failures.pop(key, None)

    def take(self, now: float) -> tuple[K, Priority] | None:
        """The next key to work on; None when there is nothing to do yet."""
        self._promote(now)
        heads = [(self._rank(lane, waiting, now), lane) for lane, waiting in self._lanes.items() if waiting]
        if not heads:
            return None
        _, lane = min(heads)
        key, since = self._lanes[lane].popitem(last=False)
        self._active[key] = self._taken_at = now
        self._due.pop(key, None)
        self.counters.waited.observe_s(now - since)
        self.taken = lane, now - since
        return key, lane

    def done(self, key: K, now: float) -> None:
        self.counters.worked.observe_s(now - self._active.pop(key))
        if key not in self._hasty_now:
            self._hasty.pop(key, None)
        self._hasty_now.discard(key)
        if key in self._again:
            self.add(key, self._again.pop(key), now)

    def next_due(self) -> float | None:
        """When the next delayed key is due."""
        return self._later[0][0] if self._later else None

    def forget(self, key: K) -> None:
        """The object is gone: no delayed work, no memory of failures."""
        self._due.pop(key, None)
        self._failures.pop(key, None)
        self._hasty.pop(key, None)

    def depth(self) -> dict[Priority, int]:
        return {priority: len(waiting) for priority, waiting in self._lanes.items()}

    def oldest_wait_s(self, now: float) -> float:
        return max((now - next(iter(waiting.values())) for waiting in self._lanes.values() if waiting), default=0.0)

    def stands_still_s(self, now: float) -> float:
        """How long keys have been waiting without one being taken; 0 while none waits."""
        return min(self.oldest_wait_s(now), now - self._taken_at)

    def longest_work_s(self, now: float) -> float:
        return max((now - since for since in self._active.values()), default=0.0)

    def unfinished_work_s(self, now: float) -> float:
        return sum((now - since for since in self._active.values()), start=0.0)

    def unfinished(self) -> int:
        return len(self._active)

    def _promote(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            due, _, key, priority = heapq.heappop(self._later)
            if self._due.get(key) == (due, priority):  # else it was replaced by an earlier one, or forgotten
                del self._due[key]
                self.add(key, priority, now)

    def _rank(self, lane: Priority, waiting: "OrderedDict[K, float]", now: float) -> tuple[int, float]:
        since = next(iter(waiting.values()))
        steps = int((now - since) / self.timing.ageing_s)
        return (max(lane - steps, min(lane, Priority.SPEC)), since)


class WorkQueue(Generic[K]):
    """`KeyedQueue` for the tasks of one event loop."""

    def __init__(self, clock: Callable[[], float], random: Callable[[], float], timing: Timing | None = None) -> None:
        self.machine: KeyedQueue[K] = KeyedQueue(timing or Timing())
        self._clock = clock
        self._random = random
        self._wake = asyncio.Event()
        self._in_a_row: set[K] = set()  # taken since others had their turn

    def add(self, key: K, priority: Priority) -> None:
        self.machine.add(key, priority, self._clock())
        self._wake.set()

    def add_after(self, key: K, delay_s: float, priority: Priority) -> None:
        self.machine.add_after(key, delay_s, priority, self._clock())
        self._wake.set()

    def waiting(self, priority: Priority) -> int:
        return self.machine.depth()[priority]

    def retry(self, key: K, priority: Priority) -> float:
        delay = self.machine.retry(key, priority, self._random(), self._clock())
        self._wake.set()
        return delay

    def succeeded(self, key: K) -> None:
        self.machine.succeeded(key)

    def forget(self, key: K) -> None:
        self.machine.forget(key)

    def done(self, key: K) -> None:
        self.machine.done(key, self._clock())
        self._wake.set()

    async def _others(self, key: K, priority: Priority) -> None:
        """Their turn, where it is due; a worker that is cancelled meanwhile leaves the key that it has taken."""
        if key in self._in_a_row or len(self._in_a_row) >= MOST_IN_A_ROW:
            self._in_a_row.clear()
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                self.machine.add(key, priority, self._clock())
                self.machine.done(key, self._clock())
                raise
        self._in_a_row.add(key)

    async def take(self) -> tuple[K, Priority]:
        """Wait for the next key; waits for ever when there is nothing to do.

        Others of the loop get their turn before a key comes again, and after some keys: probes, streams and the
        election share it with the workers. Not before each: a thousand bots are to be halted at once.
        """
        while True:
            if (taken := self.machine.take(self._clock())) is not None:
                self._wake.set()  # another worker may find more
                await self._others(*taken)
                return taken
            self._wake.clear()
            due = self.machine.next_due()
            timeout = None if due is None else max(due - self._clock(), 0.001)
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
