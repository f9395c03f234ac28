"""The life of a market tick, top to bottom.

    feed -> book -> strategy -> plan -> risk -> orders -> gateway

`Engine.handle` is a function of its state and one event. It does no I/O, reads no clock and draws no random number,
so live trading, paper and a backtest run this very file; the shells bring the events and carry out the commands.
"""

from dataclasses import dataclass, field

from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.market import Market
from tradingbot_runtime.core.order_ids import OrderIds
from tradingbot_runtime.core.quoting import Plan, Quote, plan
from tradingbot_runtime.core.risk import Approved, Decision, Situation, review
from tradingbot_runtime.model import (
    AnyCommand,
    AnyEvent,
    Cancel,
    CancelRejected,
    OrderRejected,
    Place,
    TradingState,
)

REFUSALS = (OrderRejected, CancelRejected)
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
        if terms.leave_on_stop and market.state in ON_COMMAND:
            return []
        now = market.situation(event.time_ns, self.budget.for_orders(event.time_ns))

        fresh = now.feed_age_ns <= terms.limits.stale_after_ns
        quoting = fresh and now.state in QUOTING
        self.quotes = tuple(terms.strategy.quotes(market.view)) if quoting else ()

        changes = plan(self.quotes, market.orders, terms.tolerance)
        commands = self._within_budget(changes, now)
        self.decision = review(commands, now, terms.limits)
        for approved in self.decision.approved:
            self._record(approved.command, now)
        return self.decision.approved

    def _within_budget(self, changes: Plan, now: Situation) -> list[AnyCommand]:
        """As many changes as there is room for, what matters most first; withdrawing everything always passes."""
        withdraw = not self.quotes and not self.budget.is_blocked(now.now_ns)
        room = len(changes.cancel) if withdraw else self.budget.available(now.now_ns)
        cancels = [Cancel(order_id=order_id) for order_id in changes.cancel[:room]]
        left = max(min(now.order_tokens, room - len(cancels)), 0)
        places = [
            Place(order_id=self.ids.ahead(i), side=quote.side, price=quote.price, quantity=quote.quantity)
            for i, quote in enumerate(changes.place[:left])
        ]
        return [*cancels, *places]

    def _record(self, command: AnyCommand, now: Situation) -> None:
        """Remember what is about to be sent, before it is sent."""
        self.budget.take(now.now_ns)
        if isinstance(command, Cancel):
            self.market.orders.cancel_sent(command.order_id)
        else:
            self.ids.use(command.order_id)
            self.market.orders.place(command)
