"""The venue's trading lock: while the Hydra head is closed and opened again, neither orders nor cancels are taken.

It shows by a refusal (code 5002) or by the lock's own status. Unlocked is said only after several healthy answers in a
row; until then nothing is tried, because every try would be refused and counts against the rate limit.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.deltadefi.queries import DeltaDefiQueries

WATCHED_EVERY_S = 15.0
PROBED_EVERY_S = 2.0
HEALTHY_PROBES = 3

log = structlog.get_logger("lock")


@dataclass(slots=True)
class TradingLock:
    queries: DeltaDefiQueries
    backoff: Backoff
    on_change: Callable[[bool, str], None]  # (locked, reason)
    reason: str = ""  # why nothing is taken now; empty: orders are taken
    healthy: int = 0
    is_cycle_told: bool = False
    _found: asyncio.Event = field(default_factory=asyncio.Event)

    def found(self, reason: str) -> None:
        """The venue has refused something because of the lock."""
        self.healthy = 0
        if not self.reason:
            self.reason = reason
            self._found.set()
            log.warning("TradingLocked", venue=self.queries.venue, reason=reason)
            self.on_change(True, reason)  # noqa: FBT003 - the callback's own meaning

    async def watch(self) -> None:
        """Ask for the lock's status, often while locked, now and then while not; until cancelled.

        A refusal ends the long pause: the lock may be a short one, and every second without quotes is one.
        """
        while True:
            if not self.reason:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s(WATCHED_EVERY_S)):
                        await self._found.wait()
            self._found.clear()
            if self.reason:
                await asyncio.sleep(self._pause_s(PROBED_EVERY_S))
            await self.probe()

    def _pause_s(self, every_s: float) -> float:
        return every_s * (0.75 + self.backoff.jitter() / 2)

    async def probe(self) -> None:
        """One look. A question that fails proves nothing: what is locked stays locked."""
        try:
            locked = await self.queries.locked()
        except VenueError as error:
            self.healthy = 0
            log.warning("LockStatusUnknown", venue=self.queries.venue, message=str(error))
            return
        if locked:
            self.found("the venue's lock status says that trading is locked")
            await self._tell_cycle()
            return
        self.healthy += 1
        self.is_cycle_told = False
        if self.reason and self.healthy >= HEALTHY_PROBES:
            self.reason = ""
            log.info("TradingUnlocked", venue=self.queries.venue)
            self.on_change(False, "")  # noqa: FBT003 - as above

    async def _tell_cycle(self) -> None:
        """Once for each lock, for who reads the log: when the Hydra head was opened, and when it is to be closed."""
        if self.is_cycle_told:
            return
        try:
            cycle = await self.queries.hydra_cycle()
        except VenueError as error:
            log.warning("HydraCycleUnknown", venue=self.queries.venue, message=str(error))
        else:
            self.is_cycle_told = True
            log.info("HydraCycle", venue=self.queries.venue, start=cycle.start, end=cycle.end)
