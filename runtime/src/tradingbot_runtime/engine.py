"""The life of a market tick, top to bottom.

    feed -> book -> strategy -> plan -> risk -> orders -> gateway

`Engine.handle` is a function of its state and one event. It does no I/O, reads no clock and draws no random number,
so live trading, paper and a backtest run this very file; the shells bring the events and carry out the commands.
"""

from dataclasses import dataclass, field
from functools import partial

from msgspec.structs import replace

from tradingbot_runtime.core.affordable import affordable, fitted
from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.market import Market
from tradingbot_runtime.core.order_ids import OrderIds
from tradingbot_runtime.core.planner import Room, commands, compare, schedule, withdrawing
from tradingbot_runtime.core.quoting import Quote, Tolerance, reducing
from tradingbot_runtime.core.risk import Approved, Decision, Situation, review
from tradingbot_runtime.model import (
    AnyCommand,
    AnyEvent,
    CancelAll,
    CancelRejected,
    Nanos,
    OrderDenied,
    OrderRejected,
    Place,
    Replace,
    TradingState,
)

REFUSALS = (OrderRejected, OrderDenied, CancelRejected)
ON_COMMAND = frozenset({TradingState.STOPPED, TradingState.DRAINED})
QUOTING = frozenset({TradingState.ACTIVE, TradingState.REDUCING})


@dataclass(slots=True)
class Engine:
    """One market's decisions."""

    market: Market
    ids: OrderIds  # the slot's
    budget: Budget  # the account's: shared by the slot's markets at this venue
    quotes: tuple[Quote, ...] = ()  # wanted at the latest event
    decision: Decision = field(default_factory=Decision)  # the latest, for the journal, metrics and logs

    def handle(self, event: AnyEvent) -> list[Approved]:
        """Take in one event; return what to send to the gateway, in this order."""
        market, terms = self.market, self.market.terms
        market.apply(event)
        self.decision = Decision()
        if isinstance(event, REFUSALS):
            return []  # to try again at once could be refused for ever: wait for a tick
        if market.locked or (terms.leave_on_stop and market.state in ON_COMMAND):
            return []  # a locked venue would refuse cancels as well, for ever: what rests is withdrawn when it is back
        now = market.situation(event.time_ns, self._orders_left(event.time_ns) // terms.capabilities.calls_per_place)

        self.quotes, tolerance = self._wanted(now)
        changes = compare(self.quotes, market.placed, tolerance, (now.mid_2, now.mid_unit), market.held(now.now_ns))
        if market.suspects:
            changes = withdrawing(changes, market.misfits(now))
        if not changes.stale and not changes.missing:
            return []  # most ticks change nothing
        planned = commands(
            schedule(changes, terms.capabilities, self._room(now)), partial(self.ids.ahead, leg=terms.leg)
        )
        if market.takes:
            planned = [replace(c, post_only=False) if isinstance(c, Place) else c for c in planned]
        self.decision = review(planned, now, terms.limits)
        for approved in self.decision.approved:
            self._record(approved.command, now)
        if self.decision.approved:
            market.performance.placed((a.command for a in self.decision.approved), self.quotes)
        return self.decision.approved

    def _wanted(self, now: Situation) -> tuple[tuple[Quote, ...], Tolerance]:
        """Nothing without fresh data; a halted market at most closes its position, a reducing one reduces it."""
        market, terms = self.market, self.market.terms
        if now.feed_age_ns > terms.limits.stale_after_ns:
            return (), terms.tolerance
        if market.flattening is not None:
            return market.flattening.quotes(now, market.orders, terms.limits), terms.tolerance
        if terms.hedge is not None:
            return market.hedges(now.now_ns) if now.state in QUOTING else (), terms.tolerance
        quotes = market.room.fit(terms.strategy.quotes(market.view), now.now_ns) if now.state in QUOTING else ()
        if now.state is TradingState.REDUCING or now.only_reducing:
            return affordable(reducing(quotes, now.position), now, terms.limits), terms.tolerance.in_price
        return fitted(quotes, now, terms.limits), terms.tolerance

    def _room(self, now: Situation) -> Room:
        """Withdrawing everything always passes, unless the venue itself said to wait."""
        if not self.quotes and not self.budget.is_blocked(now.now_ns):
            return Room(messages=len(self.market.orders.live), orders=0)
        return Room(self.budget.available(now.now_ns), self._orders_left(now.now_ns))

    def _orders_left(self, now_ns: Nanos) -> int:
        return (self.budget.for_hedges if self.market.terms.hedge else self.budget.for_orders)(now_ns)

    def _record(self, command: AnyCommand, now: Situation) -> None:
        """Remember what is about to be sent, before it is sent."""
        orders, meters = self.market.orders, self.market.meters
        if isinstance(command, Place):
            calls = self.market.terms.capabilities.calls_per_place
            self.budget.take(now.now_ns, calls)
            self.ids.use(command.order_id)
            orders.place(command)
            meters.sent(now.now_ns, messages=calls, cancels=0, orders=1)
            return
        self.budget.take(now.now_ns)
        if isinstance(command, Replace):
            self.ids.use(command.order_id)
            orders.replace(command)
            meters.sent(now.now_ns, messages=1, cancels=1, orders=1)
            return
        leaving = command.order_ids if isinstance(command, CancelAll) else (command.order_id,)
        for order_id in leaving:
            orders.cancel_sent(order_id)
        meters.sent(now.now_ns, messages=1, cancels=len(leaving), orders=0)
