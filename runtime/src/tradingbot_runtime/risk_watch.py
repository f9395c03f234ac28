"""What risk needs from outside the engine, beside the tick path: the venues' clocks, a file, a memory."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

import structlog

from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.halt_file import HaltFile
from tradingbot_runtime.risk_memory import RiskMemory
from tradingbot_runtime.slot import Slot
from tradingbot_runtime.venues.link import VenueLink

log = structlog.get_logger("risk")

CLOCKS_EVERY_S = 20.0
REMEMBER_EVERY_S = 1.0
VALUE_EVERY = 60  # of those: what a killed process may have missed of the day's loss, and a write a minute


@dataclass(slots=True)
class RiskWatch:
    slot: Slot
    links: Mapping[str, VenueLink]
    halt_file: HaltFile
    memory: RiskMemory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = RiskMemory(self.slot.journal)

    async def clocks(self) -> None:
        """Measure the venues' clocks, until cancelled; the barrier has measured them once.

        Those of venues that take signed times are told to the markets; every feed's lateness is measured by its own.
        """
        while True:
            await asyncio.sleep(CLOCKS_EVERY_S)
            await self.measure_clocks()

    async def measure_clocks(self) -> None:
        for link in self.links.values():
            if link.gateway is not None or link.feeds:
                await self._measure(link)

    async def _measure(self, link: VenueLink) -> None:
        try:
            offset_ns = await link.measure_clock()
        except VenueError as error:  # no answer proves nothing about the clock
            if link.gateway is not None:
                link.gateway.health.question_failed(error)
            log.warning("ClockNotMeasured", venue=link.name, error=type(error).__name__, message=str(error))
            return
        if offset_ns is not None and link.gateway is not None:
            self.slot.clock_measured(link.name, offset_ns)

    async def remember(self) -> None:
        """Until cancelled. Raises JournalError."""
        for times in count(1):
            await asyncio.sleep(REMEMBER_EVERY_S)
            self.remember_now(value=times % VALUE_EVERY == 0)

    def remember_now(self, *, value: bool = True) -> None:
        for market in self.slot.markets.values():
            self.memory.keep(market.ledger, market.engine.market.meters)
            if value:
                self.memory.keep_value(market.ledger, market.engine.market.daily)
