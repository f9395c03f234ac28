"""A slot's link to one venue: what the composition root makes for each Venue that the slot's markets name."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tradingbot_runtime.config import Environment, VenueSpec
from tradingbot_runtime.errors import ConfigError, VenueError
from tradingbot_runtime.model import FeedLost, Instrument, Nanos, ReferenceTicked
from tradingbot_runtime.venues.binance.endpoints import endpoints
from tradingbot_runtime.venues.binance.feed import BinanceFeed
from tradingbot_runtime.venues.binance.gateway import BinanceGateway
from tradingbot_runtime.venues.binance.queries import BinanceQueries
from tradingbot_runtime.venues.binance.rest import BinanceRest
from tradingbot_runtime.venues.binance.signing import Credentials
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.protocols import OnConnected, OnEvent

JITTER = Backoff(random.random)
WATCHED_EVERY_S = 0.25


@dataclass(slots=True)
class VenueLink:
    name: str
    spec: VenueSpec
    now_ns: Callable[[], Nanos]
    credentials: Callable[[], Credentials] | None
    queries: BinanceQueries = field(init=False)
    instruments: dict[str, Instrument] = field(default_factory=dict)  # by symbol
    feeds: dict[str, BinanceFeed] = field(default_factory=dict)  # by symbol
    gateway: BinanceGateway | None = None
    account: str = ""  # the venue's number of it, once introduced; empty without credentials

    def __post_init__(self) -> None:
        self.queries = BinanceQueries(self.name, BinanceRest(endpoints(self.spec).rest, self.credentials))

    async def introduce(self) -> None:
        """Measure the clock and make sure that the venue is what the manifest says that it is.

        A simulator says so in every answer; where the environment and the answer disagree, no order is ever sent.
        Raises ConfigError then, and VenueError when the venue does not answer, or not to these credentials.
        """
        await self.queries.rest.measure_clock()
        simulator = await self.queries.rest.identity()
        if (self.spec.environment is Environment.SIMULATED) != bool(simulator):
            says = (
                f"says that it is the simulator {simulator!r}" if simulator else "does not say that it is a simulator"
            )
            raise ConfigError(f"Venue {self.name}: environment is {self.spec.environment}, but the venue {says}")
        if self.credentials is not None:
            self.account = await self.queries.account_id()

    async def instrument(self, symbol: str) -> Instrument:
        if symbol not in self.instruments:
            self.instruments[symbol] = await self.queries.instrument(symbol)
        return self.instruments[symbol]

    def feed(self, instrument: Instrument, on_tick: Callable[[ReferenceTicked | FeedLost], object]) -> BinanceFeed:
        """The feed of a symbol; one connection, however many listen."""
        return BinanceFeed(endpoints(self.spec).stream, instrument, on_tick, self.now_ns, JITTER)

    def open_gateway(
        self, on_event: OnEvent, on_connected: OnConnected, on_rate_limited: Callable[[Nanos], None]
    ) -> BinanceGateway:
        """Raises ConfigError without credentials."""
        if self.credentials is None:
            raise ConfigError(f"Venue {self.name}: orders need credentials (credentialsSecretRef)")
        self.credentials()  # readable now, or not at all
        self.gateway = BinanceGateway(
            endpoints(self.spec).websocket_api,
            self.credentials,
            self.queries,
            self.instruments,
            now_ns=self.now_ns,
            backoff=JITTER,
            on_event=on_event,
            on_connected=on_connected,
            on_rate_limited=on_rate_limited,
        )
        return self.gateway

    async def watch(self, dead_after_ns: int) -> None:
        """Give up on overdue replies and on silent connections, until cancelled."""
        while True:
            await asyncio.sleep(WATCHED_EVERY_S)
            if self.gateway is not None:
                self.gateway.expire()
            for feed in self.feeds.values():
                feed.check(self.now_ns(), dead_after_ns)
            if self.queries.rest.clock_doubted:
                with suppress(VenueError):  # asked again at the next look
                    await self.queries.rest.measure_clock()

    async def close(self) -> None:
        await self.queries.rest.close()
