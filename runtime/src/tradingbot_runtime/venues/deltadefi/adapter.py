"""DeltaDeFi as a venue: its addresses, and what is made for a Venue of this type.

Source of the addresses: DeltaDeFi API documentation, "Base URL"; Testnet is what the venue calls pre-production.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tradingbot_runtime.config import Endpoints, Environment, VenueSpec
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.model import Instrument, Nanos
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.deltadefi.credentials import DeltaDefiCredentials
from tradingbot_runtime.venues.deltadefi.feed import deltadefi_feed, deltadefi_tape
from tradingbot_runtime.venues.deltadefi.gateway import DeltaDefiGateway
from tradingbot_runtime.venues.deltadefi.queries import DeltaDefiQueries
from tradingbot_runtime.venues.deltadefi.rest import DeltaDefiRest
from tradingbot_runtime.venues.feed import BookFeed, OnTick
from tradingbot_runtime.venues.protocols import GatewayPorts
from tradingbot_runtime.venues.tape import OnTrade, Tape

_OWN = {
    Environment.TESTNET: Endpoints(rest="https://api-staging.deltadefi.io", stream="wss://stream-staging.deltadefi.io"),
    Environment.PRODUCTION: Endpoints(rest="https://api.deltadefi.io", stream="wss://stream.deltadefi.io"),
}


def endpoints(venue: VenueSpec) -> Endpoints:
    return venue.endpoints or _OWN[venue.environment]


@dataclass(slots=True)
class DeltaDefiAdapter:
    name: str
    spec: VenueSpec
    now_ns: Callable[[], Nanos]
    backoff: Backoff
    credentials: Callable[[], DeltaDefiCredentials] | None
    secrets: KnownSecrets  # loaded by this process
    queries: DeltaDefiQueries = field(init=False)

    def __post_init__(self) -> None:
        rest = DeltaDefiRest(endpoints(self.spec).rest, self.credentials, self.secrets)
        self.queries = DeltaDefiQueries(self.name, rest, self.credentials)

    @property
    def address(self) -> str:
        """Where questions go."""
        return endpoints(self.spec).rest

    async def identity(self) -> str:
        return await self.queries.identity()

    async def clock_offset_ns(self) -> int | None:
        """Nothing that is signed here has a time in it."""
        return None

    async def account_id(self) -> str:
        """Raises ConfigError when the trading password does not open the account's key: better now than at an order.

        Without a password there will be none.
        """
        if self.credentials is None or self.credentials().trading_password:
            await self.queries.operation_key()
        return await self.queries.account_id()

    async def instrument(self, symbol: str) -> Instrument:
        return await self.queries.instrument(symbol)

    def feed(self, instrument: Instrument, on_tick: OnTick) -> BookFeed:
        stream, clock = endpoints(self.spec).stream, (self.now_ns, self.backoff)
        return deltadefi_feed(stream, self.credentials, instrument, on_tick, clock)

    def tape(self, instrument: Instrument, on_trade: OnTrade) -> Tape:
        stream, clock = endpoints(self.spec).stream, (self.now_ns, self.backoff)
        return deltadefi_tape(stream, self.credentials, instrument, on_trade, clock)

    def gateway(self, ports: GatewayPorts, _: Mapping[str, Instrument]) -> DeltaDefiGateway:
        """Raises ConfigError without credentials."""
        if self.credentials is None:
            raise ConfigError(f"Venue {self.name}: orders need credentials (credentialsSecretRef)")
        return DeltaDefiGateway(endpoints(self.spec).stream, self.queries, ports, self.now_ns, self.backoff)

    async def upkeep(self) -> None:
        """Nothing: no request carries a time that the venue checks."""

    async def close(self) -> None:
        await self.queries.rest.close()
