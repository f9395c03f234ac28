"""What a market is traded by; replaced as a whole between two ticks when the configuration changes."""

from dataclasses import dataclass

from tradingbot_runtime.core.estimates import Estimation
from tradingbot_runtime.core.hedging import HedgeTerms
from tradingbot_runtime.core.planner import ONE_BY_ONE, Capabilities
from tradingbot_runtime.core.quoting import Strategy, Tolerance
from tradingbot_runtime.core.risk import Limits


@dataclass(frozen=True, slots=True)
class Terms:
    strategy: Strategy
    tolerance: Tolerance
    limits: Limits
    reference_numerator: int = 1  # reference ticks -> ours
    reference_denominator: int = 1
    reference_is_venue: bool = False  # one market is both: its ticks move both books
    capabilities: Capabilities = ONE_BY_ONE
    estimation: Estimation | None = None  # what to learn from the feeds
    hedge: HedgeTerms | None = None  # this market hedges another one: it takes, and quotes nothing
    hedged: bool = False  # what it earns is known only together with its hedge market
    leg: int = 0  # in its orders' ids: 1 for a hedge market
    leave_on_stop: bool = False  # a stop by command leaves the orders where they are
