"""What the market looks like now: the reference's best bid and offer, and the venue's.

Two different things may be missing. A book that is not known (no snapshot yet, the feed is lost, the frames make no
sense) is no ground to quote on. A side on which nobody stands is a fact that the venue tells: in a reference it leaves
no price to quote around, where we trade it only leaves nothing that an order could take.
"""

from dataclasses import dataclass

from tradingbot_runtime.model import Lots, Nanos, ReferenceTicked, Ticks, VenueTicked


@dataclass(slots=True)
class Book:
    """The reference's best bid and offer: both of them, or neither. Prices of 0 until then are no prices."""

    bid: Ticks = Ticks(0)
    ask: Ticks = Ticks(0)
    bid_lots: Lots = Lots(0)
    ask_lots: Lots = Lots(0)
    update_id: int = 0
    seen_ns: Nanos = Nanos(0)  # when it looked like this: when it was heard, less how late that was
    late_ns: int = 0

    @property
    def is_valid(self) -> bool:
        """Both sides are there and do not cross."""
        return 0 < self.bid < self.ask

    def apply(self, event: ReferenceTicked) -> None:
        self.update_id, self.late_ns = event.update_id, event.late_ns
        self.seen_ns = Nanos(event.time_ns - event.late_ns)
        if event.bid is None or event.ask is None:
            self.clear()  # half a book has no price
            return
        self.bid, self.ask = event.bid, event.ask
        self.bid_lots, self.ask_lots = event.bid_lots, event.ask_lots

    def clear(self) -> None:
        self.bid = self.ask = Ticks(0)
        self.bid_lots = self.ask_lots = Lots(0)


@dataclass(slots=True)
class VenueBook:
    """Best bid and offer where we trade. In a book that is known, None says that nobody stands on that side."""

    bid: Ticks | None = None
    ask: Ticks | None = None
    is_known: bool = False
    seen_ns: Nanos = Nanos(0)  # as that of `Book`
    late_ns: int = 0

    @property
    def is_valid(self) -> bool:
        """It is known, and what is in it are prices that do not cross."""
        if not self.is_known:
            return False
        if self.bid is None or self.ask is None:
            return (self.bid is None or self.bid > 0) and (self.ask is None or self.ask > 0)
        return 0 < self.bid < self.ask

    @property
    def mid_2(self) -> int | None:
        """Twice the middle; None unless both sides are there."""
        if not self.is_valid or self.bid is None or self.ask is None:
            return None
        return self.bid + self.ask

    @property
    def highest_buy(self) -> int | None:
        """The highest price at which a purchase takes nothing; None: any price, nobody sells."""
        return None if self.ask is None else self.ask - 1

    @property
    def lowest_sale(self) -> int | None:
        """The lowest price at which a sale takes nothing; None: any price, nobody buys."""
        return None if self.bid is None else self.bid + 1

    def apply(self, event: VenueTicked | ReferenceTicked) -> None:
        self.bid, self.ask, self.is_known, self.late_ns = event.bid, event.ask, True, event.late_ns
        self.seen_ns = Nanos(event.time_ns - event.late_ns)

    def clear(self) -> None:
        """It is not known any more."""
        self.bid = self.ask = None
        self.is_known = False
