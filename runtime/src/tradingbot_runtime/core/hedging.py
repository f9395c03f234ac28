"""What of our fills is not hedged yet, and what to do about it. Pure.

A market that is hedged has a second one, its hedge market, with orders and a position of its own. A fill of the quoted
market leaves a residual in the base asset; a fill of the hedge market takes it away. The residual is kept in units of
the asset, not in lots of either market: what is too small for an order there waits and adds up with the next fill. It
follows from both markets' fills, which the journal has, so that a restart changes nothing. Orders on their way count in
full, those of unknown fate included: nothing is hedged twice.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from tradingbot_runtime.core.book import Book
from tradingbot_runtime.core.orders import PENDING, WORKING, Order
from tradingbot_runtime.core.quoting import Quote
from tradingbot_runtime.model import HedgeStress, Instrument, Lots, Nanos, OrderId, Side, Ticks

ONLY_REDUCES = "a hedge only takes the residual away"
# A residual that an order could hedge and that is older than this many timeouts is this bad.
STRESS: tuple[tuple[int, HedgeStress], ...] = ((2, HedgeStress.REDUCING), (1, HedgeStress.WIDER))


@dataclass(frozen=True, slots=True)
class HedgeTerms:
    """`slippage` is the share of the best price that a taking order may go beyond it, as numerator and denominator."""

    instrument: Instrument  # of the hedge market
    slippage: tuple[int, int]
    timeout_ns: int
    max_order: Lots

    @property
    def patience_ns(self) -> int:
        """How long an order may rest: there is time for a second one before the hedge is late."""
        return self.timeout_ns // 2


@dataclass(frozen=True, slots=True)
class Waiting:
    """A residual that an order could hedge."""

    since_ns: Nanos
    residual: int  # at that time
    hedged: int  # what all hedges will add up to when that is hedged

    def is_over(self, residual: int, hedged: int, least: int) -> bool:
        """Whether what is open now came later: old fills are hedged before new ones."""
        sign = 1 if self.residual > 0 else -1
        return residual * sign < 0 or (hedged - self.hedged) * sign < least


@dataclass(slots=True)
class Hedging:
    """`residual`: in 1e-8 of the base asset; positive: bought and not sold on yet."""

    quoted: int | None = None  # what the quoted market's fills have brought, in 1e-8; None: nobody has told yet
    residual: int = 0
    stress: HedgeStress = HedgeStress.HEDGED
    waiting: Waiting | None = None
    seen_ns: dict[OrderId, Nanos] = field(default_factory=dict)  # since when each live order is known

    def lots(self, instrument: Instrument) -> Lots:
        """The residual in whole lots of the hedge market, rounded towards zero."""
        lots = abs(self.residual) // instrument.lot_units
        return Lots(lots if self.residual > 0 else -lots)

    def watch(self, now_ns: Nanos, hedged: int, book: Book, terms: HedgeTerms) -> None:
        """Look at both markets' fills and at the clock; `hedged`: what all hedges have brought, in 1e-8.

        What is too small to be hedged is not late; what has no market to be hedged at is.
        """
        self.residual = 0 if self.quoted is None else self.quoted + hedged
        least = terms.instrument.min_lots * terms.instrument.lot_units
        too_small = abs(self.residual) < least
        if too_small or (book.is_valid and _order(self.residual, book, terms) is None):
            self.waiting = None
        elif self.waiting is None or self.waiting.is_over(self.residual, hedged, least):
            self.waiting = Waiting(now_ns, self.residual, hedged - self.residual)
        late_ns = 0 if self.waiting is None else now_ns - self.waiting.since_ns
        self.stress = next((bad for times, bad in STRESS if late_ns >= times * terms.timeout_ns), HedgeStress.HEDGED)

    def quotes(
        self, now_ns: Nanos, book: Book, orders: Iterable[Order], terms: HedgeTerms, held: Container[OrderId] = ()
    ) -> tuple[Quote, ...]:
        """What should be in the hedge market: the orders that are there, while they may rest, and what is due.

        `held`: orders whose cancel the venue refuses; they stay, and keep nothing back that is due beside them.
        """
        live = list(orders)
        self.seen_ns = {order.id: self.seen_ns.get(order.id, now_ns) for order in live}
        staying = tuple(
            Quote(order.side, order.price, order.leaves_quantity)
            for order in live
            if order.state not in PENDING
            and not (
                order.state in WORKING and now_ns - self.seen_ns[order.id] >= terms.patience_ns and order.id not in held
            )
        )
        due = self.due(book, live, terms)
        return staying if due is None else (*staying, due)

    def due(self, book: Book, working: Iterable[Order], terms: HedgeTerms) -> Quote | None:
        """The taking order that hedges what no other order is about to; None: nothing that the venue would take.

        `working` are the live orders of the hedge market. Its price is the furthest that the order may go.
        """
        in_flight = sum(order.side.sign * order.leaves_quantity for order in working) * terms.instrument.lot_units
        left = self.residual + in_flight
        if left * self.residual <= 0:  # on its way already, or more than that
            return None
        return _order(left, book, terms)


def _order(residual: int, book: Book, terms: HedgeTerms) -> Quote | None:
    """What hedges `residual` at `book`: whole lots, never beyond zero; None where the venue would refuse it."""
    instrument = terms.instrument
    lots = min(abs(residual) // instrument.lot_units, terms.max_order)
    if not book.is_valid or lots < instrument.min_lots:
        return None
    numerator, denominator = terms.slippage
    if residual > 0:
        side, price = Side.SELL, -(-book.bid * (denominator - numerator) // denominator)
    else:
        side, price = Side.BUY, book.ask * (denominator + numerator) // denominator
    if price <= 0 or price * lots * instrument.tick_lot < instrument.min_notional:
        return None
    return Quote(side, Ticks(price), Lots(lots))
