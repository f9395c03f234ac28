"""Binance's feeds of one symbol: the combined streams of its `bookTicker` with its `depth`, and of its `trade`."""

from collections.abc import Callable

from tradingbot_runtime.model import Instrument, Nanos
from tradingbot_runtime.venues.binance.codec import MarketCodec, TradeCodec
from tradingbot_runtime.venues.binance.endpoints import CONNECTION_LIVES_S
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.feed import BookFeed, OnTick, Source
from tradingbot_runtime.venues.tape import OnTrade, Tape, TapeSource


def binance_feed(
    stream_url: str, instrument: Instrument, on_tick: OnTick, now_ns: Callable[[], Nanos], backoff: Backoff
) -> BookFeed:
    """`depth` is there for the time in it."""
    symbol = instrument.symbol.lower()
    url = f"{stream_url}?streams={symbol}@bookTicker/{symbol}@depth@100ms"
    return BookFeed(instrument, Source(url, MarketCodec(instrument), CONNECTION_LIVES_S), on_tick, now_ns, backoff)


def binance_tape(
    stream_url: str, instrument: Instrument, on_trade: OnTrade, now_ns: Callable[[], Nanos], backoff: Backoff
) -> Tape:
    url = f"{stream_url}?streams={instrument.symbol.lower()}@trade"
    return Tape(instrument, TapeSource(url, TradeCodec(instrument), CONNECTION_LIVES_S), on_trade, now_ns, backoff)
