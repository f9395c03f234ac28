"""What waits for something, or for a while, ends when it is cancelled: also in the moment in which that happens.

`asyncio.wait_for` of Python 3.11 loses that cancellation, and whoever waits for the task's end waits for ever.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.deltadefi.queries import DeltaDefiQueries
from tradingbot_runtime.venues.deltadefi.trading_lock import TradingLock

Waiting = tuple[Callable[[], Awaitable[None]], Callable[[], None]]  # what runs, and what wakes it
STEPS = 8  # of the event loop, from the waking to the cancelling: every one of them is tried
WITHIN_S = 5.0


class Queries:
    """The part of DeltaDefiQueries that the lock asks."""

    venue = "deltadefi"

    async def locked(self) -> bool:
        return True


def worker() -> Waiting:
    queue: WorkQueue[str] = WorkQueue(asyncio.get_running_loop().time, lambda: 0.5)
    queue.add_after("later", 60, Priority.CHILD)

    async def work() -> None:
        while True:
            key, _ = await queue.take()
            queue.done(key)

    return work, lambda: queue.add("now", Priority.HALT)


def lock() -> Waiting:
    watched = TradingLock(cast("DeltaDefiQueries", Queries()), Backoff(lambda: 0.5), lambda *_: None)
    return watched.watch, lambda: watched.found("locked")


async def is_ended(made: Callable[[], Waiting], steps: int) -> bool:
    run, wake = made()
    task = asyncio.ensure_future(run())
    for _ in range(STEPS):
        await asyncio.sleep(0)
    wake()
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=0.2)
    ended = task.done()
    task.cancel()  # whatever it did with the first one
    await asyncio.wait({task}, timeout=WITHIN_S)
    return ended


@pytest.mark.parametrize("made", [worker, lock])
def test_a_wait_that_is_cancelled_as_it_ends_is_cancelled(made: Callable[[], Waiting]) -> None:
    lost = [steps for steps in range(STEPS) if not asyncio.run(is_ended(made, steps))]
    assert lost == [], "the cancellation came so many steps of the loop after the waking"
