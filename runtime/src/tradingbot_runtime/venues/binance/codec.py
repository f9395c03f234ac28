"""Binance spot's frames <-> our vocabulary. Pure; prices become whole ticks, or the frame is refused.

Source: Binance spot API documentation, web socket streams (`bookTicker`, `depth`, `trade`) and user data stream
(`executionReport`). Numbers come as decimal strings with up to eight decimals.
"""

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from tradingbot_runtime.model import Instrument, Lots, Nanos, ReferenceTicked, Side, Ticks, VenueTicked
from tradingbot_runtime.venues.feed import FrameRefused, VenueLeaving
from tradingbot_runtime.venues.tape import PublicTrade

_EIGHT = 8
TIMES_KEPT = 640  # a minute: what is older is as late as that, and far too late
SERVER_SHUTDOWN = "serverShutdown"


class BookTicker(msgspec.Struct, frozen=True, gc=False):
    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class Trade(msgspec.Struct, frozen=True, gc=False):
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool


class DepthUpdate(msgspec.Struct, frozen=True):
    s: str
    U: int
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class DepthTime(msgspec.Struct, frozen=True, gc=False):
    """Of a depth update: when it was made, and the book's newest update by then."""

    E: int
    u: int


class Combined(msgspec.Struct, frozen=True, gc=False):
    """A frame of a combined stream."""

    stream: str
    data: msgspec.Raw


class Serving(msgspec.Struct, frozen=True, gc=False):
    """What else comes on a market stream: replies to subscriptions, and notices."""

    result: object = None
    id: object = None
    e: str = ""


def scaled(text: str) -> int:
    """A decimal string in units of 1e-8; ValueError when it is none or has more decimals."""
    whole, _, decimals = text.partition(".")
    if len(decimals) > _EIGHT or not text.isascii() or not whole.isdecimal() or not (decimals or "0").isdecimal():
        raise ValueError(f"{text[:40]!r} is no decimal number of this venue")
    return int(whole + decimals.ljust(_EIGHT, "0"))


@dataclass(frozen=True, slots=True)
class Grid:
    """An instrument's tick and lot in units of 1e-8, to divide by integers on the tick path."""

    tick: int
    lot: int

    @classmethod
    def of(cls, instrument: Instrument) -> "Grid":
        return cls(scaled(format(instrument.tick_size, "f")), scaled(format(instrument.lot_size, "f")))

    def ticks(self, text: str) -> Ticks:
        ticks, rest = divmod(scaled(text), self.tick)
        if rest:
            raise ValueError(f"{text} is between two ticks")
        return Ticks(ticks)

    def lots(self, text: str) -> Lots:
        return Lots(scaled(text) // self.lot)


class _CombinedCodec:
    """Frames of one symbol's stream of one kind, as a combined stream frames them."""

    kind: ClassVar[str]

    def __init__(self, instrument: Instrument) -> None:
        self._symbol = instrument.symbol
        self._stream = f"{instrument.symbol.lower()}@{self.kind}"
        self._grid = Grid.of(instrument)
        self._combined = msgspec.json.Decoder(Combined)
        self._serving = msgspec.json.Decoder(Serving)

    def _data(self, payload: memoryview | bytes) -> msgspec.Raw | None:
        """What is in a frame of our stream; None for another's and for notices. Raises FrameRefused, VenueLeaving."""
        try:
            combined = self._combined.decode(payload)
        except msgspec.ValidationError as error:
            self._expect_notice(payload, error)
            return None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FrameRefused("NotJson", str(error)) from error
        if combined.stream == self._stream:
            return combined.data
        self._other(combined)
        return None

    def _other(self, combined: Combined) -> None:
        """Another stream's frame."""
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            self._notice(combined.data)

    def _expect_notice(self, payload: memoryview | bytes, error: msgspec.ValidationError) -> None:
        try:
            self._notice(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise FrameRefused("WrongShape", str(error)) from error

    def _notice(self, payload: memoryview | bytes | msgspec.Raw) -> None:
        if self._serving.decode(payload).e == SERVER_SHUTDOWN:
            raise VenueLeaving

    def _expect_symbol(self, symbol: str) -> None:
        if symbol != self._symbol:
            raise FrameRefused("WrongSymbol", f"{symbol[:40]!r} in place of {self._symbol}")


class MarketCodec(_CombinedCodec):
    """Frames of one symbol's `bookTicker` stream, in its ticks, and of its `depth` stream, which tells the time.

    A `bookTicker` has no time in it. What comes on the same connection behind the same backlog does, ten times a second
    while the book moves; and both count the same updates of the same book: a `bookTicker` whose update was in a `depth`
    frame before it was made no later than that, so that one which is late by itself, beside a prompt `depth`, is seen.
    """

    kind = "bookTicker"
    _decode = staticmethod(msgspec.json.Decoder(BookTicker).decode)
    _decode_time = staticmethod(msgspec.json.Decoder(DepthTime).decode)

    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument)
        self.made_ms = 0
        self._timed = f"{instrument.symbol.lower()}@depth@100ms"
        self._timed_id = 0  # the newest update that a time is known of
        self._times: deque[DepthTime] = deque(maxlen=TIMES_KEPT)

    def top(self, payload: memoryview | bytes, time_ns: Nanos) -> ReferenceTicked | None:
        """The best bid and offer in `payload`; None for what is no market data.

        Raises FrameRefused for a frame that is broken, foreign, off the grid, or crossed; VenueLeaving when the
        server is about to shut down.
        """
        data = self._data(payload)
        if data is None:
            return None
        try:
            ticker = self._decode(data)
            bid, ask = self._grid.ticks(ticker.b), self._grid.ticks(ticker.a)
            bid_lots, ask_lots = self._grid.lots(ticker.B), self._grid.lots(ticker.A)
        except ValueError as error:
            raise unusable(error) from error
        self._expect_symbol(ticker.s)
        if ticker.u <= self._timed_id:
            self.made_ms = next((time.E for time in self._times if time.u >= ticker.u), 0)
        if not 0 < bid < ask:
            raise FrameRefused("Crossed", f"bid {ticker.b}, ask {ticker.a}")
        return ReferenceTicked(
            time_ns=time_ns, bid=bid, bid_lots=bid_lots, ask=ask, ask_lots=ask_lots, update_id=ticker.u
        )

    def _other(self, combined: Combined) -> None:
        if combined.stream != self._timed:
            super()._other(combined)
            return
        try:
            time = self._decode_time(combined.data)
        except ValueError as error:
            raise unusable(error) from error
        if time.u < self._timed_id:  # the venue counts anew
            self._times.clear()
        self._times.append(time)
        self._timed_id, self.made_ms = time.u, time.E


class TradeCodec(_CombinedCodec):
    """Frames of one symbol's `trade` stream, in its ticks."""

    kind = "trade"
    _decode = staticmethod(msgspec.json.Decoder(Trade).decode)

    def opened(self) -> None:
        """Nothing is kept between frames: trades have ids."""

    def trades(self, payload: memoryview | bytes) -> tuple[PublicTrade, ...]:
        """The trade in `payload`, if it is one. Raises FrameRefused and VenueLeaving."""
        data = self._data(payload)
        if data is None:
            return ()
        try:
            found = self._decode(data)
            price, lots = self._grid.ticks(found.p), self._grid.lots(found.q)
        except ValueError as error:
            raise unusable(error) from error
        self._expect_symbol(found.s)
        return (PublicTrade(found.t, price, lots, found.m),)


def unusable(error: ValueError) -> FrameRefused:
    """What is wrong with a frame; msgspec's errors and bad UTF-8 are ValueErrors."""
    if isinstance(error, msgspec.ValidationError):
        return FrameRefused("WrongShape", str(error))
    if isinstance(error, msgspec.DecodeError | UnicodeDecodeError):
        return FrameRefused("NotJson", str(error))
    return FrameRefused("BadNumber", str(error))


def venue_tick(tick: ReferenceTicked) -> VenueTicked:
    """The same book, as the place where we trade."""
    return VenueTicked(time_ns=tick.time_ns, bid=tick.bid, ask=tick.ask, late_ns=tick.late_ns)


def decode_trade(payload: bytes) -> Trade:
    return msgspec.json.decode(payload, type=Trade)


def decode_depth(payload: bytes) -> DepthUpdate:
    return msgspec.json.decode(payload, type=DepthUpdate)


SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
