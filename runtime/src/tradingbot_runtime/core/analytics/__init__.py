"""What the quoting earns: markouts, the profit's parts, fill ratio, quote uptime. Pure, bounded, by event times."""

from tradingbot_runtime.core.analytics.fill_ratio import FillRatio
from tradingbot_runtime.core.analytics.markout import HORIZONS, UNKNOWN_LAYER, Markout, Markouts
from tradingbot_runtime.core.analytics.performance import Performance
from tradingbot_runtime.core.analytics.quote_uptime import EXPECTS_NONE, WITHIN_BPS, QuoteUptime
from tradingbot_runtime.core.analytics.reference_mark import NOWHERE, Mark
from tradingbot_runtime.core.analytics.spread_capture import Parts, SpreadCapture

__all__ = [
    "EXPECTS_NONE", "HORIZONS", "NOWHERE", "UNKNOWN_LAYER", "WITHIN_BPS", "FillRatio", "Mark", "Markout", "Markouts",
    "Parts", "Performance", "QuoteUptime", "SpreadCapture",
]  # fmt: skip
