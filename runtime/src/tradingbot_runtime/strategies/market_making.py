"""The bps ladder with inventory skew (reference/runtime.md 10.1), in exact integer arithmetic.

    V_b = base * ref ;  g = clip((V_q - V_b) / (V_q + V_b) - (1 - 2 * target), +-g_max)
    s_bid = max(clamp(s_base - k * g, s_min, s_max), fee + edge) ;  s_ask likewise with + k * g
    P_bid_i = floor(ref * (1 - (s_bid + i * step) / 1e4)) ;  P_ask_i = ceil(ref * (1 + (s_ask + i * step) / 1e4))
    Q_bid_i = floor(Q_i * clamp(1 + m * g, m_min, m_max)) ;  Q_ask_i = floor(Q_i * clamp(1 - m * g, m_min, m_max))

then: post-only clamp against what stands in the venue's book, equal ticks merged, too small ones dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from tradingbot_runtime.config import MarketMaking
from tradingbot_runtime.core.quoting import MarketView, Quote
from tradingbot_runtime.core.reference_price import Rational, ReferencePrice
from tradingbot_runtime.model import Instrument, Side
from tradingbot_runtime.strategies.levels import post_only

WHOLE_BPS = 10_000


@dataclass(frozen=True, slots=True)
class Ladder:
    """Parameters as integers: basis points in `1/scale` bps, sizes in `1/size_scale` lots, factors in `1/unit`."""

    scale: int
    spread: int
    min_spread: int
    max_spread: int
    min_edge: int
    step: int
    layers: int
    size_scale: int
    sizes: tuple[int, ...]
    unit: int
    skew_spread: int  # in 1/scale bps
    skew_size: int
    max_skew: int
    neutral: int  # 1 - 2 * target share
    min_factor: int
    max_factor: int
    price: ReferencePrice
    instrument: Instrument

    def quotes(self, view: MarketView) -> Sequence[Quote]:
        """The ladder; empty while a book is unknown or crossed."""
        if not view.reference.is_valid or not view.venue.is_valid:
            return ()
        price = self.price.of(view.reference, view.basis)
        skew, skew_den = self._skew(view, price)
        bids = self._side(Side.BUY, price, (skew, skew_den))
        asks = self._side(Side.SELL, price, (-skew, skew_den))
        return (
            *post_only(Side.BUY, bids, view.venue.highest_buy, self.instrument),
            *post_only(Side.SELL, asks, view.venue.lowest_sale, self.instrument),
        )

    def _skew(self, view: MarketView, price: Rational) -> Rational:
        """The clipped imbalance."""
        base_value = view.base * self.instrument.tick_lot * price[0]
        quote_value = view.quote * price[1]
        total = base_value + quote_value
        if total <= 0:
            return 0, 1
        numerator, denominator = (quote_value - base_value) * self.unit - self.neutral * total, total * self.unit
        bound = self.max_skew * total
        return max(-bound, min(bound, numerator)), denominator

    def _side(self, side: Side, price: Rational, skew: Rational) -> list[tuple[int, int]]:
        """One side. A positive skew brings it closer and makes it bigger: there is too little of what it buys."""
        numerator, denominator = price
        lean, lean_den = skew
        spread = self.spread * lean_den - self.skew_spread * lean  # in 1/(scale * lean_den) bps
        spread = max(self.min_spread * lean_den, min(self.max_spread * lean_den, spread))
        spread = max(spread, self.min_edge * lean_den)
        factor = self.unit * lean_den + self.skew_size * lean  # in 1/(unit * lean_den)
        factor = max(self.min_factor * lean_den, min(self.max_factor * lean_den, factor))
        whole = WHOLE_BPS * self.scale * lean_den
        levels: list[tuple[int, int]] = []
        for layer in range(self.layers):
            distance = spread + layer * self.step * lean_den
            size = self.sizes[min(layer, len(self.sizes) - 1)] * factor // (self.size_scale * self.unit * lean_den)
            if side is Side.BUY:
                levels.append((numerator * (whole - distance) // (denominator * whole), size))
            else:
                levels.append((-(-numerator * (whole + distance) // (denominator * whole)), size))
        return levels


def ladder(config: MarketMaking, instrument: Instrument, price: ReferencePrice) -> Ladder:
    """The ladder of `config` for `instrument`, around `price`."""
    bps = [Fraction(b) for b in (config.spread_bps, config.min_spread_bps, config.max_spread_bps,
                                 config.fee_bps + config.edge_bps, config.step_bps)]  # fmt: skip
    skew = config.inventory_skew
    skew_bps = Fraction(skew.spread_factor_bps) if skew else Fraction(0)
    scale = lcm(skew_bps.denominator, *(b.denominator for b in bps))
    sizes = [Fraction(size) / Fraction(instrument.lot_size) for size in config.sizes]
    size_scale = lcm(*(size.denominator for size in sizes))
    factors = [Fraction(0), Fraction(0), Fraction(0), Fraction(1), Fraction(1)]
    if skew:
        factors = [Fraction(skew.size_factor), Fraction(skew.max_imbalance), 1 - 2 * Fraction(skew.target_share),
                   Fraction(skew.min_size_factor), Fraction(skew.max_size_factor)]  # fmt: skip
    unit = lcm(*(f.denominator for f in factors))
    spread, min_spread, max_spread, min_edge, step = (int(b * scale) for b in bps)
    skew_size, max_skew, neutral, min_factor, max_factor = (int(f * unit) for f in factors)
    return Ladder(
        scale=scale, spread=spread, min_spread=min_spread, max_spread=max_spread, min_edge=min_edge, step=step,
        layers=config.layers, size_scale=size_scale, sizes=tuple(int(s * size_scale) for s in sizes), unit=unit,
        skew_spread=int(skew_bps * scale), skew_size=skew_size, max_skew=max_skew, neutral=neutral,
        min_factor=min_factor, max_factor=max_factor, price=price, instrument=instrument,
    )  # fmt: skip
