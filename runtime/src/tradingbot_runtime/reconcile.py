"""Venue truth against the journal: at the start barrier, after every reconnect, and whenever something is in doubt.

A failed question is never an empty answer: it raises, and the doubt stays. An order is proved absent only by several
"not found" answers of a healthy venue, further apart than the venue may need to settle (reference/runtime.md 3.2).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from tradingbot_runtime.core.orders import UNPROVED, Order, OrderState
from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.live import LiveMarket, restored
from tradingbot_runtime.model import Nanos, OrderId, OrderStatus

log = structlog.get_logger("reconcile")

SECOND = 1_000_000_000
ASK_EVERY_NS = SECOND
CANCEL_AGAIN_NS = 2 * SECOND
SETTLE_NS = 10 * SECOND
ABSENT_PROOFS = 3
QUESTIONS_A_PASS = 5
SWEEP_EVERY_NS = 10 * SECOND
BALANCES_EVERY_NS = 60 * SECOND


@dataclass(slots=True)
class Doubt:
    since_ns: Nanos
    asked_ns: Nanos = Nanos(0)
    absent: int = 0  # "not found" answers so far

    def proves_absence(self, now_ns: Nanos) -> bool:
        return self.absent >= ABSENT_PROOFS and now_ns - self.since_ns >= SETTLE_NS


@dataclass(slots=True)
class Reconciler:
    market: LiveMarket
    now_ns: Callable[[], Nanos]
    is_ours: Callable[[OrderId], bool]  # of this bot and slot, whatever the epoch
    doubts: dict[OrderId, Doubt] = field(default_factory=dict)
    swept_ns: Nanos = Nanos(0)
    balances_ns: Nanos = Nanos(0)
    is_restored: bool = False

    async def restore(self) -> None:
        """The start barrier's part: every order of the journal is asked about, every stray one is cancelled.

        Raises VenueError when a question fails; nothing is settled then, and it is to be tried again as a whole.
        """
        market = self.market
        for order in market.journal.orders_not_closed(market.ledger):
            if market.engine.market.orders.get(order.id) is None:
                market.take(restored(order, self.now_ns()))
            # The process ended between its intent and now: whatever the state was, only the venue knows.
            self.doubt(order.id)
        await self.catch_up()
        self.is_restored = True

    async def catch_up(self) -> None:
        """Ask about every order that is not closed, sweep, and take the balances. Raises VenueError."""
        for order in list(self.market.engine.market.orders):
            await self._ask(order)
        await self._sweep()
        await self._balances()

    def doubt(self, order_id: OrderId) -> None:
        """Ask the venue about this order at the next pass."""
        self.doubts.setdefault(order_id, Doubt(self.now_ns()))

    async def look(self) -> None:
        """One pass: called every second. A venue that does not answer leaves everything as it is."""
        now_ns = self.now_ns()
        try:
            for order in self._questionable(now_ns)[:QUESTIONS_A_PASS]:
                await self._ask(order)
            if now_ns - self.swept_ns >= SWEEP_EVERY_NS:
                await self._sweep()
            if now_ns - self.balances_ns >= BALANCES_EVERY_NS:
                await self._balances()
        except VenueError as error:
            log.warning("QuestionFailed", market=self.market.name, error=type(error).__name__, message=str(error))

    def _questionable(self, now_ns: Nanos) -> list[Order]:
        orders = self.market.engine.market.orders
        for order in orders.live.values():
            if order.state in UNPROVED or order.state is OrderState.PENDING_CANCEL:
                self.doubts.setdefault(order.id, Doubt(now_ns))
        for order_id in [i for i in self.doubts if orders.get(i) is None]:
            del self.doubts[order_id]
        due = [o for i, doubt in self.doubts.items() if (o := orders.get(i)) and _is_due(o, doubt, now_ns)]
        return sorted(due, key=lambda order: self.doubts[order.id].asked_ns)

    async def _ask(self, order: Order) -> None:
        """Ask about one order; its fills first, so that the order is not closed before they are known."""
        market, now_ns = self.market, self.now_ns()
        doubt = self.doubts.setdefault(order.id, Doubt(now_ns))
        doubt.asked_ns = now_ns
        report = await market.gateway.order(market.instrument, order.id)
        if report.status is OrderStatus.ABSENT:
            doubt.absent += 1
            if doubt.proves_absence(now_ns):
                market.handle(report)
                self.doubts.pop(order.id, None)
            return
        if report.executed > order.filled:
            for fill in await market.gateway.fills(market.instrument, order.id, report.venue_order_id):
                market.handle(fill)
        market.handle(report)
        if order.state is OrderState.PENDING_CANCEL and report.status is OrderStatus.OPEN:
            await market.gateway.cancel(market.instrument, order.id)
            return
        self.doubts.pop(order.id, None)

    async def _sweep(self) -> None:
        """Compare the venue's open orders with ours: strays are cancelled, missing ones are asked about."""
        market, orders = self.market, self.market.engine.market.orders
        listed = await market.gateway.open_orders(market.instrument)
        self.swept_ns = self.now_ns()
        at_venue = {order.order_id: order.executed for order in listed if self.is_ours(order.order_id)}
        for order_id, executed in sorted(at_venue.items()):
            known = orders.get(order_id)
            if known is not None and executed > known.filled:
                self.doubt(order_id)  # a fill that the stream has not told
            if known is None or known.is_closed:  # what we hold for closed and the venue lists is in the market
                log.warning("StrayOrder", market=market.name, order_id=order_id, action="cancel")
                await market.gateway.cancel(market.instrument, order_id)
        for order in list(orders):
            if order.state in (OrderState.OPEN, OrderState.PARTIAL) and order.id not in at_venue:
                self.doubt(order.id)

    async def _balances(self) -> None:
        self.market.handle(await self.market.gateway.balances(self.market.instrument))
        self.balances_ns = self.now_ns()

    @property
    def may_have_orders(self) -> bool:
        """In this life, or in an earlier one that nobody has asked the venue about yet."""
        market = self.market
        if market.engine.market.orders.live:
            return True
        return not self.is_restored and bool(market.journal.orders_not_closed(market.ledger))

    async def cancel_all(self) -> bool:
        """Cancel what is in the market and look again; True when nothing of ours is left there. Raises VenueError.

        An order of unknown fate that the venue does not list stays in the journal: the next start asks about it.
        """
        if not self.is_restored:
            await self.restore()
        market = self.market
        listed = await market.gateway.open_orders(market.instrument)
        ours = [order.order_id for order in listed if self.is_ours(order.order_id)]
        for order_id in ours:
            await market.gateway.cancel(market.instrument, order_id)
        for order in list(market.engine.market.orders):
            await self._ask(order)
        return not ours and all(order.state in UNPROVED for order in market.engine.market.orders)


def _is_due(order: Order, doubt: Doubt, now_ns: Nanos) -> bool:
    if order.state is OrderState.PENDING_CANCEL and now_ns - doubt.since_ns < CANCEL_AGAIN_NS:
        return False
    return now_ns - doubt.asked_ns >= ASK_EVERY_NS
