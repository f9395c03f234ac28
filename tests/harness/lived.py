"""A bot's statuses, one after the other, as a reconciler writes them."""

import itertools
from typing import Any

from tradingbot_operator.api.v1alpha1 import TradingBotStatus
from tradingbot_operator.history import History

NAME = ("n", "maker")
HALT: dict[str, Any] = {"id": "maker-0-1", "slot": 0, "reason": "RiskBreachMaxLoss", "at": "2026-01-02T00:00:00Z"}
RESTARTING: dict[str, Any] = {"class": "Restart", "reason": "SlotsUpdating", "slots": [0]}


def status(phase: str = "Running", **content: Any) -> TradingBotStatus:  # noqa: ANN401 - fields of the status
    return TradingBotStatus.model_validate({"phase": phase} | content)


def live_through(history: History) -> None:
    """A change is rolled out, then a slot halts: one of everything that is measured."""
    lives = [
        status("Pending"),
        status("Progressing", pendingChange=RESTARTING),
        status(),
        status("Halted", halts=[HALT]),
    ]
    for before, after in itertools.pairwise(lives):
        history.written(NAME, before, after, {HALT["id"]: 0})
