"""What a strategy may look at, what it answers, and when an order is close enough to that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tradingbot_runtime.core.book import Book, VenueBook
from tradingbot_runtime.core.calibration import Flow
from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.model import HedgeReported, Lots, Money, Side, Ticks


@dataclass(frozen=True, slots=True)
class Quote:
    side: Side
    price: Ticks
    quantity: Lots


@dataclass(frozen=True, slots=True)
class MarketView:
    """All that a strategy may look at."""

    reference: Book
    venue: VenueBook
    base: Lots  # what the account holds, of both assets
    quote: Money
    position: Lots = Lots(0)  # what our own fills add up to
    basis: int = 0  # what the reference price is moved by (core.reference_price)
    flow: Flow | None = None  # what the reference's feed shows, where a strategy asks for it
    hedge: HedgeReported | None = None  # of the market's hedge market, where it has one
    residual: int = 0  # in 1e-8 of the base asset: what our fills have brought and hedges have not taken away


class Strategy(Protocol):
    def quotes(self, view: MarketView) -> Sequence[Quote]:
        """The quotes wanted in the market right now, inner first, at most one for each price and side."""
        ...


@dataclass(frozen=True, slots=True)
class Tolerance:
    """An order stays while it is this close to what is wanted: it saves two messages and its place in the queue."""

    ticks: int
    share_numerator: int  # of the wanted quantity
    share_denominator: int
    inward: bool = True  # also an order that stands closer to the market than is wanted

    def keeps(self, order: Order, quote: Quote) -> bool:
        off = abs(order.leaves_quantity - quote.quantity)
        closer = (order.price - quote.price) * quote.side.sign
        return (
            -self.ticks <= closer <= (self.ticks if self.inward else 0)
            and off * self.share_denominator <= quote.quantity * self.share_numerator
        )

    @property
    def in_price(self) -> "Tolerance":
        """The same in price; quantities must be equal."""
        return Tolerance(self.ticks, 0, 1, self.inward)


EXACT = Tolerance(0, 0, 1)


def reducing(quotes: Sequence[Quote], position: Lots) -> tuple[Quote, ...]:
    """Those of `quotes` that bring the position closer to zero and, all filled, not beyond; inner first."""
    kept: list[Quote] = []
    left = abs(position)
    for quote in quotes:
        if quote.side.sign * position < 0 and left > 0:
            kept.append(Quote(quote.side, quote.price, Lots(min(quote.quantity, left))))
            left -= kept[-1].quantity
    return tuple(kept)
