"""The bench's bot as somebody watches it, and as nobody does: what metrics, logs and audit cost on the tick path.

Watched is what a pod has: counters and histograms, log lines at level info to a pipe's writer, each decision in the
journal with all that went into it, and a scrape every second, which is more often than anybody's Prometheus asks.
Unwatched has none of it; the journal holds what recovery needs, and nothing else.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client.openmetrics.exposition import generate_latest

from tradingbot_runtime.live import LiveMarket, Outcome
from tradingbot_runtime.logs import configure_logs
from tradingbot_runtime.market_readings import market_readings
from tradingbot_runtime.metric_families import Histogram, Readings, registry_of
from tradingbot_runtime.model import AnyEvent, Nanos
from tradingbot_runtime.performance_readings import performance

SCRAPE_EVERY_S = 1.0
STANDARD_ERROR = 2


async def scrape(market: LiveMarket, now_ns: Callable[[], Nanos]) -> None:
    """Until cancelled: what the event loop does for a scrape."""

    def read() -> Readings:
        own = {market.name: market.engine.market}
        return {**market_readings({market.name: market}, {}, now_ns()), **performance(own)}

    shown = registry_of(tuple(read()), read)
    while True:
        await asyncio.sleep(SCRAPE_EVERY_S)
        generate_latest(shown)  # type: ignore[no-untyped-call]  # published without type hints


def log_as_a_pod() -> None:
    configure_logs("info", STANDARD_ERROR)


class Unseen(Histogram):
    def observe(self, duration_ns: int) -> None:
        """Nothing."""


@dataclass(slots=True)
class Unwatched(LiveMarket):
    """Decides, journals and sends as ever."""

    def __post_init__(self) -> None:
        self.health.tick_to_order = Unseen()

    def _keep(self, event: AnyEvent, *, decision: bool) -> None:  # noqa: ARG002 - the method's own
        LiveMarket._keep(self, event, decision=False)  # noqa: SLF001 - slots: `super()` does not know the class

    def _tell(self, event: AnyEvent, outcome: Outcome) -> None:  # noqa: ARG002 - as above
        """Only what trading depends on."""
        if outcome.breach:
            self.on_breach(self.name, outcome.breach)
