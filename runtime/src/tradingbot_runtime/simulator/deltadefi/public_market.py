"""What the public sees of one pair: depth with every order in it, trades, price, candles. Pure."""

from collections import deque
from collections.abc import Iterator

from tradingbot_runtime.model import Lots, Side, Ticks
from tradingbot_runtime.simulator.candles import MINUTE_MS, Candles
from tradingbot_runtime.simulator.deltadefi import wire
from tradingbot_runtime.simulator.deltadefi.pairs import Pair
from tradingbot_runtime.simulator.deltadefi.wire import Json
from tradingbot_runtime.simulator.exchange import Exchange

TRADES_SHOWN = 50
LEVELS_SHOWN = 50
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
INTERVALS_MS = {
    "15m": 15 * MINUTE_MS, "30m": 30 * MINUTE_MS, "1h": HOUR_MS, "1d": DAY_MS, "1w": 7 * DAY_MS, "1M": 30 * DAY_MS,
}  # fmt: skip


class PublicMarket:
    def __init__(self, pair: Pair, exchange: Exchange) -> None:
        self.pair = pair
        self._exchange = exchange
        self.candles = Candles(pair.listing, INTERVALS_MS)
        self._trades: deque[Json] = deque(maxlen=TRADES_SHOWN)
        self._last: Ticks | None = None

    def traded(self, side: Side, price: Ticks, lots: Lots, time_ms: int) -> None:
        """A trade; `side` is the taker's."""
        listing = self.pair.listing
        self._last = price
        self.candles.add(price, lots, taker_buys=side is Side.BUY, time_ms=time_ms)
        self._trades.appendleft({
            "timestamp": wire.moment(time_ms), "symbol": listing.symbol, "side": side.value,
            "price": wire.number(price * listing.tick_atoms), "amount": wire.number(lots * listing.lot_atoms),
        })  # fmt: skip

    def recent_trades(self) -> list[Json]:
        """Newest first: the whole window each time, as the stream sends it."""
        return list(self._trades)

    def price(self) -> Json:
        """The last trade's; before the first one the middle of the book, or zero."""
        book, ticks = self._exchange.book(self.pair.symbol), self._last
        if ticks is None:
            bid, ask = book.bids.best(), book.asks.best()
            ticks = Ticks(0) if bid is None or ask is None else Ticks((bid + ask) // 2)
        return {"price": wire.number(ticks * self.pair.listing.tick_atoms)}

    def depth(self, time_ms: int) -> Json:
        return {"timestamp": time_ms, "bids": self._side(Side.BUY), "asks": self._side(Side.SELL)}

    def _side(self, side: Side) -> list[Json]:
        listing = self.pair.listing
        rows = sorted(self._levels(side).items(), key=lambda level: -side.sign * level[0])
        return [
            {"price": wire.number(price * listing.tick_atoms), "quantity": wire.number(lots * listing.lot_atoms)}
            for price, lots in rows[:LEVELS_SHOWN]
        ]

    def _levels(self, side: Side) -> dict[Ticks, int]:
        levels: dict[Ticks, int] = {
            price: int(lots) for price, lots in self._exchange.book(self.pair.symbol).side(side)
        }
        for price, lots in self._own(side):
            levels[price] = levels.get(price, 0) + lots
        return levels

    def _own(self, side: Side) -> Iterator[tuple[Ticks, Lots]]:
        """The account's orders that rest: here, unlike at Binance's side, the public sees them."""
        resting = self._exchange.engines[self.pair.symbol]
        for order in self._exchange.history.open_orders(self.pair.symbol):
            if order.side is side and resting.rests(order.order_id):
                yield order.price, order.left
