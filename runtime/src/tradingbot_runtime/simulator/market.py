"""What one symbol shows the public: stream frames from market events, and answers for public REST. Pure.

Streams carry the exchange's own clock and the recording's update ids. The diff streams are made from the book itself,
so that diffs and REST depth agree by Binance's rules (U = previous u + 1) whatever the recording lacks.
"""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from tradingbot_runtime.model import Side, Ticks
from tradingbot_runtime.simulator.amounts import amount_text
from tradingbot_runtime.simulator.book import Book, Ladder
from tradingbot_runtime.simulator.candles import INTERVALS_MS, Candles
from tradingbot_runtime.simulator.instruments import Listing
from tradingbot_runtime.simulator.market_events import AnyMarketEvent, DepthChanged, Level, TopChanged, TradePrinted

Json = dict[str, object]
Frame = tuple[str, Callable[[], Json]]  # stream name, and its data: rendered only where somebody listens
TRADES_KEPT = 1000
PARTIAL_DEPTHS = (5, 10, 20)
FAST_NS = 100_000_000
SLOW_NS = 1_000_000_000
_JITTER_NS = 20_000_000  # recorded diffs come every 100 ms, give or take


class DepthStream:
    """Collects changed prices and makes a diff of them no more often than every `interval_ns` of recorded time."""

    def __init__(self, name: str, interval_ns: int) -> None:
        self.name = name
        self._interval_ns = interval_ns
        self._changed: dict[Side, set[Ticks]] = {Side.BUY: set(), Side.SELL: set()}
        self._sent_ns = 0
        self.sent_id = 0

    def collect(self, changes: dict[Side, list[Level]]) -> None:
        for side, levels in changes.items():
            self._changed[side].update(price for price, _ in levels)

    def due(self, time_ns: int, update_id: int, *, recorded_diff: bool) -> bool:
        """Whether to publish now. The fast stream passes a recording's own diffs on as they come."""
        if update_id <= self.sent_id:
            return False
        since = time_ns - self._sent_ns
        in_time = since < 0 or since >= self._interval_ns - _JITTER_NS
        return in_time or (recorded_diff and self._interval_ns == FAST_NS)

    def take(self, time_ns: int, update_id: int) -> tuple[int, dict[Side, set[Ticks]]]:
        """First update id of this diff, and its prices."""
        first = self.sent_id + 1
        changed, self._changed = self._changed, {Side.BUY: set(), Side.SELL: set()}
        self._sent_ns, self.sent_id = time_ns, update_id
        return first, changed


class MarketData:
    """One symbol. `book` is the exchange's; this object only reads it."""

    def __init__(self, listing: Listing, book: Book) -> None:
        self.listing = listing
        self.book = book
        self.trades: deque[Json] = deque(maxlen=TRADES_KEPT)
        self.candles = Candles(listing)
        self.last_price: Ticks | None = None
        self._prefix = listing.symbol.lower()
        self._has_depth = False
        self._diffs = (DepthStream("depth@100ms", FAST_NS), DepthStream("depth", SLOW_NS))
        self.streams = self._streams()  # names of all that is ever published here

    def _streams(self) -> frozenset[str]:
        speeds = [stream.name.removeprefix("depth") for stream in self._diffs]
        kinds = (
            "bookTicker", "trade", *(f"kline_{interval}" for interval in INTERVALS_MS),
            *(f"depth{levels}{speed}" for speed in speeds for levels in ("", *PARTIAL_DEPTHS)),
        )  # fmt: skip
        return frozenset(f"{self._prefix}@{kind}" for kind in kinds)

    def publish(self, event: AnyMarketEvent, time_ms: int) -> Iterator[Frame]:
        """Frames for an event that the book already contains."""
        if isinstance(event, TradePrinted):
            yield from self._trade(event, time_ms)
            return
        if isinstance(event, TopChanged):
            if event.update_id == self.book.update_id:  # else it was stale
                yield f"{self._prefix}@bookTicker", partial(self.top_frame, event)
        elif isinstance(event, DepthChanged):
            self._has_depth = True
        changes = self.book.take_changes()
        for stream in self._diffs:
            stream.collect(changes)
        if isinstance(event, DepthChanged) or not self._has_depth:
            yield from self._depth(event, time_ms)

    def top_frame(self, top: TopChanged) -> Json:
        (bid, bid_lots), (ask, ask_lots) = top.bid, top.ask
        return {
            "u": top.update_id, "s": self.listing.symbol, "b": self._price(bid), "B": self._lots(bid_lots),
            "a": self._price(ask), "A": self._lots(ask_lots),
        }  # fmt: skip

    def depth(self, limit: int) -> Json:
        """Answer of GET /api/v3/depth.

        Its update id is that of the last diff, although the levels may be newer: the next diff repeats all that has
        changed since then. A top's id would claim more than is known of the levels below the top.
        """
        return {
            "lastUpdateId": self._diffs[0].sent_id, "bids": self._best(self.book.bids, limit),
            "asks": self._best(self.book.asks, limit),
        }  # fmt: skip

    def book_ticker(self) -> Json:
        bids, asks = self._best(self.book.bids, 1), self._best(self.book.asks, 1)
        zero = [amount_text(0), amount_text(0)]
        (bid, bid_quantity), (ask, ask_quantity) = (bids or [zero])[0], (asks or [zero])[0]
        return {
            "symbol": self.listing.symbol, "bidPrice": bid, "bidQty": bid_quantity, "askPrice": ask,
            "askQty": ask_quantity,
        }  # fmt: skip

    def _depth(self, event: AnyMarketEvent, time_ms: int) -> Iterator[Frame]:
        update_id = self.book.update_id
        for stream in self._diffs:
            if not stream.due(event.time_ns, update_id, recorded_diff=isinstance(event, DepthChanged)):
                continue
            first, changed = stream.take(event.time_ns, update_id)
            yield f"{self._prefix}@{stream.name}", partial(self._diff, (first, update_id), changed, time_ms)
            suffix = stream.name.removeprefix("depth")
            for levels in PARTIAL_DEPTHS:
                yield f"{self._prefix}@depth{levels}{suffix}", partial(self.depth, levels)

    def _diff(self, ids: tuple[int, int], changed: dict[Side, set[Ticks]], time_ms: int) -> Json:
        return {
            "e": "depthUpdate", "E": time_ms, "s": self.listing.symbol, "U": ids[0], "u": ids[1],
            "b": self._rows(self.book.bids, changed[Side.BUY]), "a": self._rows(self.book.asks, changed[Side.SELL]),
        }  # fmt: skip

    def _trade(self, trade: TradePrinted, time_ms: int) -> Iterator[Frame]:
        self.last_price = trade.price
        self.candles.add(trade.price, trade.lots, taker_buys=not trade.buyer_is_maker, time_ms=time_ms)
        row = {
            "id": trade.trade_id, "price": self._price(trade.price), "qty": self._lots(trade.lots),
            "quoteQty": amount_text(trade.price * trade.lots * self.listing.instrument.tick_lot), "time": time_ms,
            "isBuyerMaker": trade.buyer_is_maker, "isBestMatch": True,
        }  # fmt: skip
        self.trades.append(row)
        yield f"{self._prefix}@trade", partial(self._trade_frame, row)
        for interval in INTERVALS_MS:
            yield f"{self._prefix}@kline_{interval}", partial(self.candles.stream_payload, interval, time_ms)

    def _trade_frame(self, row: Json) -> Json:
        return {
            "e": "trade", "E": row["time"], "s": self.listing.symbol, "t": row["id"], "p": row["price"],
            "q": row["qty"], "T": row["time"], "m": row["isBuyerMaker"], "M": True,
        }  # fmt: skip

    def _price(self, ticks: int) -> str:
        return amount_text(ticks * self.listing.tick_atoms)

    def _lots(self, lots: int) -> str:
        return amount_text(lots * self.listing.lot_atoms)

    def _best(self, ladder: Ladder, limit: int) -> list[list[str]]:
        return [[self._price(price), self._lots(lots)] for (price, lots), _ in zip(ladder, range(limit), strict=False)]

    def _rows(self, ladder: Ladder, prices: set[Ticks]) -> list[list[str]]:
        ordered = sorted(prices, reverse=ladder.side is Side.BUY)
        return [[self._price(price), self._lots(ladder.at(price))] for price in ordered]
