"""What a market shows, in integers: the one input of book, matching and candles, whatever it came from."""

import msgspec

from tradingbot_runtime.model import Lots, Ticks

Level = tuple[Ticks, Lots]


class MarketEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    symbol: str
    time_ns: int  # of the recording (or of the generator), for pacing


class TopChanged(MarketEvent, frozen=True, kw_only=True, gc=False):
    """Best bid and offer after update `update_id`: nothing is inside it."""

    update_id: int
    bid: Level
    ask: Level


class DepthChanged(MarketEvent, frozen=True, kw_only=True):
    """New absolute quantities of the levels touched by updates `first_id` to `last_id`; zero removes a level."""

    first_id: int
    last_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class DepthSnapshot(MarketEvent, frozen=True, kw_only=True):
    """The whole book (as deep as the venue gives it) after update `last_id`."""

    last_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class TradePrinted(MarketEvent, frozen=True, kw_only=True, gc=False):
    trade_id: int
    price: Ticks
    lots: Lots
    buyer_is_maker: bool  # the seller was the aggressor


AnyMarketEvent = TopChanged | DepthChanged | DepthSnapshot | TradePrinted
