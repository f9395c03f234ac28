"""The state of one market: what events change it to. Deciding what to do about it is the engine's part."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tradingbot_runtime.config import OnBreach
from tradingbot_runtime.core.analytics import NOWHERE, Mark, Performance
from tradingbot_runtime.core.book import Book, VenueBook
from tradingbot_runtime.core.breaches import Breach, Measured, breach
from tradingbot_runtime.core.estimates import Estimates
from tradingbot_runtime.core.flattening import Flattening
from tradingbot_runtime.core.hedging import ONLY_REDUCES, Hedging
from tradingbot_runtime.core.market_events import APPLY, UNSURE
from tradingbot_runtime.core.meters import DAY_NS, Meters, Remembered
from tradingbot_runtime.core.order_room import OrderRoom
from tradingbot_runtime.core.orders import UNPROVED, Anomaly, Order, Orders
from tradingbot_runtime.core.positions import Account, DailyLoss, Position
from tradingbot_runtime.core.quoting import MarketView, Quote
from tradingbot_runtime.core.refusals import Quiet, RefusedCancels
from tradingbot_runtime.core.risk import Situation, exposure
from tradingbot_runtime.core.risk.gates import diverges
from tradingbot_runtime.core.risk.resting import judge
from tradingbot_runtime.core.terms import Terms
from tradingbot_runtime.core.trading_days import day_of
from tradingbot_runtime.model import (
    AnyEvent,
    CrossTicked,
    ForeignOrdersSeen,
    HedgeReported,
    Lots,
    Money,
    Nanos,
    OrderFilled,
    OrderId,
    OthersExposed,
    Ticks,
    TradingState,
)

HOLDING = frozenset({TradingState.ACTIVE, TradingState.REDUCING})  # a paused bot loses money too
LOST_ORDER = "the fate of an order cannot be found out"
NOTHING_YET = Remembered()  # of a day that has just begun
AFTER = {
    OnBreach.CANCEL_ALL: TradingState.HALTED,
    OnBreach.FLATTEN: TradingState.HALTED,
    OnBreach.REDUCE_ONLY: TradingState.REDUCING,
}


@dataclass(slots=True)
class Market:
    terms: Terms
    position: Position
    account: Account
    orders: Orders = field(default_factory=Orders)
    reference: Book = field(default_factory=Book)
    venue: VenueBook = field(default_factory=VenueBook)
    daily: DailyLoss = field(default_factory=DailyLoss)
    quiet: Quiet = field(default_factory=Quiet)
    room: OrderRoom = field(default_factory=OrderRoom)
    refused_cancels: RefusedCancels = field(default_factory=RefusedCancels)
    estimates: Estimates = field(default_factory=Estimates)
    state: TradingState = TradingState.STARTING
    meters: Meters = field(default_factory=Meters)
    performance: Performance = field(default_factory=Performance)
    killed: bool = False  # halted by a person
    flattening: Flattening | None = None  # the position is being closed, and nothing else is traded
    locked: str = ""  # why the venue takes nothing now
    hedging: Hedging = field(default_factory=Hedging)  # where this market hedges another one
    hedge: HedgeReported | None = None  # what the market that hedges this one says
    cross: CrossTicked | None = None  # the second source of the price
    cross_seen_ns: Nanos = Nanos(0)  # as that of a book: it stays when the source is lost
    others: OthersExposed | None = None  # the slot's other markets
    foreign: ForeignOrdersSeen | None = None  # others' orders at our symbol, where they count as exposure
    is_valued: bool = False  # the venue has said what the account holds
    breach: Breach | None = None  # the limit that the latest event broke; the shell latches the halt
    anomaly: Anomaly | None = None  # in the latest event
    suspects: frozenset[OrderId] = frozenset()  # live orders that other limits than these may have let in

    def apply(self, event: AnyEvent) -> None:
        self.anomaly = self.breach = None
        APPLY[type(event)](self, event)
        self._watch(event.time_ns)

    def follow(self, terms: Terms) -> None:
        """Trade by `terms` from now on; what the limits until now have let in is judged anew."""
        if terms.limits != self.terms.limits:
            self.suspects = frozenset(self.orders.live)
        self.terms = terms

    def misfits(self, now: Situation) -> frozenset[OrderId]:
        """Of the `suspects`: those that are to leave the market. An order that is to take is over soon anyway."""
        if self.takes:
            self.suspects = frozenset()
            return self.suspects
        found = judge(self.orders, self.suspects, now, self.terms.limits, self.held(now.now_ns))
        self.suspects = found.suspects
        return found.unfit

    def leaving_nothing(self) -> Terms:
        """The terms for the end of the process: orders are never left behind, whatever the manifest says of stops."""
        return replace(self.terms, leave_on_stop=False)

    @property
    def is_closing(self) -> bool:
        """The position is being closed, and something of it may still be."""
        return self.flattening is not None and self.position.lots != 0 and not self.flattening.is_over

    @property
    def view(self) -> MarketView:
        learned, wanted = self.estimates, self.terms.estimation
        return MarketView(
            self.reference, self.venue, self.account.base_lots, self.account.quote, self.position.lots,
            learned.shift(wanted), learned.flow(wanted), self.hedge, self.residual,
        )  # fmt: skip

    @property
    def mid_2(self) -> int:
        """The reference price: twice the mid, in `1 / terms.reference_denominator` of our ticks."""
        return (self.reference.bid + self.reference.ask) * self.terms.reference_numerator

    @property
    def mid(self) -> Ticks:
        """The reference price in our ticks, rounded down; 0: there is none."""
        return Ticks(self.mid_2 // (2 * self.terms.reference_denominator))

    @property
    def mark(self) -> Mark:
        """What trades are measured against."""
        if not self.reference.is_valid:
            return NOWHERE
        tick_lot = self.position.instrument.tick_lot
        return Mark(self.mid_2, self.terms.reference_denominator, tick_lot, self.reference.seen_ns)

    @property
    def profit(self) -> Money:
        """Realised and open profit less fees, in money units, at the reference price; with that of the hedges."""
        mid_2, unit = self.mid_2, self.terms.reference_denominator
        own = self.position.profit(mid_2, unit)
        if self.hedge is None:
            return own
        return Money(own + self.hedge.profit(mid_2, unit, self.position.instrument))

    @property
    def residual(self) -> int:
        """What is not hedged, in 1e-8 of the base asset; positive: bought and not sold on yet."""
        return self.position.net_base + self.hedge.base if self.hedge else 0

    @property
    def takes(self) -> bool:
        """Its orders are to take what is in the book."""
        return self.flattening is not None or self.terms.hedge is not None

    @property
    def placed(self) -> Iterable[Order]:
        """The orders that hold a quote's place. Those of unknown fate do not hold a step's."""
        if self.flattening is None:
            return self.orders
        return [order for order in self.orders if order.state not in UNPROVED]

    def held(self, now_ns: Nanos) -> frozenset[OrderId]:
        """Orders that no cancel is to be sent for now: the venue has just refused one."""
        return self.refused_cancels.held(now_ns)

    def hedges(self, now_ns: Nanos) -> tuple[Quote, ...]:
        """The taking orders that should be in this market, which hedges another one."""
        terms = self.terms.hedge
        if terms is None:
            return ()
        return self.hedging.quotes(now_ns, self.reference, self.orders, terms, self.held(now_ns))

    @property
    def oldest_tick_ns(self) -> Nanos:
        """What is known of the market's feeds is as old as this: of the quietest, or the latest, of them."""
        oldest = min(self.reference.seen_ns, self.venue.seen_ns)
        if not self.terms.limits.cross_checked:
            return oldest
        return min(oldest, Nanos(self.cross.time_ns - self.cross.late_ns)) if self.cross else Nanos(0)

    @property
    def other_price(self) -> tuple[int, int]:
        """What the reference is compared with, as `mid_2` and its unit; (0, 1): there is nothing."""
        if self.cross is not None:
            return self.cross.mid_2, self.cross.unit
        if self.terms.reference_is_venue or self.terms.limits.cross_checked:
            return 0, 1
        return self.others_mid_2 or 0, 1

    @property
    def others_mid_2(self) -> int | None:
        """Twice the middle of the venue's book, as a price that says something.

        None where a side is empty, and where both best prices are our own orders': such a middle is the echo of our
        own quotes, and whoever learns from it follows himself wherever his skew leads.
        """
        mid_2, venue = self.venue.mid_2, self.venue
        if mid_2 is None or not {venue.bid, venue.ask} <= {order.price for order in self.orders}:
            return mid_2
        return None

    def situation(self, now_ns: Nanos, order_tokens: int) -> Situation:
        """What an order is judged against at `now_ns`."""
        instrument = self.terms.limits.instrument
        could = exposure(self.orders, instrument.tick_lot)
        if self.foreign is not None:
            could = could.beside(self.foreign)
        meters, others, other_price = self.meters, self.others, self.other_price
        today = meters.remembered if meters.remembered.day == now_ns // DAY_NS else NOTHING_YET
        return Situation(
            now_ns=now_ns, state=self.state, feed_age_ns=now_ns - self.oldest_tick_ns,
            book_valid=self.reference.is_valid and self.venue.is_valid,
            mid_2=self.mid_2, mid_unit=self.terms.reference_denominator,
            venue_bid=self.venue.bid, venue_ask=self.venue.ask,
            position=self._judged_position, base=self.account.base_lots, quote=self.account.quote,
            buying=could.buying, selling=could.selling, buying_cost=could.buying_cost, open_orders=could.open_orders,
            order_tokens=order_tokens, quiet_until_ns=self.quiet.until_ns,
            locked=self.locked, killed=self.killed, flattening=self.flattening is not None,
            only_reducing=LOST_ORDER if could.lost else self._only_reducing,
            other_mid_2=other_price[0], other_unit=other_price[1],
            clock_offset_ns=meters.clock_offset_ns, mismatch=meters.mismatch, checked_ns=meters.checked_ns,
            unproved_buying=could.unproved_buying, unproved_selling=could.unproved_selling,
            unanswered=could.unanswered, own_bid=could.own_bid, own_ask=could.own_ask,
            foreign_selling=self.foreign.selling if self.foreign else Lots(0),
            foreign_cost=self.foreign.buying_cost if self.foreign else Money(0),
            known=self.orders.get, placed_ns=meters.placed_ns,
            others_long=others.long if others else 0, others_short=others.short if others else 0,
            others_gross=others.gross if others else 0,
            elsewhere_base=Lots(-(-others.base_bound // instrument.lot_units)) if others else Lots(0),
            elsewhere_cost=Money(others.quote_bound * instrument.fee_money) if others else Money(0),
            equity=Money(self.account.quote + meters.profit),
            messages_today=today.messages, cancels_today=today.cancels, fills_today=today.fills,
            loss_today=meters.loss_today, below_best=meters.below_best, best_equity=meters.best_equity,
            recent_loss=meters.recent_loss, refused_in_a_row=self.quiet.in_a_row,
        )  # fmt: skip

    @property
    def _judged_position(self) -> Lots:
        """A hedge is judged by the residual that it is to reduce, unless the market's own position is being closed."""
        if self.terms.hedge is None or self.flattening is not None:
            return self.position.lots
        return self.hedging.lots(self.position.instrument)

    @property
    def _only_reducing(self) -> str:
        return ONLY_REDUCES if self.terms.hedge is not None else self.estimates.doubt(self.terms.estimation)

    def _watch(self, now_ns: Nanos) -> None:
        """Halts by itself, within the tick that breaks a limit."""
        limits, meters = self.terms.limits, self.meters
        if self.terms.hedge is not None:
            self.hedging.watch(now_ns, self.position.net_base, self.reference, self.terms.hedge)
        if self.reference.is_valid and self.state not in UNSURE:
            self._value(now_ns)
        if limits.max_divergence is not None:
            fresh = now_ns - self.oldest_tick_ns <= limits.stale_after_ns and self.reference.is_valid
            unit = self.terms.reference_denominator
            meters.diverged(now_ns, apart=fresh and diverges((self.mid_2, unit), self.other_price, limits))
        if self.state not in HOLDING:
            return
        measured = Measured(now_ns, meters, self.position.lots, opens=self.state is TradingState.ACTIVE)
        self.breach = breach(measured, limits)
        if self.breach is not None:
            self.state = AFTER[limits.on_breach]

    def value_day(self, fill: OrderFilled) -> None:
        """At the price of a fill, before it moves the position: a day begins with what there was then.

        At a start nothing else values it: a journal that was lost, or is an older copy, knows of a day only what the
        venue's trades tell. Not where the price is another market's, which is not that of our trades; and not of a
        hedged market and its hedge, which earn together: their trades are found one after the other.
        """
        if self.terms.reference_is_venue and not (self.terms.hedged or self.terms.hedge or self.reference.is_valid):
            self.daily.found(day_of(fill), self.position.profit(2 * fill.price, 1))

    def _value(self, now_ns: Nanos) -> None:
        """What the market is worth at the reference price."""
        mid_2, unit, limits = self.mid_2, self.terms.reference_denominator, self.terms.limits
        profit = self.profit
        capital = None
        if self.is_valued and self.meters.remembered.capital is None:
            held = self.account.base_lots * mid_2 * limits.instrument.tick_lot // (2 * unit)
            capital = Money(self.account.quote + held)
        self.meters.value(now_ns, profit, capital, limits.max_loss_rate[1] if limits.max_loss_rate else None)
        self.meters.loss_today = self.daily.loss(now_ns, profit)
