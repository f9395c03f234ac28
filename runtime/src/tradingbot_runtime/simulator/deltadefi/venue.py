"""The shell around the desk: the market it follows, what takes its time, and who hears what."""

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec
import structlog

from tradingbot_runtime.model import Side
from tradingbot_runtime.simulator.account_events import (
    AccountEvent,
    BalancesChanged,
    Change,
    Deposited,
    Holding,
    OrderChanged,
)
from tradingbot_runtime.simulator.conditions import Conditions
from tradingbot_runtime.simulator.deltadefi import wire
from tradingbot_runtime.simulator.deltadefi.desk import Desk
from tradingbot_runtime.simulator.deltadefi.mirror import Mirror
from tradingbot_runtime.simulator.deltadefi.operation_key import OperationKey
from tradingbot_runtime.simulator.deltadefi.pairs import Pair
from tradingbot_runtime.simulator.deltadefi.public_market import PublicMarket
from tradingbot_runtime.simulator.deltadefi.refusals import Reason, Refusal
from tradingbot_runtime.simulator.deltadefi.register import Entry
from tradingbot_runtime.simulator.deltadefi.trading_lock import TradingLock
from tradingbot_runtime.simulator.deltadefi.wire import Words
from tradingbot_runtime.simulator.market_events import AnyMarketEvent, Level, TradePrinted
from tradingbot_runtime.simulator.rate_limits import Window
from tradingbot_runtime.simulator.venue import SimulatedVenue

log = structlog.get_logger("simulator")
ACCOUNT_STREAM = "/accounts/stream"
DEPOSITS_KEPT = 1000
_LOOK_S = 0.05  # whether trading is open again


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Who may trade, and with which key."""

    api_key: str
    key: OperationKey


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How the venue behaves. `processing_s`: from submit to market. `rest_words`, `stream_words`: of statuses."""

    processing_s: float = 0.01
    rest_words: Words = Words.SDK
    stream_words: Words = Words.DOCS


class Market(msgspec.Struct, frozen=True):
    """A pair, what it is made of, and what the public sees of it."""

    pair: Pair
    mirror: Mirror
    public: PublicMarket


class DeltaDeFiVenue:
    """Everything happens in one event loop, so nothing here needs a lock."""

    def __init__(
        self, desk: Desk, access: Access, lock: TradingLock, source: SimulatedVenue, markets: list[Market],
    ) -> None:  # fmt: skip
        self.desk = desk
        self.access = access
        self.lock = lock
        self.manner = Manner()
        self.conditions: Conditions = source.conditions
        self.order_calls = Window(1000, 20)
        self.markets = {market.pair.symbol: market for market in markets}
        self.deposits: deque[Deposited] = deque(maxlen=DEPOSITS_KEPT)
        self.publish: Callable[[str, Callable[[], object]], None] = lambda _name, _render: None
        self._source = source
        self._by_source = {market.pair.follows: market for market in markets}
        self._missed: set[str] = set()
        self._points = 0
        source.follow = self.feed
        source.restarted = self._restart
        source.conditions.lock_trading = self.lock_trading

    def now_ms(self) -> int:
        return self.conditions.clock.now_ms()

    def market(self, symbol: str) -> Market:
        """Raises Refusal."""
        if symbol not in self.markets:
            raise Refusal(Reason.SYMBOL)
        return self.markets[symbol]

    def require_open(self) -> None:
        """Raises Refusal while trading is locked."""
        if self.lock.locked(self.now_ms()):
            raise Refusal(Reason.LOCKED)

    def lock_trading(self, seconds: float) -> None:
        self.lock.lock(seconds, self.now_ms())
        log.warning("TradingLocked", seconds=seconds)

    def feed(self, event: AnyMarketEvent) -> None:
        """The market that is followed has moved. Nothing trades while trading is locked."""
        market = self._by_source.get(event.symbol)
        if market is None:
            return
        symbol, now_ms = market.pair.symbol, self.now_ms()
        if self.lock.locked(now_ms):
            self._missed.add(symbol)
            return
        if isinstance(event, TradePrinted) and market.mirror.is_empty:
            return
        if symbol in self._missed:
            self._missed.discard(symbol)
            self._move(market, market.mirror.snapshot(self._source.exchange.book(event.symbol), event.time_ns), now_ms)
        self._move(market, market.mirror.event(event), now_ms)

    def _restart(self, symbol: str) -> None:
        if symbol in self._by_source:
            self._missed.add(self._by_source[symbol].pair.symbol)

    def _move(self, market: Market, event: AnyMarketEvent, now_ms: int) -> None:
        self.desk.exchange.on_market(event, now_ms)
        if isinstance(event, TradePrinted):
            taker = Side.SELL if event.buyer_is_maker else Side.BUY
            self._printed(market, taker, (event.price, event.lots), now_ms)
        self._depth(market)
        self.tell()

    def submitted(self, entry: Entry) -> None:
        """The order is on its way to the market."""
        self.tell()
        if self.manner.processing_s:
            asyncio.get_running_loop().call_later(self.manner.processing_s, self._arrive, entry)
        else:
            self._arrive(entry)

    def _arrive(self, entry: Entry) -> None:
        """The order reaches the market, unless that is locked: then it is still on its way."""
        if self.lock.locked(self.now_ms()):
            asyncio.get_running_loop().call_later(_LOOK_S, self._arrive, entry)
            return
        self.desk.match(entry, self.now_ms())
        if entry.order is not None and entry.order.status.open and not entry.order.executed:
            self.tell_order(entry)  # that it rests now is no event of the exchange
            self._depth(self.markets[entry.order.listing.symbol])
        self.tell()

    def tell_order(self, entry: Entry) -> None:
        """Send how an order stands now."""
        order, words = entry.order, self.manner.stream_words
        self.publish(ACCOUNT_STREAM, lambda: wire.order_info(entry, order, words))

    def tell(self) -> None:
        """Send what has happened to the account since the last call."""
        for event in self.desk.exchange.drain_events():
            self._tell(event)

    def _tell(self, event: AccountEvent) -> None:
        match event:
            case OrderChanged():
                self._tell_change(event)
            case BalancesChanged():
                self.publish(ACCOUNT_STREAM, lambda: wire.balance_info(event.holdings))
            case Deposited():
                self.deposits.appendleft(event)

    def _tell_change(self, event: OrderChanged) -> None:
        entry, words = self.desk.register.of(event.order), self.manner.stream_words
        market = self.markets[event.order.listing.symbol]
        if event.trade is not None:
            entry.trades.append(event.trade)
            if not event.trade.maker:  # what the account itself has taken no recording shows
                self._printed(market, event.trade.side, (event.trade.price, event.trade.lots), event.time_ms)
        self.publish(ACCOUNT_STREAM, lambda: wire.order_info(entry, event.order, words))
        if event.change is Change.TRADE:
            self._points += 1
            self.publish(ACCOUNT_STREAM, lambda: wire.points_info(entry, self._points))
        self._depth(market)

    def _printed(self, market: Market, taker: Side, level: Level, time_ms: int) -> None:
        symbol, public = market.pair.symbol, market.public
        public.traded(taker, *level, time_ms)
        self.publish(f"/market/recent-trades/{symbol}", public.recent_trades)
        self.publish(f"/market/market-price/{symbol}", lambda: market_price(public))

    def _depth(self, market: Market) -> None:
        self.publish(f"/market/depth/{market.pair.symbol}", lambda: market.public.depth(self.now_ms()))

    def holdings(self) -> list[Holding]:
        balances = self.desk.exchange.account.balances
        return [Holding(asset, balance.free, balance.locked) for asset, balance in balances.items()]


def market_price(public: PublicMarket) -> wire.Json:
    return {"type": "Market", "sub_type": "market_price"} | public.price()
