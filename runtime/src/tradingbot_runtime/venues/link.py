"""A slot's link to one venue: what the composition root makes for each Venue that the slot's markets name."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tradingbot_runtime.config import Environment, VenueSpec, VenueType
from tradingbot_runtime.errors import ConfigError, CredentialsRefused, VenueError
from tradingbot_runtime.model import Instrument, Nanos
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.venues.binance.adapter import BinanceAdapter
from tradingbot_runtime.venues.binance.signing import credentials
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.credentials import CredentialsFolder, SecretShape
from tradingbot_runtime.venues.deltadefi.adapter import DeltaDefiAdapter
from tradingbot_runtime.venues.deltadefi.credentials import credentials_to_cancel, deltadefi_credentials
from tradingbot_runtime.venues.feed import BookFeed, OnTick
from tradingbot_runtime.venues.protocols import Gateway, GatewayPorts
from tradingbot_runtime.venues.tape import OnTrade, Tape

JITTER = Backoff(random.random)
WATCHED_EVERY_S = 0.25

ADAPTERS: Mapping[VenueType, Callable[..., "Adapter"]] = {
    VenueType.BINANCE: BinanceAdapter,
    VenueType.DELTADEFI: DeltaDefiAdapter,
}
SECRETS: Mapping[VenueType, SecretShape[Any]] = {
    VenueType.BINANCE: SecretShape(("apiKey", "secretKey", "privateKey"), credentials),
    VenueType.DELTADEFI: SecretShape(("apiKey", "tradingPassword"), deltadefi_credentials, for_market_data=True),
}
TO_CANCEL: Mapping[VenueType, SecretShape[Any]] = {  # what asking and cancelling need of them
    **SECRETS,
    VenueType.DELTADEFI: SecretShape(("apiKey",), credentials_to_cancel),
}


class Adapter(Protocol):
    """A type of venue: how its questions are asked, and what its feeds and gateway are."""

    @property
    def address(self) -> str:
        """Where questions go: the base of the REST API."""
        ...

    async def identity(self) -> str:
        """The simulator's name, or nothing when this is no simulator."""
        ...

    async def clock_offset_ns(self) -> int | None:
        """How far the venue's clock is ahead of ours; None where no request has a time in it."""
        ...

    async def account_id(self) -> str:
        """The venue's own name of the account. Raises ConfigError for credentials that cannot be used."""
        ...

    async def instrument(self, symbol: str) -> Instrument: ...
    def feed(self, instrument: Instrument, on_tick: OnTick) -> BookFeed: ...
    def tape(self, instrument: Instrument, on_trade: OnTrade) -> Tape | None:
        """The symbol's trades; None where the venue's cannot be told apart."""
        ...

    def gateway(self, ports: GatewayPorts, instruments: Mapping[str, Instrument], /) -> Gateway:
        """`instruments` grows while the gateway lives. Raises ConfigError without credentials."""
        ...

    async def upkeep(self) -> int | None:
        """Called every now and then. How far the venue's clock is ahead, when that was measured anew."""
        ...

    async def close(self) -> None: ...


@dataclass(slots=True)
class VenueLink:
    name: str
    spec: VenueSpec
    now_ns: Callable[[], Nanos]
    credentials: Callable[[], Any] | None  # of this type of venue
    secrets: KnownSecrets  # loaded by this process
    adapter: Adapter = field(init=False)
    instruments: dict[str, Instrument] = field(default_factory=dict)  # by symbol
    feeds: dict[str, BookFeed] = field(default_factory=dict)  # by symbol
    gateway: Gateway | None = None
    clock_offset_ns: int | None = None  # how far the venue's clock is ahead; None: no request has a time in it
    introduced: bool = False
    trouble: str = ""  # why it could not be introduced last
    refused: str = ""  # what the venue said when it refused our credentials
    offer: str = ""  # why other credentials that are mounted are not used
    key_since_ns: Nanos = Nanos(0)  # the venue has taken those that are in use
    account: str = ""  # the venue's number of it, once introduced; empty without credentials

    def __post_init__(self) -> None:
        self.adapter = ADAPTERS[self.spec.type](
            self.name, self.spec, self.now_ns, JITTER, self.credentials, self.secrets
        )  # fmt: skip

    async def introduce(self) -> None:
        """Make sure that the venue is what the manifest says that it is.

        A simulator says so in every answer; where the environment and the answer disagree, no order is ever sent.
        Raises ConfigError then, and VenueError when the venue does not answer, or not to these credentials.
        """
        try:
            await self._introduce()
        except VenueError as error:
            self.trouble = str(error)
            self.refused = self.trouble if isinstance(error, CredentialsRefused) else ""
            raise
        self.introduced, self.trouble, self.refused = True, "", ""
        if self.credentials is not None:
            self.key_since_ns = self.now_ns()
        if isinstance(self.credentials, CredentialsFolder):
            self.credentials.settle()

    async def _introduce(self) -> None:
        await self.measure_clock()
        simulator = self.secrets.text(await self.adapter.identity())
        if (self.spec.environment is Environment.SIMULATED) != bool(simulator):
            says = (
                f"says that it is the simulator {simulator!r}" if simulator else "does not say that it is a simulator"
            )
            raise ConfigError(f"Venue {self.name}: environment is {self.spec.environment}, but the venue {says}")
        if self.credentials is not None:
            self.account = await self.adapter.account_id()

    async def measure_clock(self) -> int | None:
        """Raises VenueError when the venue does not answer."""
        self._clock_known(await self.adapter.clock_offset_ns())
        return self.clock_offset_ns

    def _clock_known(self, offset_ns: int | None) -> None:
        self.clock_offset_ns = offset_ns
        for feed in self.feeds.values():
            self._tell_clock(feed)

    def _tell_clock(self, feed: BookFeed) -> None:
        """The offset is to the wall clock, which may have been set since this process began; a feed's times are not."""
        if self.clock_offset_ns is not None:
            feed.clock_measured(self.clock_offset_ns + time.time_ns() - self.now_ns())

    async def instrument(self, symbol: str) -> Instrument:
        """Raises ConfigError for one that cannot be counted exactly, VenueError when the venue does not tell."""
        if symbol not in self.instruments:
            told = await self.adapter.instrument(symbol)
            if told.uncountable:
                raise ConfigError(f"Venue {self.name}: {symbol} cannot be traded here: {told.uncountable}")
            self.instruments[symbol] = told
        return self.instruments[symbol]

    def feed(self, instrument: Instrument, on_tick: OnTick) -> BookFeed:
        """The feed of a symbol; one connection, however many listen."""
        feed = self.adapter.feed(instrument, on_tick)
        self._tell_clock(feed)
        return feed

    def tape(self, instrument: Instrument, on_trade: OnTrade) -> Tape | None:
        return self.adapter.tape(instrument, on_trade)

    def open_gateway(self, ports: GatewayPorts) -> Gateway:
        """Raises ConfigError without credentials."""
        self.gateway = self.adapter.gateway(ports, self.instruments)
        return self.gateway

    async def watch(self, dead_after_ns: int) -> None:
        """Give up on overdue replies and on silent connections, until cancelled."""
        while True:
            await asyncio.sleep(WATCHED_EVERY_S)
            if self.gateway is not None:
                self.gateway.expire()
            for feed in self.feeds.values():
                feed.check(self.now_ns(), dead_after_ns)
            if (offset_ns := await self.adapter.upkeep()) is not None:
                self._clock_known(offset_ns)

    async def close(self) -> None:
        await self.adapter.close()
