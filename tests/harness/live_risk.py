"""The limits that mode Live demands, wide enough to be in nobody's way."""

from typing import Any

LIVE_RISK: dict[str, Any] = {
    "maxPosition": "1", "maxOrder": "0.1", "maxOpenOrders": 50, "maxDailyLoss": "5000", "maxDrawdown": "0.5",
    "maxDistanceBps": "500", "maxOrdersPerMinute": 100_000, "maxRejectsPerMinute": 1_000, "maxClockDrift": "1m",
}  # fmt: skip
