"""Pre-trade risk: an ordered chain of small checks, cheap ones first; the first refusal wins. Cancels always pass.

Exposure is the worst case: what we hold, plus all that could still fill, orders of unknown fate included at full
size. A reason code is the same word in logs, metrics and status. The list is that of reference/runtime.md 4.2.
"""

from tradingbot_runtime.core.risk.limits import WHOLE_BPS, Limits
from tradingbot_runtime.core.risk.review import CHECKS, Approved, Decision, Refused, review
from tradingbot_runtime.core.risk.situation import Exposure, Situation, exposure
from tradingbot_runtime.core.risk.verdict import Check, Refusal, Verdict

__all__ = [
    "CHECKS", "WHOLE_BPS", "Approved", "Check", "Decision", "Exposure", "Limits", "Refusal", "Refused", "Situation",
    "Verdict", "exposure", "review",
]  # fmt: skip
