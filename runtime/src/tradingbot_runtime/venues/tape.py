"""The trades of one symbol as the venue prints them: for who matches against the public market."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import structlog
from picows import WSTransport

from tradingbot_runtime.model import Instrument, Lots, Nanos, Ticks
from tradingbot_runtime.venues.connection import Backoff, Connection, Upkeep, Url
from tradingbot_runtime.venues.feed import FrameRefused, VenueLeaving
from tradingbot_runtime.venues.protocols import FeedHealth

log = structlog.get_logger("tape")


class PublicTrade(msgspec.Struct, frozen=True, gc=False):
    trade_id: int
    price: Ticks
    lots: Lots
    buyer_is_maker: bool  # the seller was the aggressor


OnTrade = Callable[[PublicTrade], object]


class TapeCodec(Protocol):
    def opened(self) -> None:
        """A new connection: what was sent on the one before says nothing about it."""
        ...

    def trades(self, payload: memoryview) -> Sequence[PublicTrade]:
        """The trades in `payload`, oldest first. Raises FrameRefused and VenueLeaving."""
        ...


@dataclass(frozen=True, slots=True)
class TapeSource:
    url: Url
    codec: TapeCodec
    lives_s: float | None = None  # how long a connection may live


class Tape:
    """Calls `on_trade` for each trade, once, in the event loop. Trades during a disconnection are missing."""

    def __init__(
        self,
        instrument: Instrument,
        source: TapeSource,
        on_trade: OnTrade,
        now_ns: Callable[[], Nanos],
        backoff: Backoff,
    ) -> None:
        self.health = FeedHealth(f"{instrument.venue}/{instrument.symbol}/trades")
        self._codec = source.codec
        self._on_trade = on_trade
        self._now_ns = now_ns
        self._newest = 0
        self._connection = Connection(self.health.name, source.url, self, backoff, Upkeep(source.lives_s))

    async def run(self) -> None:
        await self._connection.run()

    def on_open(self, _: WSTransport) -> None:
        self.health.connected, self.health.lost = True, ""
        self._codec.opened()

    def on_text(self, payload: memoryview, *, last: bool) -> None:  # noqa: ARG002 - every trade counts
        self.health.frames += 1
        self.health.last_frame_ns = self._now_ns()
        try:
            trades = self._codec.trades(payload)
        except VenueLeaving:
            self._connection.renew()
            return
        except FrameRefused as refused:
            if self.health.refuse(refused.reason) == 1:
                log.warning("FrameRefused", feed=self.health.name, reason=refused.reason, message=str(refused))
            return
        for trade in trades:
            if trade.trade_id > self._newest:
                self._newest = trade.trade_id
                self._on_trade(trade)

    def on_lost(self, reason: str) -> None:
        self.health.reconnects += self.health.connected
        self.health.connected, self.health.lost = False, reason
