"""Our orders against a recorded market, by price, then time. Pure: no clock, no I/O; also a paper venue's core.

* An order rests behind the quantity that its price level shows. Trades at that price and a shrinking level move it
  up; growth queues behind it.
* A recorded trade at our price fills us with what is left of it after the queue ahead; a trade through our price
  reached us first, so it fills us at our price.
* When the book crosses a resting order, the liquidity that crossed trades with it at the resting price.
* A marketable order takes the levels of the book, best first. What we took from a level stays taken until the
  recording shows less of it: nobody gets more than was ever displayed.
* Orders of one account do not trade with each other: the one that rests expires (Binance: EXPIRE_MAKER).
* Our orders do not appear in the public book: what is published is the recording.
"""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from heapq import merge

import msgspec

from tradingbot_runtime.model import Lots, Side, Ticks
from tradingbot_runtime.simulator.book import Book
from tradingbot_runtime.simulator.market_events import TradePrinted


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Submission(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order as the matching sees it. `price` None: at the market (then never rests)."""

    order_id: int
    side: Side
    price: Ticks | None
    lots: Lots
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False


class Executed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    order_id: int
    price: Ticks
    lots: Lots
    maker: bool


class Expired(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`self_trade`: it rested in the way of an order of the same account. Otherwise the rest of an IOC, FOK, market."""

    order_id: int
    self_trade: bool


Execution = Executed | Expired


@dataclass(slots=True)
class Resting:
    order_id: int
    side: Side
    price: Ticks
    left: Lots
    ahead: Lots  # shown quantity of this level that trades before us
    sequence: int

    @property
    def priority(self) -> tuple[int, int]:
        return -self.side.sign * self.price, self.sequence


def opposite(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


class MatchingEngine:
    """One symbol, one account. Call `on_book` after each change of `book`."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._orders: dict[int, Resting] = {}
        self._queue: dict[Side, list[Resting]] = {Side.BUY: [], Side.SELL: []}
        self._taken: dict[Side, dict[Ticks, Lots]] = {Side.BUY: {}, Side.SELL: {}}
        self._sequence = 0

    def place(self, order: Submission) -> list[Execution]:
        """What happened at once. ValueError for a post-only order that would take (ask `would_take` first)."""
        if order.post_only and order.price is not None and self.would_take(order.side, order.price):
            raise ValueError(f"order {order.order_id} is post-only and would take")
        if order.time_in_force is TimeInForce.FOK and self.available(order.side, order.price) < order.lots:
            return [Expired(order_id=order.order_id, self_trade=False)]
        executions, left = self._take(order)
        if left and order.price is not None and order.time_in_force is TimeInForce.GTC:
            self._rest(order, order.price, left)
        elif left:
            executions.append(Expired(order_id=order.order_id, self_trade=False))
        return executions

    def cancel(self, order_id: int) -> Lots | None:
        """The quantity that was taken out of the market; None when no such order rests."""
        order = self._orders.pop(order_id, None)
        if order is None:
            return None
        self._queue[order.side].remove(order)
        return order.left

    def rests(self, order_id: int) -> bool:
        return order_id in self._orders

    def on_book(self) -> list[Execution]:
        """The book has changed: queues move up, and what the book crosses trades."""
        for side, taken in self._taken.items():
            if taken:
                shown = self.book.side(side)
                self._taken[side] = {p: min(lots, shown.at(p)) for p, lots in taken.items() if shown.at(p)}
        executions: list[Execution] = []
        for side, queue in self._queue.items():
            for order in queue:
                self._move_up(order)
            executions += self._cross(side)
        return executions

    def on_trade(self, trade: TradePrinted) -> list[Execution]:
        """A trade was printed: its aggressor would have met our orders as they stand in the queue."""
        side = Side.BUY if trade.buyer_is_maker else Side.SELL
        executions: list[Execution] = []
        left, passed = int(trade.lots), 0
        for order in tuple(self._queue[side]):
            if not left or (order.price - trade.price) * side.sign < 0:
                break
            if order.price == trade.price:
                step = min(left, max(0, order.ahead - passed))
                passed, left = passed + step, left - step
            else:
                order.ahead = Lots(0)
            lots = Lots(min(left, order.left))
            if lots:
                left -= lots
                executions.append(self._fill(order, lots))
        for order in self._queue[side]:
            if order.price == trade.price:
                order.ahead = Lots(max(0, order.ahead - passed))
        return executions

    def would_take(self, side: Side, limit: Ticks) -> bool:
        """Whether an order with this limit would trade at once, with the market or with an order of its own account."""
        return next(self._reachable(side, limit), None) is not None

    def available(self, side: Side, limit: Ticks | None) -> Lots:
        """What an order on `side` could take from the market at once."""
        return Lots(sum(self._shown(opposite(side), price) for price in self._reachable(side, limit)))

    def levels(self, side: Side) -> Iterator[tuple[Ticks, Lots]]:
        """Price and quantity of what an order on `side` could take, best first."""
        for price in self._reachable(side, None):
            yield price, self._shown(opposite(side), price)

    def _shown(self, side: Side, price: Ticks) -> Lots:
        return Lots(self.book.side(side).at(price) - self._taken[side].get(price, 0))

    def _reachable(self, side: Side, limit: Ticks | None) -> Iterator[Ticks]:
        """Prices on the other side within the limit where somebody is: the market or an own order; best first."""
        other = opposite(side)
        ladder = self.book.side(other)
        own = (order.price for order in self._queue[other])
        previous: Ticks | None = None
        for price in merge((price for price, _ in ladder), own, key=lambda p: p * side.sign):
            if limit is not None and not ladder.reaches(price, limit):
                return
            here = self._shown(other, price) > 0 or any(order.price == price for order in self._queue[other])
            if here and price != previous:
                yield price
            previous = price

    def _take(self, order: Submission) -> tuple[list[Execution], Lots]:
        executions: list[Execution] = []
        left = order.lots
        while left:  # the level just taken is no longer reachable: always the best one that is left
            price = next(self._reachable(order.side, order.price), None)
            if price is None:
                break
            left = self._take_level(order, price, left, executions)
        return executions, left

    def _take_level(self, order: Submission, price: Ticks, left: Lots, executions: list[Execution]) -> Lots:
        """Take one level: what stands before an own order first; the own order expires; then the rest."""
        other = opposite(order.side)
        room = self._shown(other, price)
        lots = 0
        for own in [resting for resting in self._queue[other] if resting.price == price]:
            lots = min(left, max(lots, min(own.ahead, room)))
            if lots == left:
                break
            self.cancel(own.order_id)
            executions.append(Expired(order_id=own.order_id, self_trade=True))
        else:
            lots = min(left, room)
        if lots:
            self._taken[other][price] = Lots(self._taken[other].get(price, 0) + lots)
            executions.append(Executed(order_id=order.order_id, price=price, lots=Lots(lots), maker=False))
        for own in self._queue[other]:
            if own.price == price:
                own.ahead = Lots(max(0, own.ahead - lots))
        return Lots(left - lots)

    def _ahead(self, side: Side, price: Ticks, order_id: int) -> Lots:  # noqa: ARG002 - for who knows less of the book
        """What a new order at this price stands behind."""
        return self._shown(side, price)

    def _move_up(self, order: Resting) -> None:
        """The book has changed: what shows less than stands ahead of the order has moved it up."""
        order.ahead = min(order.ahead, self.book.side(order.side).at(order.price))

    def _cross(self, side: Side) -> list[Execution]:
        executions: list[Execution] = []
        other = opposite(side)
        ladder = self.book.side(other)
        for order in tuple(self._queue[side]):
            best = ladder.best()
            if best is None or not ladder.reaches(best, order.price):
                break
            for price, _ in ladder:
                lots = Lots(min(order.left, self._shown(other, price)))
                if not order.left or not ladder.reaches(price, order.price):
                    break
                if lots:
                    self._taken[other][price] = Lots(self._taken[other].get(price, 0) + lots)
                    executions.append(self._fill(order, lots))
        return executions

    def _fill(self, order: Resting, lots: Lots) -> Executed:
        order.left = Lots(order.left - lots)
        if not order.left:
            self.cancel(order.order_id)
        return Executed(order_id=order.order_id, price=order.price, lots=lots, maker=True)

    def _rest(self, order: Submission, price: Ticks, left: Lots) -> None:
        self._sequence += 1
        ahead = self._ahead(order.side, price, order.order_id)
        resting = Resting(order.order_id, order.side, price, left, ahead, self._sequence)
        self._orders[order.order_id] = resting
        insort(self._queue[order.side], resting, key=lambda entry: entry.priority)
