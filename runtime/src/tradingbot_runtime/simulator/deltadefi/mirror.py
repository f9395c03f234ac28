"""DeltaDeFi's market, made of another one: the same moves, a wider spread, less quantity. Pure.

The venue is thin beside the exchange that its makers look at, and the two move together: that is what a bot which
quotes at one around the prices of the other needs to see.
"""

import msgspec

from tradingbot_runtime.model import Lots, Side, Ticks
from tradingbot_runtime.simulator.book import Book
from tradingbot_runtime.simulator.instruments import Listing
from tradingbot_runtime.simulator.market_events import (
    AnyMarketEvent,
    DepthChanged,
    DepthSnapshot,
    Level,
    TopChanged,
    TradePrinted,
)


class Thinness(msgspec.Struct, frozen=True, kw_only=True):
    """`widen`: ticks by which each side stands farther out. `share`: one in so many units is here; 0: nobody is."""

    widen: int = 5
    share: int = 20


class Mirror:
    def __init__(self, source: Listing, target: Listing, thinness: Thinness) -> None:
        if source.tick_atoms != target.tick_atoms:
            raise ValueError(f"{target.symbol} cannot follow {source.symbol}: their ticks differ")
        self._symbol = target.symbol
        self._thinness = thinness
        self._numerator = source.lot_atoms
        self._denominator = target.lot_atoms * thinness.share

    @property
    def is_empty(self) -> bool:
        """Nobody stands or trades here but the accounts themselves."""
        return not self._thinness.share

    def event(self, event: AnyMarketEvent) -> AnyMarketEvent:
        """What happens here when `event` happens there."""
        if isinstance(event, TradePrinted):
            side = Side.BUY if event.buyer_is_maker else Side.SELL
            price, lots = self._level(side, (event.price, event.lots))
            return msgspec.structs.replace(event, symbol=self._symbol, price=price, lots=lots)
        if isinstance(event, TopChanged):
            return msgspec.structs.replace(
                event, symbol=self._symbol, bid=self._level(Side.BUY, event.bid), ask=self._level(Side.SELL, event.ask)
            )
        bids, asks = self._levels(Side.BUY, event.bids), self._levels(Side.SELL, event.asks)
        if isinstance(event, DepthChanged):
            return msgspec.structs.replace(event, symbol=self._symbol, bids=bids, asks=asks)
        return msgspec.structs.replace(event, symbol=self._symbol, bids=bids, asks=asks)

    def snapshot(self, book: Book, time_ns: int) -> DepthSnapshot:
        """The whole book of here when `book` is that of there."""
        return DepthSnapshot(
            symbol=self._symbol, time_ns=time_ns, last_id=book.update_id,
            bids=self._levels(Side.BUY, tuple(book.bids)), asks=self._levels(Side.SELL, tuple(book.asks)),
        )  # fmt: skip

    def _levels(self, side: Side, levels: tuple[Level, ...]) -> tuple[Level, ...]:
        return tuple(self._level(side, level) for level in levels if level[0] > self._thinness.widen)

    def _level(self, side: Side, level: Level) -> Level:
        price, lots = level
        here = max(1, lots * self._numerator // self._denominator) if lots and not self.is_empty else 0
        return Ticks(price - side.sign * self._thinness.widen), Lots(here)
