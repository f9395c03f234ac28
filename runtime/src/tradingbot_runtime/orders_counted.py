"""What became of a market's orders, and what was said about them. Plain counters: metrics read them when scraped.

An order has one outcome of each name at most, however often it is told: a venue answers a request and tells the same on
its stream, an order is asked about, reports come twice. All of those are messages.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tradingbot_runtime.core.order_states import UNPROVED
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.model import AnyCommand, OrderId, Place, Replace

PLACED, REPLACED = "PlaceSent", "ReplaceSent"
ACCEPTED = "OrderAccepted"
REJECTED = "OrderRejected"
IN_DOUBT = "OutcomeLost"
ENDS: Mapping[OrderState, str] = {
    OrderState.FILLED: "OrderFilled",
    OrderState.CANCELED: "OrderCanceled",
    OrderState.EXPIRED: "OrderExpired",
    OrderState.REJECTED: REJECTED,
    OrderState.DENIED: "OrderDenied",
}
OUTCOMES = (PLACED, REPLACED, ACCEPTED, *ENDS.values(), IN_DOUBT)
DUPLICATE_FILL = "DuplicateFill"


def count(counters: dict[str, int], key: str, more: int = 1) -> None:
    counters[key] = counters.get(key, 0) + more


@dataclass(slots=True)
class OrdersCounted:
    # From 0 on: of a counter that begins with its first order, no rate ever shows that order.
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    messages: dict[str, int] = field(default_factory=dict)
    _reopened: set[tuple[OrderId, OrderState]] = field(default_factory=set)  # the ends that have been counted of them

    @property
    def sent(self) -> int:
        return self.outcomes[PLACED] + self.outcomes[REPLACED]

    def commanded(self, commands: Iterable[AnyCommand]) -> None:
        """These were sent. A cancel is no order: it may be sent again."""
        for command in commands:
            name = f"{type(command).__name__}Sent"
            count(self.outcomes if isinstance(command, Place | Replace) else self.messages, name)

    def said(self, message: str) -> None:
        count(self.messages, message)

    def became(self, before: Order | None, after: Order | None) -> None:
        """A report has made `after` of `before`."""
        if before is None or after is None:  # not ours
            return
        if after.seen and not before.seen:
            count(self.outcomes, ACCEPTED)
        if after.state is OrderState.UNKNOWN and not before.was_there and before.state not in UNPROVED:
            count(self.outcomes, IN_DOUBT)
        if after.is_closed and not before.is_closed:
            self._ended(after)
        elif before.is_closed and not after.is_closed:
            self._reopened.add((before.id, before.state))

    def _ended(self, order: Order) -> None:
        if (order.id, order.state) in self._reopened:
            self._reopened.discard((order.id, order.state))
        else:
            count(self.outcomes, ENDS[order.state])
