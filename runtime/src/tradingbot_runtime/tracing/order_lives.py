"""From what the journal has committed to spans: one trace for each order, from its intent to its end.

The root is the order's life; below it each state that it was in is a span, named as in order-states.md, and all that
was sent and told of it is an event, named as the journal's records are. Not for the tick path: see `order_tracing`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, Status, StatusCode, Tracer, set_span_in_context

from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.model import MARKET_MOVED, Instrument, Lots, OrderId
from tradingbot_runtime.tracing.exporting import TraceIds
from tradingbot_runtime.tracing.order_steps import Step, Written, steps_of

MOST_OPEN = 2_000
REFUSED = frozenset({OrderState.REJECTED, OrderState.DENIED})


def trace_id_of(order_id: OrderId) -> int:
    """The same after a restart, and as good as random: samplers go by its bits, and those of an order's id count up."""
    return int.from_bytes(hashlib.sha256(order_id.encode()).digest()[:16], "big")


@dataclass(slots=True)
class Life:
    root: Span
    order: Order
    phase: Span | None = None  # None: it has been over since we have known it
    reason: str = ""


class OrderLives:
    """An order that does not end is not kept for ever: beyond `most` the oldest ends here, as it was seen last."""

    def __init__(self, tracer: Tracer, ids: TraceIds, most: int = MOST_OPEN) -> None:
        self._tracer, self._ids, self._most = tracer, ids, most
        self._lives: dict[OrderId, Life] = {}
        self._ended: dict[OrderId, Lots] = {}  # the latest; with what they had filled
        self._instruments: dict[str, Instrument] = {}  # by the journal's name of a market
        self._now_ns = 0

    def __len__(self) -> int:
        return len(self._lives)

    def market(self, ledger: str, instrument: Instrument) -> None:
        self._instruments[ledger] = instrument

    def take(self, written: Written) -> None:
        """One transaction of the journal."""
        steps: dict[OrderId, list[Step]] = {}
        for record in written.records:
            self._now_ns = record.time_ns
            for step in steps_of(record, self._instruments.get(written.ledger)):
                steps.setdefault(step.order_id, []).append(step)
        for order in written.orders:
            self._follow(order, steps.get(order.id, []), written.ledger)
        while len(self._lives) > self._most:
            self._cut(next(iter(self._lives)))

    def close(self) -> None:
        """The process ends; orders that may be in the market go on without us."""
        for order_id in tuple(self._lives):
            self._cut(order_id)

    def _follow(self, order: Order, steps: list[Step], ledger: str) -> None:
        if order.is_closed and self._ended.get(order.id) == order.filled:
            return  # an end that is told once more
        life = self._lives.get(order.id)
        is_new = life is None
        if life is None:
            born = any(step.begins for step in steps)
            life = self._lives[order.id] = Life(self._root(order, ledger, is_restored=not born), order)
        for step in steps:
            life.root.add_event(step.name, step.attributes, self._now_ns)
            life.reason = str(step.attributes.get("reason", life.reason))
        if is_new or order.state is not life.order.state:
            self._enter(life, order)
        life.order = order
        if order.is_closed:
            self._end(self._lives.pop(order.id))
            self._ended[order.id] = order.filled
            if len(self._ended) > self._most:
                del self._ended[next(iter(self._ended))]

    def _root(self, order: Order, ledger: str, *, is_restored: bool) -> Span:
        market, _, account = ledger.partition("/")
        attributes: dict[str, str | bool] = {"order_id": order.id, "market": market, "side": order.side}
        if (instrument := self._instruments.get(ledger)) is not None:
            attributes |= {"venue": instrument.venue, "symbol": instrument.symbol,
                           "price": instrument.price_text(order.price),
                           "quantity": instrument.quantity_text(order.quantity)}  # fmt: skip
        if account:
            attributes["account"] = account
        if order.replaces:
            attributes["replaces"] = order.replaces
        if is_restored:
            attributes["restored"] = True  # it is of an earlier process, or had ended here
        replaced = self._lives.get(order.replaces)
        links = [Link(replaced.root.get_span_context())] if replaced is not None else []
        self._ids.next = trace_id_of(order.id)
        return self._tracer.start_span("order", Context(), attributes=attributes, links=links, start_time=self._now_ns)

    def _enter(self, life: Life, order: Order) -> None:
        if life.phase is not None:
            life.phase.end(self._now_ns)
            life.phase = None
        if not order.is_closed:
            life.phase = self._tracer.start_span(order.state, set_span_in_context(life.root, Context()),
                                                 attributes=_identity(order), start_time=self._now_ns)  # fmt: skip

    def _end(self, life: Life, **more: bool) -> None:
        order = life.order
        told: Mapping[str, str] = {"state": order.state, "venue_order_id": order.venue_order_id, "reason": life.reason}
        life.root.set_attributes({**{name: value for name, value in told.items() if value}, **more})
        if order.state in REFUSED and life.reason not in MARKET_MOVED:
            life.root.set_status(Status(StatusCode.ERROR, life.reason))
        life.root.end(self._now_ns)

    def _cut(self, order_id: OrderId) -> None:
        life = self._lives.pop(order_id)
        if life.phase is not None:
            life.phase.end(self._now_ns)
        self._end(life, unfinished=True)


def _identity(order: Order) -> dict[str, str]:
    return {"order_id": order.id, "state": order.state}
