"""After the venue has refused an order or a cancel: how long to leave it alone."""

from dataclasses import dataclass, field
from typing import NamedTuple

from tradingbot_runtime.model import CancelRejected, Nanos, OrderId

SECOND_NS = 1_000_000_000
CANCEL_FIRST_NS = 100_000_000
CANCEL_LONGEST_NS = 5_000_000_000
CANCEL_ENDING_NS = 1_000_000_000  # the longest of a process that ends: its time is short
NONE_HELD: frozenset[OrderId] = frozenset()
TOLD_AFTER = 3  # refusals in a row of one order's cancel: the first ones may pass by themselves
TOLD_FOR_NS = 2 * CANCEL_LONGEST_NS  # an order that is wanted again is not tried: its last refusal says less and less


class Pauses(NamedTuple):
    """The first after an acceptance, and the longest."""

    first_ns: int
    longest_ns: int


AFTER_REFUSAL = Pauses(SECOND_NS, 30 * SECOND_NS)
# Of a hedge that has not left us the venue has said nothing, and a position stays open for as long as it is not tried
# again: often, though no more often than an ordinary limit on orders a minute bears.
AFTER_UNSENT_HEDGE = Pauses(SECOND_NS // 10, SECOND_NS)


@dataclass(slots=True)
class Quiet:
    """Doubles with every refusal in a row, from its first pause to its longest; an accepted order ends the row.

    Refusals that come during the pause are of orders that were on their way already: they say nothing new.
    """

    until_ns: Nanos = Nanos(0)
    in_a_row: int = 0
    code: str = ""  # what the latest refusal that counted said
    message: str = ""

    def refused(self, now_ns: Nanos, code: str = "", message: str = "", pauses: Pauses = AFTER_REFUSAL) -> None:
        if now_ns < self.until_ns:
            return
        self.code, self.message = code, message
        pause = min(pauses.first_ns << min(self.in_a_row, 10), pauses.longest_ns)
        self.in_a_row += 1
        self.until_ns = Nanos(now_ns + pause)

    def accepted(self) -> None:
        self.in_a_row = 0


@dataclass(slots=True)
class RefusedCancel:
    """Of one order."""

    times: int = 0  # in a row
    at_ns: Nanos = Nanos(0)  # the latest that counted

    def is_held(self, now_ns: Nanos, longest_ns: int) -> bool:
        return now_ns - self.at_ns < min(CANCEL_FIRST_NS << min(self.times - 1, 10), longest_ns)


@dataclass(slots=True)
class RefusedCancels:
    """Orders that stay open because the venue refuses to cancel them.

    Each is left alone for a pause of its own, which doubles from a tenth of a second to five, until it is over.
    """

    by_order: dict[OrderId, RefusedCancel] = field(default_factory=dict)
    code: str = ""  # what the latest refusal said
    message: str = ""

    def refused(self, event: CancelRejected) -> None:
        """Two cancels that were on their way at the same time count once."""
        known = self.by_order.setdefault(event.order_id, RefusedCancel())
        self.code, self.message = event.reason, event.message
        if not known.times or event.time_ns - known.at_ns >= CANCEL_FIRST_NS:
            known.times += 1
            known.at_ns = event.time_ns

    def over(self, order_id: OrderId) -> None:
        self.by_order.pop(order_id, None)

    def begin_anew(self) -> None:
        """Every cancel may be tried at once: trading stops, and that waits for no pause from before."""
        self.by_order.clear()

    def held(self, now_ns: Nanos, longest_ns: int = CANCEL_LONGEST_NS) -> frozenset[OrderId]:
        """Orders that no cancel is to be sent for now."""
        if not self.by_order:
            return NONE_HELD
        return frozenset(order_id for order_id, one in self.by_order.items() if one.is_held(now_ns, longest_ns))

    def persist(self, now_ns: Nanos) -> bool:
        """Whether an order cannot be withdrawn, and it is not one refusal that passes by itself."""
        return any(one.times >= TOLD_AFTER and now_ns - one.at_ns < TOLD_FOR_NS for one in self.by_order.values())
