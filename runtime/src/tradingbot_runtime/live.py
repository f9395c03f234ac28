"""The live shell of one market: event -> engine -> journal -> gateway, in this order and in one step.

Nothing here awaits: an event is handled to its end before the next one, and what is to be sent is committed before
it leaves.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from time import perf_counter_ns
from typing import NamedTuple

import structlog

from tradingbot_runtime.core.breaches import Breach
from tradingbot_runtime.core.doubts import Ages
from tradingbot_runtime.core.orders import PENDING, WORKING, Anomaly, Order
from tradingbot_runtime.core.risk import Approved, Decision
from tradingbot_runtime.decision_details import DecisionDetails
from tradingbot_runtime.decisions import DecisionsKept, decided
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.errors import JournalError, VenueRefused
from tradingbot_runtime.inputs.recorder import Recorder
from tradingbot_runtime.journal import CancelSent, Decided, Journal
from tradingbot_runtime.logs import in_detail
from tradingbot_runtime.metric_families import Histogram
from tradingbot_runtime.model import (
    ASSET_EXPONENT,
    TOO_MANY_OPEN,
    AnyEvent,
    CancelRejected,
    CrossTicked,
    FeedLost,
    HedgeReported,
    Instrument,
    Nanos,
    OrderDenied,
    OrderFilled,
    OrderId,
    OrderRejected,
    OthersExposed,
    Place,
    QuotedMoved,
    ReferenceTicked,
    Replace,
    Restored,
    StateChanged,
    TimePassed,
    TradingState,
    VenueTicked,
)
from tradingbot_runtime.orders_counted import DUPLICATE_FILL, OrdersCounted, count
from tradingbot_runtime.venues.protocols import Gateway

log = structlog.get_logger("market")

# Not journalled by themselves: there are too many, and a decision carries the book that it was made on.
PASSING = (ReferenceTicked, VenueTicked, CrossTicked, TimePassed, FeedLost, OthersExposed, QuotedMoved, HedgeReported)
CANCELABLE = WORKING | PENDING
PAPER = "paper"  # the account of orders that never leave the process


@dataclass(slots=True)
class MarketHealth:
    """Counters; metrics read them when scraped."""

    orders: OrdersCounted = field(default_factory=OrdersCounted)
    fills: dict[str, int] = field(default_factory=dict)  # side -> count
    volume: dict[str, int] = field(default_factory=dict)  # side -> worth of those fills, in money units
    refused: dict[str, int] = field(default_factory=dict)  # risk reason -> count
    anomalies: dict[str, int] = field(default_factory=dict)
    uncounted_fees: set[str] = field(default_factory=set)  # assets, as they were told
    tick_to_order: Histogram = field(default_factory=Histogram)


class Outcome(NamedTuple):
    """What one event led to."""

    decision: Decision
    anomaly: Anomaly | None
    breach: Breach | None
    live_before: int  # orders
    sent: Sequence[Approved]


def _nobody(_: str) -> None:
    """No other market counts with this one."""


def _alone() -> None:
    """No other market hedges this one, or is hedged by it."""


@dataclass(slots=True)
class LiveMarket:
    name: str
    instrument: Instrument
    engine: Engine
    journal: Journal
    gateway: Gateway
    account: str  # names the account in the journal's fill keys
    on_change: Callable[[], None]  # something that the operator should hear of
    on_breach: Callable[[str, Breach], None]  # a limit is broken, trading has stopped
    on_doubt: Callable[[str, OrderId], None]  # (market, order): ask the venue about it
    is_fenced: Callable[[], bool]  # the slot's Lease has run out, by the clock: true even if the loop was blocked
    made_ns: Nanos = Nanos(0)
    on_exposure: Callable[[str], None] = _nobody  # what this market could come to hold has changed
    on_handled: Callable[[], None] = _alone  # an event was handled to its end
    health: MarketHealth = field(default_factory=MarketHealth)
    ages: Ages = field(default_factory=Ages)
    decisions: DecisionsKept = field(default_factory=DecisionsKept)
    details: DecisionDetails = field(default_factory=DecisionDetails)
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
            self.health.orders.said(DUPLICATE_FILL)
            return
        before, was = len(self.engine.market.orders.live), self._order_of(event)
        self.inputs.handled(self.name, event, self.engine.budget)
        approved = self.engine.handle(event)
        if approved:
            self.inputs.sent((a.command for a in approved), self.engine.budget)
        keeps = self.decisions.keeps(self.engine, event.time_ns)
        self.health.orders.became(was, self._order_of(event))
        if keeps or not isinstance(event, PASSING):
            try:
                self._keep(event, decision=keeps)
            except JournalError:
                self._deny(approved, event.time_ns)
                raise
            if self.journal.is_abandoned:  # somebody else met its failure, and the end has not begun yet
                approved = self._deny(approved, event.time_ns)
        # A send that fails at once is handled inside `send`, and decides anew: what this event led to is kept apart.
        outcome = Outcome(self.engine.decision, self.engine.market.anomaly, self.engine.market.breach, before, approved)
        for command in approved:
            if isinstance(command.command, Place | Replace):
                self.ages.sent(command.command.order_id, event.time_ns)
            self.gateway.send(self.instrument, command)
        if approved and isinstance(event, ReferenceTicked):
            self.health.tick_to_order.observe(perf_counter_ns() - started)
        self._tell(event, outcome)
        self.on_handled()

    def _deny(self, approved: Sequence[Approved], now_ns: Nanos) -> list[Approved]:
        """What could not be journalled is not sent: the end of the process has no venue to prove that absent.

        The cancels are left, which wait for no journal.
        """
        for command in approved:
            if isinstance(command.command, Place | Replace):
                denied = OrderDenied(time_ns=now_ns, order_id=command.command.order_id, reason="NotJournalled")
                was = self._order_of(denied)
                self.take(denied)
                self.health.orders.became(was, self._order_of(denied))
        return [command for command in approved if not isinstance(command.command, Place | Replace)]

    def take(self, event: AnyEvent) -> None:
        """Take in one event without deciding on anything."""
        self.inputs.applied(self.name, event)
        self.engine.market.apply(event)

    async def withdraw(
        self, order_id: OrderId, why: str, now_ns: Callable[[], Nanos], venue_order_id: str = ""
    ) -> None:
        """Cancel an order that no quote decides on any more. Raises VenueError; the market hears of a refusal, too."""
        with suppress(JournalError):  # no cancel waits for a journal; its `check` ends the process
            self.journal.write(self.ledger, [CancelSent(time_ns=now_ns(), order_id=order_id, why=why)], [])
        try:
            await self.gateway.cancel(self.instrument, order_id, venue_order_id)
        except VenueRefused as error:
            order = self.engine.market.orders.get(order_id)
            if order is not None and order.state in CANCELABLE:
                self.handle(CancelRejected(time_ns=now_ns(), order_id=order_id, gone=False, reason=str(error.code),
                                           message=error.message))  # fmt: skip
            raise

    def _first_time(self, fill: OrderFilled) -> bool:
        if self.engine.market.orders.get(fill.order_id) is None:
            self._recall(fill)
        return self.journal.keep_fill(self.ledger, self.account, self.instrument, fill)

    def _recall(self, fill: OrderFilled) -> None:
        """A late fill of an order that is no longer in memory: bring the order back, so that it is accounted for."""
        order = self.journal.order(fill.order_id)
        if order is not None:
            self.take(restored(order, fill.time_ns))

    def _keep(self, event: AnyEvent, *, decision: bool) -> None:
        engine = self.engine
        records: list[AnyEvent | Decided] = [] if isinstance(event, PASSING) else [event]
        touched: dict[OrderId, Order] = {}
        if decision:
            records.append(decided(engine, event))
        changed = [order_id for approved in engine.decision.approved for order_id in approved.command.touches]
        for order_id in (*changed, getattr(event, "order_id", "")):
            order = engine.market.orders.get(OrderId(order_id)) if order_id else None
            if order is not None:
                touched[order.id] = order
        self.journal.write(self.ledger, records, touched.values())

    def _tell(self, event: AnyEvent, outcome: "Outcome") -> None:
        health = self.health
        for refused in outcome.decision.refused:
            count(health.refused, refused.reason)
        health.orders.commanded(approved.command for approved in outcome.sent)
        if outcome.anomaly is not None:
            count(health.anomalies, outcome.anomaly.reason)
            log.warning("Anomaly", market=self.name, order_id=outcome.anomaly.order_id, reason=outcome.anomaly.reason,
                        message=outcome.anomaly.message)  # fmt: skip
            self.on_doubt(self.name, outcome.anomaly.order_id)
        if outcome.breach:
            self.on_breach(self.name, outcome.breach)
        if not isinstance(event, PASSING):
            self._count(event)
            self._follow(event)
        if outcome.decision.approved or not isinstance(event, PASSING):
            self.on_exposure(self.name)
        if in_detail():
            self.details.tell(self.name, self.instrument, event, outcome.decision)
        if (outcome.live_before == 0) != (len(self.engine.market.orders.live) == 0):
            self.on_change()

    def _order_of(self, event: AnyEvent) -> Order | None:
        """What it is about, where it is about one order."""
        if isinstance(event, PASSING):
            return None
        return self.engine.market.orders.get(getattr(event, "order_id", OrderId("")))

    def _follow(self, event: AnyEvent) -> None:
        """What an order's report means beyond the order itself."""
        if isinstance(event, OrderRejected) and event.reason == TOO_MANY_OPEN:
            log.warning("FewerQuotes", market=self.name, orders=self.engine.market.room.most, message=event.message)
        order = self._order_of(event)
        if order is None:
            return
        if order.is_closed:
            self.ages.ended(order.id)
        elif order.seen:
            self.ages.acknowledged(order.id, event.time_ns)
        if isinstance(event, CancelRejected) and event.gone:
            self.on_doubt(self.name, order.id)  # most often it has just filled

    def _count(self, event: AnyEvent) -> None:
        if isinstance(event, OrderFilled):
            self._tell_uncounted_fee(event)
            count(self.health.fills, event.side)
            count(self.health.volume, event.side, event.quantity * event.price * self.instrument.tick_lot)
            log.info("Filled", market=self.name, order_id=event.order_id, side=event.side,
                     price=self.instrument.price_text(event.price), trade_id=event.trade_id,
                     quantity=self.instrument.quantity_text(event.quantity),
                     position=self.instrument.quantity_text(self.engine.market.position.lots))  # fmt: skip
        elif hasattr(event, "order_id"):
            self.health.orders.said(type(event).__name__)

    def _tell_uncounted_fee(self, fill: OrderFilled) -> None:
        """Once for each asset: what is paid in a third one has no price here."""
        asset, told = fill.fee_asset, self.health.uncounted_fees
        if not fill.fee or asset in (self.instrument.base, self.instrument.quote, *told):
            return
        told.add(asset)
        fee = f"{Decimal(fill.fee).scaleb(ASSET_EXPONENT):f}"
        log.warning("FeeNotCounted", market=self.name, order_id=fill.order_id, asset=asset, fee=fee,
                    message=f"fees in {asset} count in no profit and in no limit: there is no price for them here. "
                    "Their sum is in /state and `inspect`; maxDailyLoss is to leave room for them")  # fmt: skip


def ledger_of(market: str, account: str) -> str:
    """Paper trades of a market never count for the real position: a bot may change its mode and keep its journal."""
    return f"{market}/{PAPER}" if account == PAPER else market


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
        replaces=order.replaces,
        seen=order.seen,
        venue_time_ns=order.venue_time_ns,
    )
