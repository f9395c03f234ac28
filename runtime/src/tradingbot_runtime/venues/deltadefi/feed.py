"""The depth stream of one symbol: whole books, without a sequence; the best bid and offer of each.

Source: DeltaDeFi API documentation, "Market depth streams". Prices and quantities are JSON numbers.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from urllib.parse import urlencode

import msgspec

from tradingbot_runtime.model import Instrument, Lots, Nanos, ReferenceTicked, Ticks
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.deltadefi.codec import Depth, Level, number
from tradingbot_runtime.venues.deltadefi.credentials import DeltaDefiCredentials
from tradingbot_runtime.venues.deltadefi.recent_trades import RecentTrades
from tradingbot_runtime.venues.feed import BookFeed, FrameRefused, OnTick, Source
from tradingbot_runtime.venues.tape import OnTrade, Tape, TapeSource

GetCredentials = Callable[[], DeltaDefiCredentials] | None
Pulse = tuple[Callable[[], Nanos], Backoff]
NOISE = Decimal("0.001")  # of a tick: the venue computes in binary fractions, and 0.35 may come as 0.35000000000000003

NOBODY: tuple[None, Lots] = None, Lots(0)


class DepthCodec:
    """Frames of one symbol's depth stream, in its ticks."""

    def __init__(self, instrument: Instrument) -> None:
        self.made_ms = 0
        self._instrument = instrument
        self._depth = msgspec.json.Decoder(Depth)

    def top(self, payload: memoryview | bytes, time_ns: Nanos) -> ReferenceTicked | None:
        """The best bid and offer; None for a side that nobody is on.

        Raises FrameRefused for a frame that is broken, off the grid, or crossed.
        """
        try:
            depth = self._depth.decode(payload)
        except msgspec.ValidationError as error:
            raise FrameRefused("WrongShape", str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FrameRefused("NotJson", str(error)) from error
        self.made_ms = depth.timestamp
        try:
            bid, bid_lots = max(map(self._level, depth.bids), default=NOBODY)
            ask, ask_lots = min(map(self._level, depth.asks), default=NOBODY)
        except ValueError as error:
            raise FrameRefused("BadNumber", str(error)) from error
        prices = [price for price in (bid, ask) if price is not None]
        if any(price <= 0 for price in prices) or (len(prices) > 1 and prices[0] >= prices[1]):
            raise FrameRefused("Crossed", f"bid {bid} ticks, ask {ask} ticks")
        return ReferenceTicked(
            time_ns=time_ns, bid=bid, bid_lots=bid_lots, ask=ask, ask_lots=ask_lots, update_id=depth.timestamp
        )

    def _level(self, level: Level) -> tuple[Ticks, Lots]:
        exact = number(level.price) / self._instrument.tick_size
        nearest = exact.to_integral_value()
        if abs(exact - nearest) > NOISE:
            raise ValueError(f"a price of {exact} ticks")
        return Ticks(int(nearest)), self._instrument.lots_floor(number(level.quantity))


def deltadefi_feed(
    stream_url: str, credentials: GetCredentials, instrument: Instrument, on_tick: OnTick, clock: Pulse
) -> BookFeed:
    """`clock`: now, and the pauses between connections."""
    url = partial(_url, f"{stream_url.rstrip('/')}/market/depth/{instrument.symbol}", credentials)
    return BookFeed(instrument, Source(url, DepthCodec(instrument)), on_tick, *clock)


def deltadefi_tape(
    stream_url: str, credentials: GetCredentials, instrument: Instrument, on_trade: OnTrade, clock: Pulse
) -> Tape:
    """The symbol's trades, as `deltadefi_feed` has its book."""
    url = partial(_url, f"{stream_url.rstrip('/')}/market/recent-trades/{instrument.symbol}", credentials)
    return Tape(instrument, TapeSource(url, RecentTrades(instrument)), on_trade, *clock)


def _url(address: str, credentials: GetCredentials) -> str:
    return f"{address}?{urlencode({'api_key': credentials().api_key})}" if credentials is not None else address
