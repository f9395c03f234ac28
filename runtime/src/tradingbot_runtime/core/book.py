"""What the market looks like now: the reference's best bid and offer, and the venue's."""

from dataclasses import dataclass

from tradingbot_runtime.model import Lots, Nanos, ReferenceTicked, Ticks, VenueTicked


@dataclass(slots=True)
class Book:
    """Best bid and offer. Empty until the first tick, and again after the feed is lost."""

    bid: Ticks = Ticks(0)
    ask: Ticks = Ticks(0)
    bid_lots: Lots = Lots(0)
    ask_lots: Lots = Lots(0)
    update_id: int = 0
    seen_ns: Nanos = Nanos(0)

    @property
    def is_valid(self) -> bool:
        """Both sides are there and do not cross."""
        return 0 < self.bid < self.ask

    def apply(self, event: ReferenceTicked) -> None:
        self.bid, self.ask, self.update_id = event.bid, event.ask, event.update_id
        self.bid_lots, self.ask_lots, self.seen_ns = event.bid_lots, event.ask_lots, event.time_ns

    def apply_venue(self, event: VenueTicked) -> None:
        self.bid, self.ask, self.seen_ns = event.bid, event.ask, event.time_ns

    def clear(self) -> None:
        self.bid = self.ask = Ticks(0)
