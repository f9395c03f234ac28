"""What of our fills is not hedged yet, and what to do about it. Pure; the hedge's orders live in their own market.

A fill of the quoted market leaves a residual in the base asset; a fill of the hedge market takes it away. The residual
is kept in units of the asset, not in lots of either market: what is too small for an order there waits and adds up with
the next fill. Orders on their way count in full, those of unknown fate included: a hedge is never sent twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tradingbot_runtime.core.book import Book
from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.core.quoting import Quote
from tradingbot_runtime.model import Instrument, Lots, Nanos, OrderFilled, Side, Ticks


class HedgeStress(StrEnum):
    """How well hedging works; later is worse."""

    HEDGED = "Hedged"
    WIDER = "Wider"  # the hedge is late: quote as if it cost more
    REDUCING = "Reducing"  # the hedge does not work: only what reduces the residual


@dataclass(frozen=True, slots=True)
class HedgeTerms:
    """`slippage` is the share of the best price that a taking order may go beyond it, as numerator and denominator."""

    instrument: Instrument  # of the hedge market
    slippage: tuple[int, int]
    timeout_ns: int
    max_order: Lots


# A residual that an order could hedge and that is older than this many timeouts is this bad.
STRESS: tuple[tuple[int, HedgeStress], ...] = ((2, HedgeStress.REDUCING), (1, HedgeStress.WIDER))


@dataclass(slots=True)
class ResidualLedger:
    """`residual`: in 1e-8 of the base asset; positive: bought and not sold on yet."""

    residual: int = 0
    late_since_ns: Nanos | None = None  # since when an order could have hedged it

    def filled(self, fill: OrderFilled, instrument: Instrument) -> None:
        """A fill of either market, applied once; a fee in the base asset is base that is not there to be hedged."""
        self.residual += fill.side.sign * fill.quantity * instrument.lot_units
        if fill.fee_asset == instrument.base:
            self.residual -= fill.fee

    def watch(self, now_ns: Nanos, book: Book, terms: HedgeTerms) -> HedgeStress:
        """Look at the clock. What is too small to be hedged is not late; what has no market to be hedged at is."""
        too_small = abs(self.residual) < terms.instrument.min_lots * terms.instrument.lot_units
        if too_small or (book.is_valid and _order(self.residual, book, terms) is None):
            self.late_since_ns = None
        elif self.late_since_ns is None:
            self.late_since_ns = now_ns
        if self.late_since_ns is None:
            return HedgeStress.HEDGED
        late = now_ns - self.late_since_ns
        return next((stress for times, stress in STRESS if late >= times * terms.timeout_ns), HedgeStress.HEDGED)

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
