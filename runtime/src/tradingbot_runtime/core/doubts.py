"""When an order is asked about, and what the answers prove (reference/runtime.md 3.2 and 3.5). Pure: time is an input.

An order is proved absent only by several "not found" answers of a healthy venue, further apart than the venue may need
to settle. Failed questions count for nothing.
"""

from collections import deque
from dataclasses import dataclass, field

from tradingbot_runtime.core.orders import PENDING, Order, OrderState
from tradingbot_runtime.model import Nanos, OrderId

SECOND = 1_000_000_000
ASK_EVERY_NS = SECOND  # the pause doubles with each question that changed nothing
ASK_SETTLING_NS = 2 * SECOND  # but no more than this while absence may still be proved soon
ASK_SLOWEST_NS = 8 * SECOND
CANCEL_AGAIN_NS = 2 * SECOND  # the answer to a cancel gets this long
SETTLE_NS = 10 * SECOND
ABSENT_PROOFS = 3
PROVE_WITHIN_NS = 120 * SECOND  # then an order of unknown fate is LOST: people hear of it
IN_FLIGHT_NS = 15 * SECOND  # a gateway answers within 5 s, if only that it does not know
PROTECTED_NS = 5 * SECOND
PROTECTED_MOST_NS = 30 * SECOND  # a venue that was slow once must not hide its losses for good
ACKS_KEPT = 1_000
AGES_KEPT = 5_000


@dataclass(slots=True)
class Doubt:
    """One order whose fate is asked about."""

    since_ns: Nanos
    not_before_ns: Nanos
    asked_ns: Nanos = Nanos(0)
    questions: int = 0
    absent: int = 0  # "not found" answers so far, in a row
    by_state: bool = False  # of nothing but the order's state: with the state it goes

    def due_ns(self, now_ns: Nanos) -> Nanos:
        """When it is to be asked next; that moment may be over."""
        if not self.questions:
            return self.not_before_ns
        slowest = ASK_SETTLING_NS if now_ns - self.since_ns < 2 * SETTLE_NS else ASK_SLOWEST_NS
        again = self.asked_ns + min(ASK_EVERY_NS << min(self.questions - 1, 10), slowest)
        if self.absent >= ABSENT_PROOFS - 1 and self.asked_ns < self.since_ns + SETTLE_NS:
            again = min(again, self.since_ns + SETTLE_NS)  # one more "not found", and it is proved
        return Nanos(max(again, self.not_before_ns))

    def asked(self, now_ns: Nanos) -> None:
        self.questions += 1
        self.asked_ns = now_ns

    def proves_absence(self, now_ns: Nanos) -> bool:
        return self.absent >= ABSENT_PROOFS and now_ns - self.since_ns >= SETTLE_NS

    def is_overdue(self, now_ns: Nanos) -> bool:
        return now_ns - self.since_ns >= PROVE_WITHIN_NS


@dataclass(slots=True)
class Doubts:
    """What is in doubt, by order."""

    by_order: dict[OrderId, Doubt] = field(default_factory=dict)

    def raise_for(self, order_id: OrderId, now_ns: Nanos) -> Doubt:
        """Ask about this order, whatever becomes of it meanwhile; a doubt that is there already keeps its age."""
        doubt = self.by_order.setdefault(order_id, Doubt(now_ns, now_ns))
        doubt.not_before_ns = min(doubt.not_before_ns, now_ns)
        doubt.by_state = False
        return doubt

    def raise_by_state(self, order_id: OrderId, now_ns: Nanos, after_ns: int) -> None:
        """Ask about this order, not before `after_ns` from now, if it is still doubtful then."""
        self.by_order.setdefault(order_id, Doubt(now_ns, Nanos(now_ns + after_ns), by_state=True))

    def settle(self, order_id: OrderId) -> None:
        self.by_order.pop(order_id, None)

    def pause(self, elapsed_ns: int) -> None:
        """Nobody could be asked for so long: that time proves nothing, and overdue is only what could be asked."""
        for doubt in self.by_order.values():
            doubt.since_ns = Nanos(doubt.since_ns + elapsed_ns)

    def due(self, now_ns: Nanos) -> list[OrderId]:
        """Whom to ask about now, those first that are longest overdue: no stream of new doubts starves an old one."""
        found = [
            (due_ns, order_id)
            for order_id, doubt in self.by_order.items()
            if (due_ns := doubt.due_ns(now_ns)) <= now_ns
        ]
        return [order_id for _, order_id in sorted(found)]


def doubted_after_ns(order: Order, age_ns: int) -> int | None:
    """How long after now to ask about `order` by its state alone; None: nothing is in doubt."""
    if order.state in (OrderState.UNKNOWN, OrderState.LOST):
        return 0
    if order.state in PENDING:
        return CANCEL_AGAIN_NS
    if order.state is OrderState.SUBMITTING and age_ns >= IN_FLIGHT_NS:
        return 0
    return None


@dataclass(slots=True)
class Ages:
    """How old orders are, and how long the venue takes to acknowledge one: a young order may be absent from a list."""

    sent_ns: dict[OrderId, Nanos] = field(default_factory=dict)
    took_ns: deque[int] = field(default_factory=lambda: deque(maxlen=ACKS_KEPT))
    _waiting: set[OrderId] = field(default_factory=set)

    def sent(self, order_id: OrderId, now_ns: Nanos) -> None:
        self.sent_ns[order_id] = now_ns
        self._waiting.add(order_id)
        while len(self.sent_ns) > AGES_KEPT:
            oldest = next(iter(self.sent_ns))
            del self.sent_ns[oldest]
            self._waiting.discard(oldest)

    def acknowledged(self, order_id: OrderId, now_ns: Nanos) -> None:
        if order_id in self._waiting:
            self._waiting.discard(order_id)
            self.took_ns.append(now_ns - self.sent_ns[order_id])

    def ended(self, order_id: OrderId) -> None:
        self.sent_ns.pop(order_id, None)
        self._waiting.discard(order_id)

    def age_ns(self, order_id: OrderId, now_ns: Nanos) -> int:
        """Since it was sent; of an earlier process' order, since for ever."""
        return now_ns - self.sent_ns.get(order_id, Nanos(0))

    @property
    def protected_ns(self) -> int:
        """An order younger than this is not missed: three times what one in a hundred takes, within bounds."""
        if not self.took_ns:
            return PROTECTED_NS
        ninety_ninth = sorted(self.took_ns)[(len(self.took_ns) * 99) // 100]
        return min(max(PROTECTED_NS, 3 * ninety_ninth), PROTECTED_MOST_NS)

    def is_protected(self, order_id: OrderId, now_ns: Nanos) -> bool:
        return self.age_ns(order_id, now_ns) < self.protected_ns
