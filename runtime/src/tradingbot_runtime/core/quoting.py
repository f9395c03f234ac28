"""Strategies say what they want; `plan` works out the fewest messages to get there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tradingbot_runtime.core.book import Book
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.model import Lots, Money, OrderId, Side, Ticks

UNSETTLED = frozenset({OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.LOST})


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


@dataclass(frozen=True, slots=True)
class Plan:
    cancel: tuple[OrderId, ...]
    place: tuple[Quote, ...]


def plan(wanted: Sequence[Quote], working: Iterable[Order], tolerance: Tolerance) -> Plan:
    """Keep what is close enough, cancel the rest, place what is missing; each order serves one quote.

    Cancels come first and the most aggressive first, then places, inner first: where the budget ends, what is left
    undone is what matters least. An order on its way, or of unknown fate, holds the place of one quote on its side,
    wherever the market has gone meanwhile: another one beside it would double the quote.
    """
    free = [order for order in working if order.state is not OrderState.PENDING_CANCEL]
    missing: list[Quote] = []
    for quote in wanted:
        fitting = [o for o in free if o.side is quote.side and tolerance.keeps(o, quote)]
        if fitting:
            free.remove(min(fitting, key=lambda o: (abs(o.price - quote.price), o.id)))
        else:
            missing.append(quote)
    for order in free:
        beside = [q for q in missing if q.side is order.side and order.state in UNSETTLED]
        if beside:
            missing.remove(_nearest(order, beside))
    leaving = [o for o in free if o.state in (OrderState.OPEN, OrderState.PARTIAL)]
    leaving.sort(key=lambda o: (-o.side.sign * o.price, o.id))
    return Plan(tuple(o.id for o in leaving), tuple(missing))


def _nearest(order: Order, quotes: Iterable[Quote]) -> Quote:
    return min(quotes, key=lambda quote: (abs(order.price - quote.price), quote.price))
