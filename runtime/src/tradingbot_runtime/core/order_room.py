"""How many orders the venue lets rest at once, learned from its refusals. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from tradingbot_runtime.core.quoting import Quote
from tradingbot_runtime.model import Nanos, Side

LEAST = 2  # a bid and an offer
PROVED_AFTER_NS = 1_000_000_000  # by a second refusal: at the first one cancels may still have been on their way
FORGOTTEN_NS = 60_000_000_000  # a refusal that no other one followed
GROWS_NS = 300_000_000_000  # others' orders, or the venue's terms, may have changed


@dataclass(slots=True)
class OrderRoom:
    most: int | None = None  # None: as many as are wanted
    first_ns: Nanos = Nanos(0)  # the refusal that a second one is to prove
    grows_ns: Nanos = Nanos(0)

    def refused(self, now_ns: Nanos, resting: int) -> bool:
        """One more than `resting` was too many; whether fewer are wanted from here on."""
        if not self.first_ns or now_ns - self.first_ns > FORGOTTEN_NS:
            self.first_ns = now_ns
        if now_ns - self.first_ns < PROVED_AFTER_NS:
            return False
        before, least = self.most, max(resting, LEAST)
        self.most = least if before is None else min(before, least)
        self.grows_ns = Nanos(now_ns + GROWS_NS)
        return self.most != before

    def fit(self, quotes: Sequence[Quote], now_ns: Nanos) -> tuple[Quote, ...]:
        """As many as there is room for, the innermost of both sides in turn: never one side alone."""
        self._grow(now_ns, len(quotes))
        if self.most is None or len(quotes) <= self.most:
            return tuple(quotes)
        sides = ([q for q in quotes if q.side is side] for side in (Side.BUY, Side.SELL))
        inner = (sorted(side, key=lambda quote: -quote.side.sign * quote.price) for side in sides)
        kept = [quote for quote in chain.from_iterable(zip_longest(*inner)) if quote is not None][: self.most]
        return tuple(quote for quote in quotes if quote in kept)

    def _grow(self, now_ns: Nanos, wanted: int) -> None:
        """By one on each side at a time: all at once could be refused more often than a limit of rejects allows."""
        if self.most is None or now_ns < self.grows_ns:
            return
        self.most, self.grows_ns = self.most + LEAST, Nanos(now_ns + GROWS_NS)
        if self.most >= wanted:
            self.most = None
