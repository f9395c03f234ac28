"""An order, what a report does to it, and all orders of a market. The table is in `order_states`."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from tradingbot_runtime.core.order_states import (
    ACKNOWLEDGING,
    CLOSED,
    PENDING,
    SEEN,
    STEPS,
    TRANSITIONS,
    UNPROVED,
    UNSENT,
    WORKING,
    OrderState,
    Step,
)
from tradingbot_runtime.model import (
    CancelRejected,
    Lots,
    OrderEvent,
    OrderFilled,
    OrderId,
    OrderReported,
    OrderStatus,
    Place,
    Replace,
    Restored,
    Side,
    Ticks,
)

__all__ = [
    "CLOSED",
    "PENDING",
    "TRANSITIONS",
    "UNPROVED",
    "UNSENT",
    "WORKING",
    "Anomaly",
    "Order",
    "OrderState",
    "Orders",
    "Step",
    "advance",
    "step_of",
]

CLOSED_KEPT = 2_000  # closed orders remembered, for fills that come late
NO_ORDER = OrderId("")
TIMELESS = frozenset({OrderStatus.ABSENT, OrderStatus.BUILDING})  # these say nothing of a change


class Order(msgspec.Struct, frozen=True):
    id: OrderId
    side: Side
    price: Ticks
    quantity: Lots
    filled: Lots = Lots(0)
    state: OrderState = OrderState.SUBMITTING
    venue_order_id: str = ""
    trades: frozenset[str] = frozenset()
    replaces: OrderId = NO_ORDER
    seen: bool = False  # the venue has acknowledged it at some time
    venue_time_ns: int = 0  # of the newest report, by the venue's clock

    @property
    def was_there(self) -> bool:
        """The venue has had it for sure: that it does not know it now proves nothing good."""
        return self.seen or self.state in WORKING

    @property
    def leaves_quantity(self) -> Lots:
        """What may still fill. An unproved order counts at what is not known to be filled."""
        return Lots(0) if self.state in CLOSED else Lots(max(self.quantity - self.filled, 0))

    @property
    def is_closed(self) -> bool:
        return self.state in CLOSED


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A report that does not fit: counted, logged, and a reason to ask the venue. Never dropped silently."""

    order_id: OrderId
    reason: str
    message: str


def step_of(order: Order, event: OrderEvent) -> Step:
    """The table's column for `event`; two columns depend on whether the venue had ever acknowledged the order."""
    if isinstance(event, OrderReported):
        return Step.VANISHED if event.status is OrderStatus.ABSENT and order.was_there else SEEN[event.status]
    if isinstance(event, CancelRejected):
        return Step.CANCEL_GONE if event.gone or not order.was_there else Step.CANCEL_REFUSED
    return STEPS[type(event)]


def advance(order: Order, event: OrderEvent) -> tuple[Order, Anomaly | None]:
    """The order after `event`, and what was odd about it.

    A trade that is known already, and a report that is older than what is known, change nothing.
    """
    step = step_of(order, event)
    state = TRANSITIONS[order.state].get(step)
    if state is None:
        return order, Anomaly(order.id, "UnexpectedReport", f"{step} in state {order.state}")
    if isinstance(event, OrderFilled):
        return _filled(order, event, state)
    if isinstance(event, OrderReported) and event.status not in TIMELESS:
        return _reported(order, event, state)
    return _moved(order, event, state)


def _reported(order: Order, event: OrderReported, state: OrderState) -> tuple[Order, Anomaly | None]:
    if _is_outdated(order, event):
        return order, None
    if event.executed > order.filled:
        # Its fills come one by one, by trade id; until they are here the order is not over.
        missing = Anomaly(order.id, "FillsMissing", f"venue: {event.executed} lots, known: {order.filled}")
        return (order if state in CLOSED else _moved(order, event, state)[0]), missing
    if event.status is OrderStatus.FILLED and order.filled < order.quantity:
        return order, Anomaly(order.id, "FilledInPart", f"said to be filled with {event.executed} of {order.quantity}")
    return _moved(order, event, state)


def _is_outdated(order: Order, report: OrderReported) -> bool:
    """Whether the report shows an earlier moment than what is known; where the times say nothing, an end is later."""
    newer = report.venue_time_ns > order.venue_time_ns
    if newer:
        return False
    if report.venue_time_ns and report.venue_time_ns < order.venue_time_ns and not _is_its_end(order, report):
        return True
    return report.executed < order.filled or (report.status is OrderStatus.OPEN and order.is_closed)


def _is_its_end(order: Order, report: OrderReported) -> bool:
    """An order ends once: its end comes after its life also where the venue's clock has been set back meanwhile.

    The end of what the venue calls otherwise is that of an earlier build.
    """
    is_another = "" != report.venue_order_id != order.venue_order_id != ""
    return report.status is not OrderStatus.OPEN and not order.is_closed and not is_another


def _moved(order: Order, event: OrderEvent, state: OrderState) -> tuple[Order, Anomaly | None]:
    reopened = order.is_closed and state not in CLOSED
    after = replace(
        order,
        state=_by_quantity(order.filled, order.quantity, state),
        venue_order_id=getattr(event, "venue_order_id", "") or order.venue_order_id,
        seen=order.was_there or step_of(order, event) in ACKNOWLEDGING,
        venue_time_ns=max(order.venue_time_ns, getattr(event, "venue_time_ns", 0)),
    )
    return after, Anomaly(order.id, "Reopened", f"{event} in state {order.state}") if reopened else None


def _by_quantity(filled: int, quantity: int, state: OrderState) -> OrderState:
    """Open with fills is PARTIAL, with all of them FILLED: quantity decides, not the report."""
    if state not in WORKING:
        return state
    if filled >= quantity:
        return OrderState.FILLED
    return OrderState.PARTIAL if filled else OrderState.OPEN


def _filled(order: Order, event: OrderFilled, state: OrderState) -> tuple[Order, Anomaly | None]:
    if event.trade_id in order.trades:
        return order, None
    filled = Lots(order.filled + event.quantity)
    after = replace(
        order,
        filled=filled,
        state=OrderState.FILLED if filled >= order.quantity else state,
        trades=order.trades | {event.trade_id},
        seen=True,
        venue_time_ns=max(order.venue_time_ns, event.venue_time_ns),
    )
    if filled > order.quantity:
        return after, Anomaly(order.id, "Overfill", f"{filled} of {order.quantity} lots")
    if order.is_closed or order.state in UNSENT:
        return after, Anomaly(order.id, "LateFill", f"fill in state {order.state}")
    return after, None


@dataclass(slots=True)
class Orders:
    """Every order that is not closed, and the latest closed ones, by id."""

    live: dict[OrderId, Order] = field(default_factory=dict)
    closed: dict[OrderId, Order] = field(default_factory=dict)
    first_state: OrderState = OrderState.SUBMITTING  # INTENT where the gateway tells when it submits
    _named: dict[str, OrderId] = field(default_factory=dict)  # by the venue's id

    def __iter__(self) -> Iterator[Order]:
        return iter(self.live.values())

    def get(self, order_id: OrderId) -> Order | None:
        return self.live.get(order_id) or self.closed.get(order_id)

    def named(self, venue_order_id: str) -> Order | None:
        """The order that the venue calls so."""
        order_id = self._named.get(venue_order_id)
        return None if order_id is None else self.get(order_id)

    def place(self, place: Place) -> None:
        """Remember what is about to be sent, before it is sent."""
        self.live[place.order_id] = Order(
            place.order_id, place.side, place.price, place.quantity, state=self.first_state
        )

    def replace(self, command: Replace) -> None:
        """Both count in full until both answers are in. Raises KeyError when the old one cannot be replaced."""
        self._sent(command.replaces, Step.REPLACE_SENT)
        self.place(command.new_order())
        self.live[command.order_id] = replace(self.live[command.order_id], replaces=command.replaces)

    def cancel_sent(self, order_id: OrderId) -> None:
        self._sent(order_id, Step.CANCEL_SENT)

    def _sent(self, order_id: OrderId, step: Step) -> None:
        order = self.live[order_id]
        self.live[order_id] = replace(order, state=TRANSITIONS[order.state][step])

    def restore(self, event: Restored) -> None:
        order = Order(
            id=event.order_id, side=event.side, price=event.price, quantity=event.quantity, filled=event.executed,
            state=OrderState(event.state), venue_order_id=event.venue_order_id, replaces=event.replaces,
            seen=event.seen, venue_time_ns=event.venue_time_ns,
        )  # fmt: skip
        self._keep(order)

    def apply(self, event: OrderEvent) -> tuple[Order | None, Anomaly | None]:
        """Advance the order and return it; None with an anomaly when it is not ours."""
        before = self.get(event.order_id)
        if before is None:
            return None, Anomaly(event.order_id, "UnknownOrderId", type(event).__name__)
        after, anomaly = advance(before, event)
        self._keep(after)
        return after, anomaly

    def _keep(self, order: Order) -> None:
        before = self.get(order.id)
        if before is not None and before.venue_order_id != order.venue_order_id:  # built anew
            self._named.pop(before.venue_order_id, None)
        if order.venue_order_id:
            self._named[order.venue_order_id] = order.id
        if not order.is_closed:
            self.closed.pop(order.id, None)
            self.live[order.id] = order
            return
        self.live.pop(order.id, None)
        self.closed[order.id] = order
        while len(self.closed) > CLOSED_KEPT:
            forgotten = self.closed.pop(next(iter(self.closed)))
            self._named.pop(forgotten.venue_order_id, None)
