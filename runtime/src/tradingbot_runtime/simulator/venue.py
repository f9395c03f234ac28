"""The shell around the exchange's core: its clock, its market data, and who hears what."""

from collections.abc import Callable, Iterable

from tradingbot_runtime.simulator.binance_json import account_event
from tradingbot_runtime.simulator.conditions import Conditions
from tradingbot_runtime.simulator.exchange import Exchange
from tradingbot_runtime.simulator.market import MarketData
from tradingbot_runtime.simulator.market_events import AnyMarketEvent
from tradingbot_runtime.simulator.rate_limits import RateLimits
from tradingbot_runtime.simulator.signatures import Credentials
from tradingbot_runtime.simulator.stream_faults import Json


class SimulatedVenue:
    """One exchange with one account. Everything happens in one event loop, so nothing here needs a lock.

    `follow` hears every event of the market after it has happened here, `restarted` of a symbol whose market begins
    anew.
    """

    def __init__(self, exchange: Exchange, credentials: Credentials, limits: RateLimits, latency_ms: int = 0) -> None:
        self.exchange = exchange
        self.credentials = credentials
        self.account_number = 1
        self.limits = limits
        self.conditions = Conditions(latency_ms)
        self.clock = self.conditions.clock
        self.faults = self.conditions.faults
        self.stream_faults = self.conditions.stream_faults
        self.markets = {
            symbol: MarketData(listing, exchange.book(symbol)) for symbol, listing in exchange.listings.items()
        }
        self.market_events = 0
        self.publish_frame: Callable[[str, Callable[[], Json]], None] = lambda _name, _render: None
        self.publish_account_event: Callable[[Json], None] = lambda _event: None
        self.follow: Callable[[AnyMarketEvent], None] = lambda _event: None
        self.restarted: Callable[[str], None] = lambda _symbol: None

    def market(self, symbol: str) -> MarketData:
        self.exchange.listing(symbol)  # refuses an unknown symbol
        return self.markets[symbol]

    def feed(self, event: AnyMarketEvent) -> None:
        """The market moves: match, publish, tell the account."""
        self.market_events += 1
        now_ms = self.clock.now_ms()
        self.exchange.on_market(event, now_ms)
        for name, render in self.markets[event.symbol].publish(event, now_ms):
            self.publish_frame(name, render)
        self.tell_account()
        self.follow(event)

    def feed_all(self, events: Iterable[AnyMarketEvent]) -> None:
        for event in events:
            self.feed(event)

    def start_over(self, symbols: Iterable[str]) -> None:
        """Forget these books: what comes next has nothing to do with them."""
        for symbol in symbols:
            self.exchange.book(symbol).clear()
            self.restarted(symbol)

    def tell_account(self) -> None:
        """Send what has happened to the account since the last call."""
        for event in self.exchange.drain_events():
            self.publish_account_event(account_event(event))
