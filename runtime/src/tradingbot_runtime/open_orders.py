"""The venue's list of open orders against ours: strays, orders that are missing, and orders of others."""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from msgspec.structs import replace

from tradingbot_runtime.config.risk import ForeignOrders, OwnUnknown, Risk
from tradingbot_runtime.core.doubts import Ages, Doubts
from tradingbot_runtime.core.orders import WORKING
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import ForeignOrdersSeen, Lots, Money, Nanos, OrderId, Restored, Side

log = structlog.get_logger("orders")

NAMED_MOST = 3  # orders of others, in a message: enough to find them on the venue's own page


@dataclass(slots=True)
class OpenOrders:
    market: LiveMarket
    now_ns: Callable[[], Nanos]
    is_ours: Callable[[OrderId], bool]
    policy: Callable[[], Risk]
    doubts: Doubts
    ages: Ages
    foreign: list[Restored] = field(default_factory=list)  # at the latest sweep
    counted: ForeignOrdersSeen | None = None

    async def sweep(self) -> None:
        """Compare. Raises VenueError: a failed question is never an empty answer."""
        market, orders = self.market, self.market.engine.market.orders
        asked_ns = self.now_ns()
        listed = await market.gateway.open_orders(market.instrument)
        own = [order for order in listed if self.is_own(order)]
        self.foreign = [order for order in listed if not self.is_own(order)]
        at_venue = {order.order_id for order in own}
        for known in list(orders):
            # One that was sent a moment ago may be missing because the list is older than it.
            if known.state in WORKING and known.id not in at_venue and not self.ages.is_protected(known.id, asked_ns):
                self.doubts.raise_for(known.id, self.now_ns())
        self._count_foreign()
        for order in own:  # last: its cancels may fail, and what the list has shown counts all the same
            await self._compare(order)

    def is_own(self, order: Restored) -> bool:
        return self.market.gateway.exclusive or self.is_ours(order.order_id)

    async def _compare(self, listed: Restored) -> None:
        known = self.market.engine.market.orders.get(listed.order_id) if listed.order_id else None
        if known is None:
            await self._take_in(listed)
        elif known.is_closed and listed.venue_time_ns < known.venue_time_ns:
            pass  # the list is older than the end
        elif known.is_closed:  # what we hold for closed and the venue lists is in the market
            log.warning("ClosedOrderIsOpen", market=self.market.name, order_id=known.id, state=known.state)
            self.doubts.raise_for(known.id, self.now_ns())
            await self.market.withdraw(known.id, "ClosedOrderIsOpen", self.now_ns)
        elif listed.executed > known.filled:
            self.doubts.raise_for(known.id, self.now_ns())  # a fill that the stream has not told

    async def _take_in(self, stray: Restored) -> None:
        """An order of ours that we do not know: from here on it is known, counted and journalled, whatever the policy.

        Its fills come one by one, by trade id; it is asked about, so that they do.
        """
        market, policy = self.market, self.policy().own_unknown
        order_id = stray.order_id or market.engine.ids.ahead(0)  # no client ids: the venue's id gets one of ours
        if not stray.order_id:
            market.engine.ids.use(order_id)
        kept = market.journal.order(order_id)
        log.warning("StrayOrder", market=market.name, order_id=order_id, venue_order_id=stray.venue_order_id,
                    in_journal=kept is not None, action=policy)  # fmt: skip
        market.gateway.remember(order_id, stray.venue_order_id)
        filled = kept.filled if kept is not None else Lots(0)
        market.handle(replace(stray, order_id=order_id, executed=filled, time_ns=self.now_ns(), seen=True))
        self.doubts.raise_for(order_id, self.now_ns())
        if policy is OwnUnknown.CANCEL:
            await market.withdraw(order_id, "StrayOrder", self.now_ns)

    def _count_foreign(self) -> None:
        """Tell the market what others' orders could fill, when that has changed."""
        found = self.foreign if self.policy().foreign_orders is ForeignOrders.COUNT else []
        tick_lot = self.market.instrument.tick_lot
        left = [(order, order.quantity - order.executed) for order in found]
        seen = ForeignOrdersSeen(
            time_ns=self.now_ns(),
            orders=len(left),
            buying=Lots(sum(lots for order, lots in left if order.side is Side.BUY)),
            selling=Lots(sum(lots for order, lots in left if order.side is Side.SELL)),
            buying_cost=Money(sum(lots * order.price * tick_lot for order, lots in left if order.side is Side.BUY)),
        )
        before = self.counted
        if before is None and not left:
            return
        if before is None or replace(before, time_ns=seen.time_ns) != seen:
            log.warning("ForeignOrders", market=self.market.name, orders=seen.orders)
            self.counted = seen
            self.market.handle(seen)

    @property
    def objection(self) -> str:
        """Why others' orders are a loss of account truth; empty: they are not."""
        if not self.foreign or self.policy().foreign_orders is not ForeignOrders.HALT:
            return ""
        named = sorted(order.venue_order_id for order in self.foreign)
        more = ", ..." if len(named) > NAMED_MOST else ""
        orders = "order" if len(named) == 1 else "orders"
        return f"{len(named)} open {orders} of others ({', '.join(named[:NAMED_MOST])}{more})"
