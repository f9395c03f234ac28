"""Work that is spread over a time: a thousand bots' share of it must not come between a halt and its runtime."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

LOOK_S = 0.2
HALTS_FIRST_S = 1.0  # that each step of other work waits at most: halts without end do not stop it


@dataclass(frozen=True, slots=True)
class Spread:
    clock: Callable[[], float]
    began: float
    length_s: float

    async def at(self, done: float) -> None:
        """Waits until that share of the time, 0 to 1, has passed. Never ahead of it, and behind it never in a hurry."""
        await asyncio.sleep(max(self.began + self.length_s * min(done, 1) - self.clock(), 0))


@dataclass(slots=True)
class Counted:
    """Work whose size was known before: waits after `each` pieces for their share of the time."""

    spread: Spread
    whole: int
    each: int
    done: int = 0

    async def one_more(self) -> None:
        self.done += 1
        if self.done % self.each == 0:
            await self.spread.at(self.done / max(self.whole, 1))


async def wait_while(condition: Callable[[], bool], at_most_s: float) -> None:
    """Waits for as long as it holds."""
    for _ in range(int(at_most_s / LOOK_S)):
        if not condition():
            return
        await asyncio.sleep(LOOK_S)
