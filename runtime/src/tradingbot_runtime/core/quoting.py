"""What a strategy may look at, what it answers, and when an order is close enough to that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tradingbot_runtime.core.book import Book
from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.model import Lots, Money, Side, Ticks


@dataclass(frozen=True, slots=True)
class Quote:
    side: Side
    price: Ticks
    quantity: Lots


@dataclass(frozen=True, slots=True)
class MarketView:
    """All that a strategy may look at."""

    reference: Book
    venue: Book
    base: Lots  # what the account holds, of both assets
    quote: Money


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

    def keeps(self, order: Order, quote: Quote) -> bool:
        off = abs(order.leaves_quantity - quote.quantity)
        return (
            abs(order.price - quote.price) <= self.ticks
            and off * self.share_denominator <= quote.quantity * self.share_numerator
        )


EXACT = Tolerance(0, 0, 1)
