"""How many orders the venue lets rest at once, learned from its refusals. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from tradingbot_runtime.core.quoting import Quote
from tradingbot_runtime.model import Nanos, Side

LEAST = 2  # a bid and an offer
TRIES_AGAIN_NS = 300_000_000_000  # others' orders, or the venue's terms, may have changed


@dataclass(slots=True)
class OrderRoom:
    most: int | None = None  # None: as many as are wanted
    until_ns: Nanos = Nanos(0)

    def refused(self, now_ns: Nanos, resting: int) -> bool:
        """One more than `resting` was too many; whether fewer are wanted from here on."""
        self._forget(now_ns)
        before, least = self.most, max(resting, LEAST)
        self.most = least if before is None else min(before, least)
        self.until_ns = Nanos(now_ns + TRIES_AGAIN_NS)
        return self.most != before

    def fit(self, quotes: Sequence[Quote], now_ns: Nanos) -> tuple[Quote, ...]:
        """As many as there is room for, the innermost of both sides in turn: never one side alone."""
        self._forget(now_ns)
        if self.most is None or len(quotes) <= self.most:
            return tuple(quotes)
        sides = ([q for q in quotes if q.side is side] for side in (Side.BUY, Side.SELL))
        inner = (sorted(side, key=lambda quote: -quote.side.sign * quote.price) for side in sides)
        kept = [quote for quote in chain.from_iterable(zip_longest(*inner)) if quote is not None][: self.most]
        return tuple(quote for quote in quotes if quote in kept)

    def _forget(self, now_ns: Nanos) -> None:
        if now_ns >= self.until_ns:
            self.most = None
