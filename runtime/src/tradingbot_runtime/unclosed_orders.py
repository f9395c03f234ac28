"""Orders that a journal does not call closed, asked about by their ids until the venue's answers prove where they are.

What was on its way when a process died is in no list of open orders yet. The rules are those of a bot's own end
(`Reconciler.cancel_all`, `core.doubts`). Nothing is written: the journal may be another process'.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from tradingbot_runtime.core.doubts import CANCEL_AGAIN_NS, SECOND, Doubt, Doubts
from tradingbot_runtime.core.orders import UNSENT, Order, OrderState
from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.live import restored
from tradingbot_runtime.model import Instrument, Nanos, OrderId, OrderReported, OrderStatus, Restored
from tradingbot_runtime.order_questions import NOT_IN_THE_MARKET
from tradingbot_runtime.venues.protocols import Gateway

QUESTIONS_A_PASS = 20  # the list of open orders is looked at in between, however many there are to ask about


@dataclass(slots=True)
class UnclosedOrders:
    """Of one market."""

    read: Callable[[], Iterable[Order]]  # anew each time: a process that lives on settles them itself
    now_ns: Callable[[], Nanos]
    tell: Callable[[str], None]  # what a person should know of one that is proved to be out of the market
    doubts: Doubts = field(default_factory=Doubts)
    proved: set[OrderId] = field(default_factory=set)

    def left(self) -> dict[OrderId, Order]:
        """Those that may be in the market, as far as is proved. One that is unsent would have been committed first."""
        return {order.id: order for order in self.read() if order.state not in UNSENT and order.id not in self.proved}

    async def ask(self, gateway: Gateway, instrument: Instrument, listed: Collection[OrderId]) -> list[Restored]:
        """About those whose turn it is, but for the `listed`: which are open all the same.

        One that the venue cannot tell about holds up no other one. Raises VenueError when nothing was answered.
        """
        left, found = self.left(), []
        self._doubt(gateway, left)
        due = [left[order_id] for order_id in self.doubts.due(self.now_ns()) if order_id not in listed]
        for before, order in enumerate(due[:QUESTIONS_A_PASS]):
            try:
                report = await self._ask(gateway, instrument, order)
            except VenueError:
                if not before:
                    raise
                break  # its next turn is after the others'
            if report.status is OrderStatus.OPEN:
                venue_order_id = report.venue_order_id or order.venue_order_id
                found.append(replace(restored(order, report.time_ns), venue_order_id=venue_order_id))
        return found

    def _doubt(self, gateway: Gateway, left: Mapping[OrderId, Order]) -> None:
        """Whatever the journal calls its state: since then nobody has looked."""
        for order_id in self.doubts.by_order.keys() - left.keys():
            self.doubts.settle(order_id)
        for order in left.values():
            if order.id not in self.doubts.by_order:
                self.doubts.raise_for(order.id, self.now_ns())
                gateway.remember(order.id, order.venue_order_id)

    async def _ask(self, gateway: Gateway, instrument: Instrument, order: Order) -> OrderReported:
        doubt = self.doubts.by_order[order.id]
        doubt.asked(self.now_ns())
        report = await gateway.order(instrument, order.id)
        now_ns = self.now_ns()
        if report.status is OrderStatus.OPEN:
            doubt.absent, doubt.not_before_ns = 0, Nanos(now_ns + CANCEL_AGAIN_NS)
            return report
        if report.status in NOT_IN_THE_MARKET:
            doubt.absent += 1
            if not doubt.proves_absence(now_ns):
                return report
            words = _absence(order, doubt, now_ns)
        else:
            executed = f"{instrument.quantity_text(report.executed)} of {instrument.quantity_text(order.quantity)}"
            words = f"{report.status}, {executed} executed" if order.state is OrderState.LOST else ""
        self.proved.add(order.id)
        if words:
            self.tell(f"{named(order)}: the venue says {words}")
        return report


def _absence(order: Order, doubt: Doubt, now_ns: Nanos) -> str:
    """Of an order that was there, or may have been, it proves where the order is not, and not what became of it."""
    answers = f"that it does not know it, {doubt.absent} times in {(now_ns - doubt.since_ns) // SECOND} s"
    if order.was_there or order.state is OrderState.LOST:
        return f"{answers}; it is not in the market, but it may have been executed: compare the position"
    return f"{answers}; it has not got there"


def named(order: Order) -> str:
    known_there = f" ({order.venue_order_id})" if order.venue_order_id else ""
    return f"order {order.id}{known_there}, {order.state} in the journal"
