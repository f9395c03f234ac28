"""Work that is spread over a time: a thousand bots' share of it must not come between a halt and its runtime."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    clock: Callable[[], float]
    began: float
    length_s: float

    async def at(self, done: float) -> None:
        """Waits until that share of the time, 0 to 1, has passed. Never ahead of it, and behind it never in a hurry."""
        await asyncio.sleep(max(self.began + self.length_s * min(done, 1) - self.clock(), 0))
