"""What admission said to the StatefulSet's controller, from the Event that it writes. Pure.

The wording is of `recordPodEvent` and `recordClaimEvent` (`pkg/controller/statefulset/stateful_pod_control.go`).
"""

import re

from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import Trouble
from tradingbot_operator.core.wording import steady

MOST_WORDS = 600
BEYOND_QUOTA = "exceeded quota"


def pods_refused(message: str) -> Trouble:
    """How much of a quota is used is left out: it changes with every other object of the namespace."""
    words = message.partition(" failed error: ")[2] or message
    words = re.sub(r"used: \S+, (?=limited: )", "", words)
    reason = Reason.QUOTA_EXCEEDED if BEYOND_QUOTA in words else Reason.PODS_REFUSED
    return Trouble(reason, f"the pod cannot be made: {steady(words, MOST_WORDS)}")
