"""The life of an order: one table says what may follow what (reference/runtime.md 3.2).

An order whose outcome is ambiguous is UNKNOWN: it is never sent again, counts at its full size, and is resolved by
asking the venue.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from tradingbot_runtime.model import (
    CancelRejected,
    Lots,
    OrderAccepted,
    OrderCanceled,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OutcomeLost,
    Place,
    Restored,
    Side,
    Ticks,
)

CLOSED_KEPT = 2_000  # closed orders remembered, for fills that come late


class OrderState(StrEnum):
    SUBMITTING = "Submitting"  # the intent is committed; the request may be on its way
    UNKNOWN = "Unknown"
    OPEN = "Open"
    PARTIAL = "Partial"
    PENDING_CANCEL = "PendingCancel"
    FILLED = "Filled"
    CANCELED = "Canceled"
    EXPIRED = "Expired"
    REJECTED = "Rejected"
    LOST = "Lost"  # cannot be proved either way: counts as exposure until a person or the venue says more


CLOSED = frozenset({OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED})
UNPROVED = frozenset({OrderState.UNKNOWN, OrderState.LOST})


class Step(StrEnum):
    """What can happen to an order, as rows of the table below."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    OUTCOME_LOST = "OutcomeLost"
    FILLED = "Filled"
    CANCELED = "Canceled"
    EXPIRED = "Expired"
    CANCEL_SENT = "CancelSent"
    CANCEL_REFUSED = "CancelRefused"
    CANCEL_GONE = "CancelGone"
    SEEN_OPEN = "SeenOpen"
    SEEN_FILLED = "SeenFilled"
    SEEN_CANCELED = "SeenCanceled"
    SEEN_EXPIRED = "SeenExpired"
    SEEN_REJECTED = "SeenRejected"
    PROVED_ABSENT = "ProvedAbsent"


_S = OrderState
_ENDS: Mapping[Step, OrderState] = {
    Step.CANCELED: _S.CANCELED,
    Step.EXPIRED: _S.EXPIRED,
    Step.SEEN_FILLED: _S.FILLED,
    Step.SEEN_CANCELED: _S.CANCELED,
    Step.SEEN_EXPIRED: _S.EXPIRED,
    Step.SEEN_REJECTED: _S.REJECTED,
}
_LATE_FILL: Mapping[Step, OrderState] = {Step.FILLED: _S.PARTIAL}  # reopened, counted, and looked up at the venue
_LATE = (Step.ACCEPTED, Step.OUTCOME_LOST, Step.CANCEL_GONE)

TRANSITIONS: Mapping[OrderState, Mapping[Step, OrderState]] = {
    _S.SUBMITTING: {
        **_ENDS,
        Step.ACCEPTED: _S.OPEN,
        Step.REJECTED: _S.REJECTED,
        Step.OUTCOME_LOST: _S.UNKNOWN,
        Step.FILLED: _S.PARTIAL,  # the fill may overtake the acknowledgement
        Step.CANCEL_SENT: _S.PENDING_CANCEL,
        Step.SEEN_OPEN: _S.OPEN,
        Step.PROVED_ABSENT: _S.REJECTED,
    },
    _S.UNKNOWN: {
        **_ENDS,
        Step.ACCEPTED: _S.OPEN,
        Step.REJECTED: _S.REJECTED,  # the answer came after all
        Step.OUTCOME_LOST: _S.UNKNOWN,
        Step.FILLED: _S.PARTIAL,
        Step.CANCEL_SENT: _S.PENDING_CANCEL,
        Step.SEEN_OPEN: _S.OPEN,
        Step.PROVED_ABSENT: _S.REJECTED,
    },
    _S.OPEN: {
        **_ENDS,
        Step.ACCEPTED: _S.OPEN,  # stream and reply both acknowledge
        Step.OUTCOME_LOST: _S.OPEN,  # the reply was lost, the stream has told
        Step.FILLED: _S.PARTIAL,
        Step.CANCEL_SENT: _S.PENDING_CANCEL,
        Step.SEEN_OPEN: _S.OPEN,
        Step.PROVED_ABSENT: _S.LOST,  # it was there: absence proves nothing good
        Step.CANCEL_REFUSED: _S.OPEN,
        Step.CANCEL_GONE: _S.UNKNOWN,
    },
    _S.PARTIAL: {
        **_ENDS,
        Step.ACCEPTED: _S.PARTIAL,
        Step.OUTCOME_LOST: _S.PARTIAL,  # filled in part: it is in the market, whatever the reply was
        Step.FILLED: _S.PARTIAL,
        Step.CANCEL_SENT: _S.PENDING_CANCEL,
        Step.SEEN_OPEN: _S.PARTIAL,
        Step.PROVED_ABSENT: _S.LOST,
        Step.CANCEL_REFUSED: _S.PARTIAL,
        Step.CANCEL_GONE: _S.UNKNOWN,
    },
    _S.PENDING_CANCEL: {
        **_ENDS,
        Step.ACCEPTED: _S.PENDING_CANCEL,
        Step.REJECTED: _S.REJECTED,
        Step.OUTCOME_LOST: _S.PENDING_CANCEL,  # a cancel may be sent again
        Step.FILLED: _S.PENDING_CANCEL,
        Step.CANCEL_SENT: _S.PENDING_CANCEL,
        Step.CANCEL_REFUSED: _S.OPEN,
        Step.CANCEL_GONE: _S.UNKNOWN,  # most often it filled while the cancel was on its way: ask
        Step.SEEN_OPEN: _S.PENDING_CANCEL,
        Step.PROVED_ABSENT: _S.REJECTED,
    },
    _S.LOST: {
        **_ENDS,
        **_LATE_FILL,
        Step.ACCEPTED: _S.OPEN,
        Step.CANCEL_SENT: _S.PENDING_CANCEL,
        Step.SEEN_OPEN: _S.OPEN,
        Step.OUTCOME_LOST: _S.LOST,
        Step.PROVED_ABSENT: _S.LOST,
    },
    # Closed orders: what repeats the end, or comes late, changes nothing; a fill reopens.
    _S.FILLED: dict.fromkeys((*_ENDS, *_LATE, Step.CANCEL_REFUSED), _S.FILLED),
    _S.CANCELED: {**dict.fromkeys((Step.CANCELED, Step.SEEN_CANCELED, *_LATE), _S.CANCELED), **_LATE_FILL},
    _S.EXPIRED: {**dict.fromkeys((Step.EXPIRED, Step.SEEN_EXPIRED, *_LATE), _S.EXPIRED), **_LATE_FILL},
    _S.REJECTED: {
        **dict.fromkeys((Step.REJECTED, Step.SEEN_REJECTED, Step.PROVED_ABSENT, *_LATE), _S.REJECTED),
        **_LATE_FILL,
    },
}

_SEEN: Mapping[OrderStatus, Step] = {
    OrderStatus.OPEN: Step.SEEN_OPEN,
    OrderStatus.FILLED: Step.SEEN_FILLED,
    OrderStatus.CANCELED: Step.SEEN_CANCELED,
    OrderStatus.EXPIRED: Step.SEEN_EXPIRED,
    OrderStatus.REJECTED: Step.SEEN_REJECTED,
    OrderStatus.ABSENT: Step.PROVED_ABSENT,
}
_STEPS: Mapping[type, Step] = {
    OrderAccepted: Step.ACCEPTED,
    OrderRejected: Step.REJECTED,
    OutcomeLost: Step.OUTCOME_LOST,
    OrderFilled: Step.FILLED,
    OrderCanceled: Step.CANCELED,
    OrderExpired: Step.EXPIRED,
}


def step_of(event: OrderEvent) -> Step:
    if isinstance(event, OrderReported):
        return _SEEN[event.status]
    if isinstance(event, CancelRejected):
        return Step.CANCEL_GONE if event.gone else Step.CANCEL_REFUSED
    return _STEPS[type(event)]


class Order(msgspec.Struct, frozen=True):
    id: OrderId
    side: Side
    price: Ticks
    quantity: Lots
    filled: Lots = Lots(0)
    state: OrderState = OrderState.SUBMITTING
    venue_order_id: str = ""
    trades: frozenset[str] = frozenset()

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


def advance(order: Order, event: OrderEvent) -> tuple[Order, Anomaly | None]:
    """The order after `event`, and what was odd about it. A trade that is known already changes nothing."""
    step = step_of(event)
    state = TRANSITIONS[order.state].get(step)
    if state is None:
        return order, Anomaly(order.id, "UnexpectedReport", f"{step} in state {order.state}")
    if isinstance(event, OrderFilled):
        return _filled(order, event, state)
    if isinstance(event, OrderReported):
        if event.executed > order.filled and state in CLOSED:
            # Its fills come one by one, by trade id; until they are here the order is not over.
            return order, Anomaly(order.id, "FillsMissing", f"venue: {event.executed} lots, known: {order.filled}")
        return replace(order, state=state, venue_order_id=event.venue_order_id or order.venue_order_id), None
    if isinstance(event, OrderAccepted):
        return replace(order, state=state, venue_order_id=event.venue_order_id), None
    return replace(order, state=state), None


def _filled(order: Order, event: OrderFilled, state: OrderState) -> tuple[Order, Anomaly | None]:
    if event.trade_id in order.trades:
        return order, None
    late = Anomaly(order.id, "LateFill", f"fill in state {order.state}") if order.is_closed else None
    filled = Lots(order.filled + event.quantity)
    after = replace(order, filled=filled, trades=order.trades | {event.trade_id})
    if filled < order.quantity:
        return replace(after, state=state), late
    over = Anomaly(order.id, "Overfill", f"{filled} of {order.quantity} lots") if filled > order.quantity else None
    return replace(after, state=OrderState.FILLED), over or late


@dataclass(slots=True)
class Orders:
    """Every order that is not closed, and the latest closed ones, by id."""

    live: dict[OrderId, Order] = field(default_factory=dict)
    closed: dict[OrderId, Order] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Order]:
        return iter(self.live.values())

    def get(self, order_id: OrderId) -> Order | None:
        return self.live.get(order_id) or self.closed.get(order_id)

    def place(self, place: Place) -> None:
        """Remember what is about to be sent, before it is sent."""
        self.live[place.order_id] = Order(place.order_id, place.side, place.price, place.quantity)

    def cancel_sent(self, order_id: OrderId) -> None:
        order = self.live[order_id]
        self.live[order_id] = replace(order, state=TRANSITIONS[order.state][Step.CANCEL_SENT])

    def restore(self, event: Restored) -> None:
        order = Order(event.order_id, event.side, event.price, event.quantity, event.executed,
                      OrderState(event.state), event.venue_order_id)  # fmt: skip
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
        if not order.is_closed:
            self.closed.pop(order.id, None)
            self.live[order.id] = order
            return
        self.live.pop(order.id, None)
        self.closed[order.id] = order
        while len(self.closed) > CLOSED_KEPT:
            del self.closed[next(iter(self.closed))]
