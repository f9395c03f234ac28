"""Binance spot as a venue: what is made for a Venue of this type."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from tradingbot_runtime.config import OrderEntry, VenueSpec
from tradingbot_runtime.errors import ConfigError, VenueError
from tradingbot_runtime.model import Instrument, Nanos
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.venues.binance.endpoints import endpoints, websocket_api
from tradingbot_runtime.venues.binance.feed import binance_feed, binance_tape
from tradingbot_runtime.venues.binance.gateway import BinanceGateway
from tradingbot_runtime.venues.binance.queries import BinanceQueries
from tradingbot_runtime.venues.binance.rest import BinanceRest
from tradingbot_runtime.venues.binance.signing import Credentials
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.feed import BookFeed, OnTick
from tradingbot_runtime.venues.protocols import GatewayPorts
from tradingbot_runtime.venues.tape import OnTrade, Tape


@dataclass(slots=True)
class BinanceAdapter:
    name: str
    spec: VenueSpec
    now_ns: Callable[[], Nanos]
    backoff: Backoff
    credentials: Callable[[], Credentials] | None
    secrets: KnownSecrets  # loaded by this process
    queries: BinanceQueries = field(init=False)

    def __post_init__(self) -> None:
        self.queries = BinanceQueries(self.name, BinanceRest(endpoints(self.spec).rest, self.credentials, self.secrets))

    @property
    def address(self) -> str:
        """Where questions go."""
        return endpoints(self.spec).rest

    async def identity(self) -> str:
        """The simulator's name, or nothing when this is no simulator."""
        return await self.queries.rest.identity()

    async def clock_offset_ns(self) -> int:
        return await self.queries.rest.measure_clock() * 1_000_000

    async def account_id(self) -> str:
        return await self.queries.account_id()

    async def instrument(self, symbol: str) -> Instrument:
        return await self.queries.instrument(symbol)

    def feed(self, instrument: Instrument, on_tick: OnTick) -> BookFeed:
        return binance_feed(endpoints(self.spec).stream, instrument, on_tick, self.now_ns, self.backoff)

    def tape(self, instrument: Instrument, on_trade: OnTrade) -> Tape:
        return binance_tape(endpoints(self.spec).stream, instrument, on_trade, self.now_ns, self.backoff)

    def gateway(self, ports: GatewayPorts, instruments: Mapping[str, Instrument]) -> BinanceGateway:
        """Raises ConfigError without credentials."""
        if self.credentials is None:
            raise ConfigError(f"Venue {self.name}: orders need credentials (credentialsSecretRef)")
        self.credentials()  # readable now, or not at all
        return BinanceGateway(
            websocket_api(self.spec),
            self.credentials,
            self.queries,
            instruments,
            order_entry=self.spec.order_entry or OrderEntry.WEB_SOCKET,
            now_ns=self.now_ns,
            backoff=self.backoff,
            ports=ports,
        )

    async def upkeep(self) -> int | None:
        """Called every now and then. How far the venue's clock is ahead, when that was measured anew."""
        if self.queries.rest.clock_doubted:
            with suppress(VenueError):  # asked again at the next look
                return await self.clock_offset_ns()
        return None

    async def close(self) -> None:
        await self.queries.rest.close()
