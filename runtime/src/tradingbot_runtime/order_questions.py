"""Asking the venue about one order: its fills first, so that it is not closed before they are known."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from tradingbot_runtime.core.doubts import CANCEL_AGAIN_NS, Ages, Doubt, Doubts
from tradingbot_runtime.core.orders import PENDING, WORKING, Order, OrderState
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import Nanos, OrderGivenUp, OrderId, OrderReported, OrderStatus, ProofOverdue
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
    lost_before: set[OrderId] | None = None  # in an earlier life; None: nobody has looked

    def begin(self, journalled: Iterable[Order]) -> None:
        """As this process finds them. A start that is tried again finds what it has lost itself."""
        if self.lost_before is None:
            self.lost_before = {order.id for order in journalled if order.state is OrderState.LOST}

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
            self._is_news(order.id)
            return
        self.market.handle(replace(report, status=OrderStatus.ABSENT))
        doubt.absent = 0
        await self._give_up(order.id)
        self._look_at(after)

    def _is_news(self, order_id: OrderId) -> None:
        """It was there, or traded: what an earlier life had found, or had not, proves nothing from now on."""
        (self.lost_before or set()).discard(order_id)

    async def _give_up(self, order_id: OrderId) -> None:
        """A LOST order, if an earlier life had lost it, too, and the venue does not list it as open. Raises VenueError.

        All that there is to ask has been asked, in two lives, and in this one again and again over a time.
        """
        market, order = self.market, self._order(order_id)
        if order is None or order.state is not OrderState.LOST or order_id not in (self.lost_before or ()):
            return
        if order_id not in {listed.order_id for listed in await market.gateway.open_orders(market.instrument)}:
            log.warning("OrderGivenUp", market=market.name, order_id=order_id, venue_order_id=order.venue_order_id)
            market.handle(OrderGivenUp(time_ns=self.now_ns(), order_id=order_id))

    async def _found(self, order: Order, doubt: Doubt, report: OrderReported) -> None:
        market = self.market
        self._is_news(order.id)
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
