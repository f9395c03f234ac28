"""Markouts: what a fill has gained at the reference's mid some time later. Negative ones are adverse selection.

Markout at horizon h of a trade of q lots at price p:  sign * q * (mid at t + h  -  p), sign +1 for a buy. The one at
h = 0 is the spread that the trade captured.
"""

from collections import deque
from dataclasses import dataclass, field

import msgspec

from tradingbot_runtime.core.analytics.reference_mark import Mark
from tradingbot_runtime.model import Lots, Money, Nanos, Ticks

_MS = 1_000_000
HORIZONS = {"0s": 0, "100ms": 100 * _MS, "1s": 1_000 * _MS, "10s": 10_000 * _MS, "60s": 60_000 * _MS}  # ns
LATER_NS = tuple(HORIZONS.values())[1:]
UNKNOWN_LAYER = "unknown"
LAYERS = ("1", "2", "3", "4", "5", "6+")  # a ladder may have fifty
MOST_PENDING = 2_000  # fills that wait for one horizon
NEVER_NS = Nanos(2**63 - 1)


class Traded(msgspec.Struct, frozen=True):
    """A fill whose markouts are still to come."""

    time_ns: Nanos
    series: str  # side/layer
    signed: Lots
    price: Ticks


class Markout(msgspec.Struct):
    """A sum over fills; its quotient is the markout per notional, 1e4 of which is a basis point."""

    gain: Money = Money(0)
    notional: Money = Money(0)
    fills: int = 0

    def add(self, trade: Traded, mark: Mark) -> None:
        self.gain = Money(self.gain + mark.gain(trade.signed, trade.price))
        self.notional = Money(self.notional + abs(trade.signed) * trade.price * mark.tick_lot)
        self.fills += 1

    def __add__(self, other: "Markout") -> "Markout":
        return Markout(Money(self.gain + other.gain), Money(self.notional + other.notional), self.fills + other.fills)


@dataclass(slots=True)
class Markouts:
    """Sums by side and layer (`series`), one for each of `HORIZONS`."""

    sums: dict[str, list[Markout]] = field(default_factory=dict)
    waiting: list[deque[Traded]] = field(default_factory=lambda: [deque(maxlen=MOST_PENDING) for _ in LATER_NS])
    missed: int = 0  # markouts that nobody can tell: the feed was away, or too many fills waited

    @property
    def due_ns(self) -> Nanos:
        """When the next markout is due."""
        heads = (queue[0].time_ns + after for queue, after in zip(self.waiting, LATER_NS, strict=True) if queue)
        return Nanos(min(heads, default=NEVER_NS))

    def traded(self, trade: Traded, mark: Mark) -> None:
        """Take in a fill that has just happened at `mark`."""
        self._sums(trade.series)[0].add(trade, mark)
        for queue in self.waiting:
            self.missed += len(queue) == MOST_PENDING
            queue.append(trade)

    def settle(self, now_ns: Nanos, mark: Mark, stale_after_ns: int) -> None:
        """Work out what has come due by `now_ns`, at `mark`: the mid that stood at those moments.

        A mid that was older than `stale_after_ns` then is no mid.
        """
        for number, (queue, after_ns) in enumerate(zip(self.waiting, LATER_NS, strict=True), start=1):
            while queue and queue[0].time_ns + after_ns <= now_ns:
                trade = queue.popleft()
                if mark.mid_2 and trade.time_ns + after_ns - mark.seen_ns <= stale_after_ns:
                    self._sums(trade.series)[number].add(trade, mark)
                else:
                    self.missed += 1

    def _sums(self, series: str) -> list[Markout]:
        found = self.sums.get(series)
        if found is None:
            found = self.sums[series] = [Markout() for _ in HORIZONS]
        return found


def layer_name(layer: int | None) -> str:
    """The layer of a quote, counted from 1 at the innermost; the outer ones of a deep ladder count together."""
    return UNKNOWN_LAYER if layer is None else LAYERS[min(layer, len(LAYERS)) - 1]
