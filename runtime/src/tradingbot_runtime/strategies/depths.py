"""Quotes at distances that lean against the position: what the model-based strategies have in common.

    bid_i = floor(ref * (1 - d_bid_i)) ;  d_bid = clamp(half + skew * q, least, most) + i * step
    ask_i = ceil(ref * (1 + d_ask_i)) ;   d_ask = clamp(half - skew * q, least, most) + i * step

q is the position in orders. A model (avellaneda_stoikov.py, glft.py) gives `half` and `skew`; each rounds them outward
once, to 1 / UNIT basis points. From there on everything is exact.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Protocol

from tradingbot_runtime.core.calibration import EXACTLY, Flow
from tradingbot_runtime.core.quoting import MarketView, Quote
from tradingbot_runtime.core.reference_price import Rational, ReferencePrice
from tradingbot_runtime.model import Instrument, Side
from tradingbot_runtime.strategies.levels import post_only

UNIT = 10**9  # of a basis point
WHOLE = 10_000 * UNIT


@dataclass(frozen=True, slots=True)
class Depths:
    """In 1 / UNIT basis points: half the spread, and what one order's position moves both quotes by."""

    half: int
    skew: int


class DepthModel(Protocol):
    def depths(self, flow: Flow | None) -> Depths | None:
        """None while the model has not seen enough of the market to quote."""
        ...


def outward(bps: Decimal) -> int:
    """Basis points in 1 / UNIT, rounded up."""
    return int(EXACTLY.multiply(bps, Decimal(UNIT)).to_integral_value(ROUND_CEILING, EXACTLY))


@dataclass(frozen=True, slots=True)
class DepthQuotes:
    """Distances in 1 / UNIT basis points, sizes and positions in lots."""

    model: DepthModel
    price: ReferencePrice
    instrument: Instrument
    size: int
    max_position: int
    least: int
    most: int
    layers: int
    step: int

    def quotes(self, view: MarketView) -> Sequence[Quote]:
        """Nothing while a book is unknown or crossed, the model has not seen enough, or an order is less than a lot."""
        if not view.reference.is_valid or not view.venue.is_valid or not self.size:
            return ()
        depths = self.model.depths(view.flow)
        if depths is None:
            return ()
        price, lean = self.price.of(view.reference, view.basis), depths.skew * view.position
        bids = self._levels(Side.BUY, price, depths.half * self.size + lean, self.max_position - view.position)
        asks = self._levels(Side.SELL, price, depths.half * self.size - lean, self.max_position + view.position)
        return (
            *post_only(Side.BUY, bids, view.venue.highest_buy, self.instrument),
            *post_only(Side.SELL, asks, view.venue.lowest_sale, self.instrument),
        )

    def _levels(self, side: Side, price: Rational, distance: int, room: int) -> Iterator[tuple[int, int]]:
        """`distance` is the first one, times `size`; what fills altogether stays within `room`."""
        numerator, denominator = price
        distance = max(self.least * self.size, min(self.most * self.size, distance))
        whole = WHOLE * self.size
        for layer in range(self.layers):
            size = min(self.size, room - layer * self.size)
            if size <= 0:
                return
            away = distance + layer * self.step * self.size
            if side is Side.BUY:
                yield numerator * (whole - away) // (denominator * whole), size
            else:
                yield -(-numerator * (whole + away) // (denominator * whole)), size
