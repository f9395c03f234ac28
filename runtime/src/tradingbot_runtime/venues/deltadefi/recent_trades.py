"""The stream of recent trades: a window that is sent again and again, newest first, without trade ids. Pure.

What is new is what stands before that part of the window that the last one began with, taken as long as it can be. The
first window of a connection is history, and tells nothing. Trades that are alike in everything and fill a whole window
are told too seldom, never too often. Source: DeltaDeFi API documentation, "Recent trades".
"""

import msgspec

from tradingbot_runtime.model import Instrument
from tradingbot_runtime.venues.deltadefi.codec import number
from tradingbot_runtime.venues.feed import FrameRefused
from tradingbot_runtime.venues.tape import PublicTrade

SELL = "sell"


_What = tuple[str, str, bytes, bytes]


class _Recent(msgspec.Struct, frozen=True):
    timestamp: str
    symbol: str
    side: str  # who was the aggressor
    price: msgspec.Raw
    amount: msgspec.Raw

    @property
    def what(self) -> _What:
        return self.timestamp, self.side, bytes(self.price), bytes(self.amount)


class RecentTrades:
    """Windows of one symbol's trades, on one connection."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._decode = msgspec.json.Decoder(list[_Recent]).decode
        self._before: list[_What] | None = None
        self._number = 0  # ids of our own: these trades have none

    def opened(self) -> None:
        """A new connection: what happened between is not told apart from what is older."""
        self._before = None

    def trades(self, payload: memoryview | bytes) -> list[PublicTrade]:
        """The trades that have happened since the last window, oldest first. Raises FrameRefused."""
        try:
            window = [trade for trade in self._decode(payload) if trade.symbol == self._instrument.symbol]
        except msgspec.ValidationError as error:
            raise FrameRefused("WrongShape", str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FrameRefused("NotJson", str(error)) from error
        before, self._before = self._before, [trade.what for trade in window]
        fresh = 0 if before is None else _news(self._before, before)
        return [self._told(trade) for trade in reversed(window[:fresh])]

    def _told(self, trade: _Recent) -> PublicTrade:
        self._number += 1
        instrument = self._instrument
        try:
            price = instrument.ticks(number(trade.price))
            lots = instrument.lots_floor(number(trade.amount))
        except ValueError as error:
            raise FrameRefused("BadNumber", str(error)) from error
        return PublicTrade(self._number, price, lots, trade.side.lower() == SELL)


def _news(window: list[_What], before: list[_What]) -> int:
    """How many trades at the beginning of `window` were not in the one before; both newest first."""
    least = max(len(window) - len(before), 0)
    return next(n for n in range(least, len(window) + 1) if window[n:] == before[: len(window) - n])
