"""Asking the venue about one order: its fills first, so that it is not closed before they are known."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from tradingbot_runtime.core.doubts import ABSENT_PROOFS, CANCEL_AGAIN_NS, Ages, Doubt, Doubts
from tradingbot_runtime.core.orders import PENDING, WORKING, Order, OrderState
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import Nanos, OrderId, OrderReported, OrderStatus, ProofOverdue
from tradingbot_runtime.venue_trades import VenueTrades

log = structlog.get_logger("orders")

NOT_IN_THE_MARKET = frozenset({OrderStatus.ABSENT, OrderStatus.BUILDING})


@dataclass(slots=True)
class OrderQuestions:
    market: LiveMarket
    now_ns: Callable[[], Nanos]
    doubts: Doubts
    ages: Ages
    trades: VenueTrades

    async def ask(self, order_id: OrderId) -> None:
        """Ask, and take in what the answer proves. Raises VenueError; the doubt stays then."""
        market, now_ns = self.market, self.now_ns()
        doubt = self.doubts.by_order.get(order_id) or self.doubts.raise_for(order_id, now_ns)
        doubt.asked(now_ns)
        report = await market.gateway.order(market.instrument, order_id)
        order = self._order(order_id)  # the stream may have told meanwhile
        if order is None or order.is_closed:
            self.doubts.settle(order_id)
        elif report.status in NOT_IN_THE_MARKET:
            await self._absent(order, doubt, report)
        else:
            doubt.absent = 0
            await self._found(order, doubt, report)

    def lose_overdue(self) -> None:
        """Give up on what could not be proved for too long: it counts in full, trading only reduces, people hear of it.

        The questions go on: what the venue says later is still taken in.
        """
        for order in list(self.market.engine.market.orders):
            doubt = self.doubts.by_order.get(order.id)
            if order.state is OrderState.UNKNOWN and doubt is not None and doubt.is_overdue(self.now_ns()):
                self.market.handle(ProofOverdue(time_ns=self.now_ns(), order_id=order.id))
                self._tell_lost(order)

    async def resolve(self, order_id: OrderId) -> OrderState | None:
        """Asked at a start, for a person, about a LOST order: the state that the venue leads to. Raises VenueError.

        An order that had been there and that the venue no longer knows is over when it is neither listed as open nor
        has trades that we do not have: that is the venue's word as well, and nothing less ends it.
        """
        market = self.market
        await self.trades.read()
        listed = {order.order_id for order in await market.gateway.open_orders(market.instrument)}
        for _ in range(ABSENT_PROOFS):
            report = await market.gateway.order(market.instrument, order_id)
            if report.status not in NOT_IN_THE_MARKET:
                await self.ask(order_id)
                break
        else:
            order = self._order(order_id)
            if order is not None and order.state is OrderState.LOST and order_id not in listed:
                over = OrderReported(time_ns=self.now_ns(), order_id=order_id, status=OrderStatus.CANCELED,
                                     executed=order.filled, venue_time_ns=order.venue_time_ns)  # fmt: skip
                market.handle(over)
        after = self._order(order_id)
        return after.state if after is not None else None

    async def _absent(self, order: Order, doubt: Doubt, report: OrderReported) -> None:
        if self.ages.is_protected(order.id, self.now_ns()):
            return  # too young to be missed
        doubt.absent += 1
        if not doubt.proves_absence(self.now_ns()):
            return
        await self.trades.read()  # not found by its id, but perhaps by what it traded
        after = self._order(order.id)
        if after is None or after.is_closed or after.filled > order.filled:
            doubt.absent = 0
            return
        self.market.handle(replace(report, status=OrderStatus.ABSENT))
        doubt.absent = 0
        self._look_at(after)

    async def _found(self, order: Order, doubt: Doubt, report: OrderReported) -> None:
        market = self.market
        if report.executed > order.filled:
            for fill in await market.gateway.fills(market.instrument, order.id, report.venue_order_id):
                market.handle(fill)
        market.handle(report)
        after = self._order(order.id)
        if after is not None and after.state in PENDING and report.status is OrderStatus.OPEN:
            doubt.not_before_ns = Nanos(self.now_ns() + CANCEL_AGAIN_NS)
            await market.withdraw(order.id, "StillOpen", self.now_ns, self._name(after))
            return
        self._look_at(order)

    def _look_at(self, before: Order) -> None:
        """Settle the doubt when nothing is doubtful any more."""
        after = self._order(before.id)
        if after is None or after.is_closed or (after.state in WORKING):
            self.doubts.settle(before.id)
        elif after.state is OrderState.LOST and before.state is not OrderState.LOST:
            self._tell_lost(after)

    def _tell_lost(self, order: Order) -> None:
        log.error("OrderLost", market=self.market.name, order_id=order.id, venue_order_id=order.venue_order_id,
                  lots=order.leaves_quantity)  # fmt: skip

    def _name(self, order: Order) -> str:
        """The venue's id where the venue knows no other."""
        return order.venue_order_id if self.market.gateway.exclusive else ""

    def _order(self, order_id: OrderId) -> Order | None:
        return self.market.engine.market.orders.get(order_id)
