"""The live shell of one market: event -> engine -> journal -> gateway, in this order and in one step.

Nothing here awaits: an event is handled to its end before the next one, and what is to be sent is committed before
it leaves.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter_ns

import structlog

from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.core.risk import Decision
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.inputs.recorder import Recorder
from tradingbot_runtime.journal import Decided, Journal, WantedQuote
from tradingbot_runtime.model import (
    AnyEvent,
    Cancel,
    FeedLost,
    Instrument,
    OrderFilled,
    OrderId,
    ReferenceTicked,
    Restored,
    StateChanged,
    TimePassed,
    TradingState,
    VenueTicked,
)
from tradingbot_runtime.telemetry.metrics import Histogram
from tradingbot_runtime.venues.protocols import Gateway

log = structlog.get_logger("market")

# Not journalled by themselves: there are too many, and a decision carries the book that it was made on.
PASSING = (ReferenceTicked, VenueTicked, TimePassed, FeedLost)
PAPER = "paper"  # the account of orders that never leave the process


@dataclass(slots=True)
class MarketHealth:
    """Counters; metrics read them when scraped."""

    orders: dict[str, int] = field(default_factory=dict)  # outcome -> count
    fills: dict[str, int] = field(default_factory=dict)  # side -> count
    refused: dict[str, int] = field(default_factory=dict)  # risk reason -> count
    anomalies: dict[str, int] = field(default_factory=dict)
    duplicate_fills: int = 0
    tick_to_order: Histogram = field(default_factory=Histogram)


def count(counters: dict[str, int], key: str) -> None:
    counters[key] = counters.get(key, 0) + 1


@dataclass(slots=True)
class LiveMarket:
    name: str
    instrument: Instrument
    engine: Engine
    journal: Journal
    gateway: Gateway
    account: str  # names the account in the journal's fill keys
    on_change: Callable[[], None]  # something that the operator should hear of
    on_breach: Callable[[str, str], None]  # (market, reason): a limit is broken, trading has stopped
    on_doubt: Callable[[str, OrderId], None]  # (market, order): ask the venue about it
    is_fenced: Callable[[], bool]  # the slot's Lease has run out, by the clock: true even if the loop was blocked
    health: MarketHealth = field(default_factory=MarketHealth)
    inputs: Recorder = field(default_factory=Recorder)  # the slot's: all that enters the engine passes through it

    @property
    def ledger(self) -> str:
        """What this market's rows in the journal are filed under."""
        return ledger_of(self.name, self.account)

    def handle(self, event: AnyEvent) -> None:
        """Take in one event and carry out what follows from it."""
        started = perf_counter_ns()
        if self.is_fenced() and self.engine.market.state is not TradingState.FENCED:
            self.take(StateChanged(time_ns=event.time_ns, state=TradingState.FENCED, reason="LeaseNotHeld"))
        if isinstance(event, OrderFilled) and not self._first_time(event):
            self.health.duplicate_fills += 1
            return
        before = len(self.engine.market.orders.live)
        self.inputs.handled(self.name, event, self.engine.budget)
        approved = self.engine.handle(event)
        if approved:
            self.inputs.sent((a.command for a in approved), self.engine.budget)
        if approved or not isinstance(event, PASSING):
            self._keep(event)
        decision = self.engine.decision  # a send that fails at once is handled inside `send`, and decides anew
        for command in approved:
            self.gateway.send(self.instrument, command)
        if approved and isinstance(event, ReferenceTicked):
            self.health.tick_to_order.observe(perf_counter_ns() - started)
        self._tell(event, decision, before)

    def take(self, event: AnyEvent) -> None:
        """Take in one event without deciding on anything."""
        self.inputs.applied(self.name, event)
        self.engine.market.apply(event)

    def _first_time(self, fill: OrderFilled) -> bool:
        if self.engine.market.orders.get(fill.order_id) is None:
            self._recall(fill)
        return self.journal.keep_fill(self.ledger, self.account, self.instrument, fill)

    def _recall(self, fill: OrderFilled) -> None:
        """A late fill of an order that is no longer in memory: bring the order back, so that it is accounted for."""
        order = self.journal.order(fill.order_id)
        if order is not None:
            self.take(restored(order, fill.time_ns))

    def _keep(self, event: AnyEvent) -> None:
        engine = self.engine
        records: list[AnyEvent | Decided] = [] if isinstance(event, PASSING) else [event]
        touched: dict[OrderId, Order] = {}
        if engine.decision.approved:
            records.append(decided(engine, event))
        for order_id in (*(a.command.order_id for a in engine.decision.approved), getattr(event, "order_id", "")):
            order = engine.market.orders.get(OrderId(order_id)) if order_id else None
            if order is not None:
                touched[order.id] = order
        self.journal.write(self.ledger, records, touched.values())

    def _tell(self, event: AnyEvent, decision: Decision, live_before: int) -> None:
        market, health = self.engine.market, self.health
        for refused in decision.refused:
            count(health.refused, refused.reason)
        for approved in decision.approved:
            count(health.orders, "CancelSent" if isinstance(approved.command, Cancel) else "PlaceSent")
        if market.anomaly is not None:
            count(health.anomalies, market.anomaly.reason)
            log.warning("Anomaly", market=self.name, order_id=market.anomaly.order_id, reason=market.anomaly.reason,
                        message=market.anomaly.message)  # fmt: skip
            self.on_doubt(self.name, market.anomaly.order_id)
        if market.breach:
            self.on_breach(self.name, market.breach)
        if not isinstance(event, PASSING):
            self._count(event)
        if (live_before == 0) != (len(market.orders.live) == 0):
            self.on_change()

    def _count(self, event: AnyEvent) -> None:
        if isinstance(event, OrderFilled):
            count(self.health.fills, event.side)
            log.info("Filled", market=self.name, order_id=event.order_id, side=event.side,
                     price=self.instrument.price_text(event.price), trade_id=event.trade_id,
                     quantity=self.instrument.quantity_text(event.quantity),
                     position=self.instrument.quantity_text(self.engine.market.position.lots))  # fmt: skip
        elif hasattr(event, "order_id"):
            count(self.health.orders, type(event).__name__)


def ledger_of(market: str, account: str) -> str:
    """Paper trades of a market never count for the real position: a bot may change its mode and keep its journal."""
    return f"{market}/{PAPER}" if account == PAPER else market


def decided(engine: Engine, event: AnyEvent) -> Decided:
    """The decision just made, with all that went into it."""
    market = engine.market
    return Decided(
        time_ns=event.time_ns,
        update_id=market.reference.update_id,
        reference_bid=market.reference.bid,
        reference_ask=market.reference.ask,
        venue_bid=market.venue.bid,
        venue_ask=market.venue.ask,
        base=market.account.base_lots,
        quote=market.account.quote,
        quotes=tuple(WantedQuote(q.side, q.price, q.quantity) for q in engine.quotes),
        commands=tuple(a.command for a in engine.decision.approved),
    )


def restored(order: Order, time_ns: int) -> Restored:
    """The event that brings `order` back as it was."""
    return Restored(
        time_ns=time_ns,  # type: ignore[arg-type]  # from an event: nanoseconds already
        order_id=order.id,
        side=order.side,
        price=order.price,
        quantity=order.quantity,
        executed=order.filled,
        venue_order_id=order.venue_order_id,
        state=order.state,
    )
