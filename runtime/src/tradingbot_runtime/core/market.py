"""The state of one market: what events change it to. Deciding what to do about it is the engine's part."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tradingbot_runtime.core.book import Book
from tradingbot_runtime.core.orders import Anomaly, Orders
from tradingbot_runtime.core.positions import Account, DailyLoss, Position
from tradingbot_runtime.core.quoting import MarketView
from tradingbot_runtime.core.refusals import Quiet
from tradingbot_runtime.core.risk import Situation, exposure
from tradingbot_runtime.core.terms import Terms
from tradingbot_runtime.model import (
    AnyEvent,
    BalancesReported,
    BuildExpired,
    CancelRejected,
    Event,
    FeedLost,
    Nanos,
    OrderAccepted,
    OrderBuilt,
    OrderCanceled,
    OrderDenied,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReported,
    OrderSubmitting,
    OutcomeLost,
    ProofOverdue,
    ReferenceTicked,
    Restored,
    StateChanged,
    TimePassed,
    TradingState,
    VenueTicked,
)

BREACH_LOSS = "RiskBreachMaxLoss"
HOLDING = frozenset({TradingState.ACTIVE, TradingState.REDUCING})  # a paused bot loses money too


@dataclass(slots=True)
class Market:
    terms: Terms
    position: Position
    account: Account
    orders: Orders = field(default_factory=Orders)
    reference: Book = field(default_factory=Book)
    venue: Book = field(default_factory=Book)
    daily: DailyLoss = field(default_factory=DailyLoss)
    quiet: Quiet = field(default_factory=Quiet)
    state: TradingState = TradingState.STARTING
    breach: str = ""  # the limit that was broken; the shell latches the halt
    anomaly: Anomaly | None = None  # in the latest event

    def apply(self, event: AnyEvent) -> None:
        self.anomaly = None
        _APPLY[type(event)](self, event)
        self._watch_loss(event.time_ns)

    def leaving_nothing(self) -> Terms:
        """The terms for the end of the process: orders are never left behind, whatever the manifest says of stops."""
        return replace(self.terms, leave_on_stop=False)

    @property
    def view(self) -> MarketView:
        return MarketView(self.reference, self.venue, self.account.base_lots, self.account.quote)

    @property
    def mid_2(self) -> int:
        """The reference price: twice the mid, in `1 / terms.reference_denominator` of our ticks."""
        return (self.reference.bid + self.reference.ask) * self.terms.reference_numerator

    @property
    def profit(self) -> int:
        """Realised and open profit less fees, in money units, at the reference price."""
        return self.position.profit(self.mid_2, self.terms.reference_denominator)

    def situation(self, now_ns: Nanos, order_tokens: int) -> Situation:
        """What an order is judged against at `now_ns`."""
        buying, selling, buying_cost, count = exposure(self.orders, self.terms.limits.instrument.tick_lot)
        return Situation(
            now_ns=now_ns,
            state=self.state,
            feed_age_ns=now_ns - min(self.reference.seen_ns, self.venue.seen_ns),
            book_valid=self.reference.is_valid and self.venue.is_valid,
            mid_2=self.mid_2,
            mid_unit=self.terms.reference_denominator,
            venue_bid=self.venue.bid,
            venue_ask=self.venue.ask,
            position=self.position.lots,
            base=self.account.base_lots,
            quote=self.account.quote,
            buying=buying,
            selling=selling,
            buying_cost=buying_cost,
            open_orders=count,
            order_tokens=order_tokens,
            quiet_until_ns=self.quiet.until_ns,
        )

    def _watch_loss(self, now_ns: Nanos) -> None:
        """Halts by itself, within the tick that breaks the limit."""
        limit = self.terms.limits.max_daily_loss
        if limit is None or self.state not in HOLDING or not self.reference.is_valid:
            return
        if self.daily.loss(now_ns, self.position.profit(self.mid_2, self.terms.reference_denominator)) > limit:
            self.state, self.breach = TradingState.HALTED, BREACH_LOSS


def _reference_ticked(market: Market, event: ReferenceTicked) -> None:
    market.reference.apply(event)
    if market.terms.reference_is_venue:
        market.venue.apply(event)


def _venue_ticked(market: Market, event: VenueTicked) -> None:
    market.venue.apply_venue(event)


def _feed_lost(market: Market, event: FeedLost) -> None:
    book = market.venue if event.feed == "venue" else market.reference
    book.clear()  # no book, no quotes
    if market.terms.reference_is_venue:
        market.venue.clear()


def _time_passed(_: Market, __: TimePassed) -> None:
    """Staleness and budget are looked at on every event; a timer brings nothing else."""


def _balances_reported(market: Market, event: BalancesReported) -> None:
    market.account.base, market.account.quote = event.base, event.quote


def _state_changed(market: Market, event: StateChanged) -> None:
    market.state = event.state


def _restored(market: Market, event: Restored) -> None:
    market.orders.restore(event)


def _filled(market: Market, event: OrderFilled) -> None:
    before = market.orders.get(event.order_id)
    after, market.anomaly = market.orders.apply(event)
    if before is None or (after and after.filled > before.filled):  # a trade that is known already moves nothing
        market.position.apply(event)
        market.account.apply(event)


def _ordered(market: Market, event: OrderEvent) -> None:
    _, market.anomaly = market.orders.apply(event)
    if isinstance(event, OrderRejected | OrderDenied):
        market.quiet.refused(event.time_ns)
    elif isinstance(event, OrderAccepted):
        market.quiet.accepted()


_APPLY: Mapping[type[Event], Callable[[Market, Any], None]] = {
    ReferenceTicked: _reference_ticked,
    VenueTicked: _venue_ticked,
    FeedLost: _feed_lost,
    TimePassed: _time_passed,
    BalancesReported: _balances_reported,
    StateChanged: _state_changed,
    Restored: _restored,
    OrderFilled: _filled,
    **dict.fromkeys(
        (
            OrderBuilt,
            OrderSubmitting,
            BuildExpired,
            OrderDenied,
            OrderAccepted,
            OrderRejected,
            OutcomeLost,
            ProofOverdue,
            OrderCanceled,
            OrderExpired,
            CancelRejected,
            OrderReported,
        ),
        _ordered,
    ),
}
