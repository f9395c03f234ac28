"""What runs instead of the spec that is asked for, and never trades more than that one allows. Pure.

A former spec that runs again must not take back a stop or a limit that somebody has tightened since: whoever wrote
these asked for less, and nobody has said since that more is wanted.
"""

from collections.abc import Mapping
from typing import Any

from tradingbot_runtime.config import DesiredState, Risk, TradingBotSpec
from tradingbot_runtime.config.limit_widths import WIDTHS

TRADES = (DesiredState.STOPPED, DesiredState.PAUSED, DesiredState.RUNNING)  # the least first
# How something is done, not how much: part of what runs, as the strategy is.
POLICIES = frozenset({"own_unknown", "foreign_orders", "on_breach"})
LIMITS = tuple(name for name in WIDTHS if name not in POLICIES)


def safer(running: TradingBotSpec, wanted: TradingBotSpec) -> TradingBotSpec:
    """`running`, with the desired state and the limits of `wanted` where these allow less."""
    tighter = _tighter(running.risk, wanted.risk)
    less: dict[str, Any] = {"risk": running.risk.model_copy(update=tighter)} if tighter else {}
    if TRADES.index(wanted.desired_state) < TRADES.index(running.desired_state):
        less["desired_state"] = wanted.desired_state
    return running.model_copy(update=less) if less else running


def _tighter(running: Risk, wanted: Risk) -> Mapping[str, Any]:
    """By field; one that is not set is the widest."""
    return {
        name: limit for name in LIMITS
        if WIDTHS[name](limit := getattr(wanted, name)) < WIDTHS[name](getattr(running, name))
    }  # fmt: skip
