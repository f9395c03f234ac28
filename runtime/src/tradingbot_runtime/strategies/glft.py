"""The quotes of an infinite horizon, with a bound on the position.

Gueant, Lehalle & Fernandez-Tapia 2013 (arXiv:1105.3115), in the general form of Gueant 2016 (arXiv:1605.01862), eq. 4.6
and 4.7:

    c1 = 1 / (x * D) * ln(1 + x * D / k) ;  c2 = sqrt(g / (2 * A * D * k) * (1 + x * D / k)^(k / (x * D) + 1))
    half = c1 + D / 2 * sigma * c2 ;        skew = sigma * c2

with x = g and D = 1: q counts orders. Distances are in basis points of the reference price: g is per basis point and
order, k per basis point, A orders a second, sigma in basis points by the root of a second.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from tradingbot_runtime.core.calibration import EXACTLY, Flow
from tradingbot_runtime.strategies.depths import Depths, outward


@dataclass(frozen=True, slots=True)
class Glft:
    risk_aversion: Decimal
    skew_factor: Decimal
    fallback: Flow | None  # until the feed has shown enough

    def depths(self, flow: Flow | None) -> Depths | None:
        known = flow if flow is not None and flow.rate is not None else self.fallback
        if known is None or known.rate is None or known.decay is None:
            return None
        return depths(self.risk_aversion, self.skew_factor, known.rate, known.decay, known.volatility)


@lru_cache(maxsize=64)  # a pure function of numbers that change every few seconds, asked for at every tick
def depths(risk_aversion: Decimal, skew_factor: Decimal, rate: Decimal, decay: Decimal, volatility: Decimal) -> Depths:
    """Half the spread, and the shift of both quotes for each order of position, times `skew_factor`."""
    c1, c2 = coefficients(risk_aversion, rate, decay)
    skew = EXACTLY.multiply(volatility, c2)
    half = EXACTLY.add(c1, EXACTLY.divide(skew, 2))
    return Depths(outward(half), outward(EXACTLY.multiply(skew, skew_factor)))


def coefficients(risk_aversion: Decimal, rate: Decimal, decay: Decimal) -> tuple[Decimal, Decimal]:
    """c1 and c2, at 28 digits."""
    log_ratio = EXACTLY.ln(EXACTLY.add(1, EXACTLY.divide(risk_aversion, decay)))
    c1 = EXACTLY.divide(log_ratio, risk_aversion)
    exponent = EXACTLY.add(1, EXACTLY.divide(decay, risk_aversion))
    power = EXACTLY.exp(EXACTLY.multiply(exponent, log_ratio))
    front = EXACTLY.divide(risk_aversion, EXACTLY.multiply(EXACTLY.multiply(rate, 2), decay))
    return c1, EXACTLY.sqrt(EXACTLY.multiply(front, power))
