"""The bps ladder once more, independently: exact rationals straight from the published formula, no shared code."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor


@dataclass(frozen=True)
class Parameters:
    """As written in a manifest."""

    spread: Fraction
    min_spread: Fraction
    max_spread: Fraction
    min_edge: Fraction
    step: Fraction
    layers: int
    sizes: tuple[Fraction, ...]
    skew_spread: Fraction = Fraction(0)
    skew_size: Fraction = Fraction(0)
    max_skew: Fraction = Fraction(0)
    target: Fraction = Fraction(1, 2)
    min_factor: Fraction = Fraction(1)
    max_factor: Fraction = Fraction(1)


@dataclass(frozen=True)
class Place:
    """Where it is quoted: the instrument's grid and limits, in units of the assets."""

    tick: Fraction
    lot: Fraction
    min_quantity: Fraction
    min_notional: Fraction


Level = tuple[Fraction, Fraction]  # price, quantity


def clamp(value: Fraction, low: Fraction, high: Fraction) -> Fraction:
    return max(low, min(high, value))


def wanted(
    p: Parameters, place: Place, best: tuple[Fraction, Fraction], venue: tuple[Fraction, Fraction],
    holdings: tuple[Fraction, Fraction],
) -> tuple[list[Level], list[Level]]:  # fmt: skip
    """Bids and asks, inner first. `best`, `venue`: bid and ask; `holdings`: base and quote."""
    ref = (best[0] + best[1]) / 2
    base_value, quote_value = holdings[0] * ref, holdings[1]
    total = base_value + quote_value
    gamma = (quote_value - base_value) / total - (1 - 2 * p.target) if total > 0 else Fraction(0)
    gamma = clamp(gamma, -p.max_skew, p.max_skew)
    bid_spread = max(clamp(p.spread - p.skew_spread * gamma, p.min_spread, p.max_spread), p.min_edge)
    ask_spread = max(clamp(p.spread + p.skew_spread * gamma, p.min_spread, p.max_spread), p.min_edge)
    bids: dict[Fraction, Fraction] = {}
    asks: dict[Fraction, Fraction] = {}
    for i in range(p.layers):
        size = p.sizes[min(i, len(p.sizes) - 1)]
        down = ref * (1 - (bid_spread + i * p.step) / 10_000)
        up = ref * (1 + (ask_spread + i * p.step) / 10_000)
        bid = min(floor(down / place.tick) * place.tick, venue[1] - place.tick)
        ask = max(ceil(up / place.tick) * place.tick, venue[0] + place.tick)
        buy = floor(size * clamp(1 + p.skew_size * gamma, p.min_factor, p.max_factor) / place.lot) * place.lot
        sell = floor(size * clamp(1 - p.skew_size * gamma, p.min_factor, p.max_factor) / place.lot) * place.lot
        bids[bid] = bids.get(bid, Fraction(0)) + buy
        asks[ask] = asks.get(ask, Fraction(0)) + sell
    return _large_enough(bids, place), _large_enough(asks, place)


def _large_enough(levels: dict[Fraction, Fraction], place: Place) -> list[Level]:
    return [
        (price, quantity)
        for price, quantity in levels.items()
        if price > 0 and quantity >= place.min_quantity and price * quantity >= place.min_notional
    ]
