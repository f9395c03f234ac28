"""Binance's feed of one symbol: the combined stream `<symbol>@bookTicker`."""

from collections.abc import Callable

from tradingbot_runtime.model import Instrument, Nanos
from tradingbot_runtime.venues.binance.codec import MarketCodec
from tradingbot_runtime.venues.binance.endpoints import CONNECTION_LIVES_S
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.feed import BookFeed, OnTick, Source


def binance_feed(
    stream_url: str, instrument: Instrument, on_tick: OnTick, now_ns: Callable[[], Nanos], backoff: Backoff
) -> BookFeed:
    url = f"{stream_url}?streams={instrument.symbol.lower()}@bookTicker"
    return BookFeed(instrument, Source(url, MarketCodec(instrument), CONNECTION_LIVES_S), on_tick, now_ns, backoff)
