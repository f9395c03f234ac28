"""Which of our orders is which at a venue that has no client ids. Pure."""

from collections import deque
from dataclasses import dataclass, field

from tradingbot_runtime.model import Lots, Nanos, OrderId, Side, Ticks

KEPT = 10_000  # pairs of ids; far more than can be open, so that late reports still find their order
LOST_KEPT = 200
WITHIN_NS = 30_000_000_000  # between our request and the venue's time of the order, clocks' difference included


@dataclass(frozen=True, slots=True)
class LostBuild:
    """An order that was to be built and whose answer was lost. It was not submitted: nothing of it is live."""

    order_id: OrderId
    symbol: str
    side: Side
    price: Ticks
    quantity: Lots
    asked_ns: Nanos


@dataclass(slots=True)
class KnownOrders:
    """Pairs of our id and the venue's, both ways; the oldest are forgotten."""

    venue_ids: dict[OrderId, str] = field(default_factory=dict)
    order_ids: dict[str, OrderId] = field(default_factory=dict)
    trades_told: dict[str, None] = field(default_factory=dict)
    lost_builds: deque[LostBuild] = field(default_factory=lambda: deque(maxlen=LOST_KEPT))

    def add(self, order_id: OrderId, venue_order_id: str) -> None:
        """Also after a rebuild: the newest id of the venue is the one that is submitted, older ones never were."""
        self.venue_ids.pop(order_id, None)
        self.venue_ids[order_id] = venue_order_id
        self.order_ids[venue_order_id] = order_id
        while len(self.venue_ids) > KEPT:
            del self.venue_ids[next(iter(self.venue_ids))]
        while len(self.order_ids) > KEPT:
            del self.order_ids[next(iter(self.order_ids))]

    def is_news(self, trade_id: str) -> bool:
        """Whether a trade is told for the first time: every report of an order repeats all of its trades."""
        if trade_id in self.trades_told:
            return False
        self.trades_told[trade_id] = None
        while len(self.trades_told) > KEPT:
            del self.trades_told[next(iter(self.trades_told))]
        return True

    def venue_id(self, order_id: OrderId) -> str:
        """The venue's id of our order; empty when it has none."""
        return self.venue_ids.get(order_id, "")

    def order_id(self, venue_order_id: str) -> OrderId | None:
        return self.order_ids.get(venue_order_id)

    def recognise(self, venue_order_id: str, seen: LostBuild) -> OrderId | None:
        """The one lost build that looks like the order `seen` at the venue (its `order_id` means nothing).

        Only to name what is found, never to send anything again; two that look alike name nothing.
        """
        alike = [
            build
            for build in self.lost_builds
            if (build.symbol, build.side, build.price, build.quantity)
            == (seen.symbol, seen.side, seen.price, seen.quantity)
            and abs(build.asked_ns - seen.asked_ns) <= WITHIN_NS
        ]
        if len(alike) != 1:
            return None
        self.lost_builds.remove(alike[0])
        self.add(alike[0].order_id, venue_order_id)
        return alike[0].order_id
