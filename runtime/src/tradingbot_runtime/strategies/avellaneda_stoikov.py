"""Avellaneda & Stoikov 2008 (Quantitative Finance 8(3):217-224), eq. 29 and 30, over a rolling horizon.

    r = s - q * g * sigma^2 * T ;  spread = g * sigma^2 * T + (2 / g) * ln(1 + g / k)

with distances in basis points of s, q in orders, T in seconds: g is per basis point and order, k per basis point,
sigma in basis points by the root of a second. The paper's T runs out at the end of the day; here it stays the same,
because this market has no end of the day.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from tradingbot_runtime.core.calibration import EXACTLY, Flow
from tradingbot_runtime.strategies.depths import Depths, outward


@dataclass(frozen=True, slots=True)
class AvellanedaStoikov:
    risk_aversion: Decimal
    decay: Decimal
    horizon_s: Decimal
    volatility: Decimal | None  # None: as the feed shows it

    def depths(self, flow: Flow | None) -> Depths | None:
        volatility = self.volatility
        if volatility is None:
            if flow is None:
                return None
            volatility = flow.volatility
        return depths(self.risk_aversion, self.decay, self.horizon_s, volatility)


@lru_cache(maxsize=64)  # a pure function of numbers that change every few seconds, asked for at every tick
def depths(risk_aversion: Decimal, decay: Decimal, horizon_s: Decimal, volatility: Decimal) -> Depths:
    """Half the spread, and the reservation price's shift for each order of position."""
    variance = EXACTLY.multiply(EXACTLY.multiply(volatility, volatility), horizon_s)
    shift = EXACTLY.multiply(risk_aversion, variance)
    ratio = EXACTLY.add(1, EXACTLY.divide(risk_aversion, decay))
    half = EXACTLY.add(EXACTLY.divide(shift, 2), EXACTLY.divide(EXACTLY.ln(ratio), risk_aversion))
    return Depths(outward(half), outward(shift))
