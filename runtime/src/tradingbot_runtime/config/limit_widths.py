"""How much each limit allows, so that two of a kind can be compared."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from tradingbot_runtime.config.risk import ForeignOrders, OnBreach, OwnUnknown

UNLIMITED = float("inf")  # compared with, never computed with
Width = Callable[[Any], Any]  # a field's value -> something that is greater the more it allows


def _most(value: Any) -> Any:  # noqa: ANN401 - a Decimal or an int, as the field has it
    return UNLIMITED if value is None else value


def _least(value: Any) -> Any:  # noqa: ANN401 - as above
    return -(value or 0)


WIDTHS: Mapping[str, Width] = {
    "max_position": _most,
    "max_order": _most,
    "max_open_orders": _most,
    "max_distance_bps": _most,
    "max_order_notional": _most,
    "max_skew": _most,
    "max_base_exposure": _most,
    "max_gross": _most,
    "fee_reserve_bps": _least,
    "min_interval_ns": _least,
    "max_orders_per_minute": _most,
    "max_rejects_per_minute": _most,
    "max_messages_per_day": _most,
    "max_cancels_per_fill": _most,
    "max_daily_loss": _most,
    "max_drawdown": _most,
    "max_loss_rate": lambda rate: UNLIMITED if rate is None else Fraction(rate.loss) / rate.within_ns,
    "stale_after_ns": _most,
    "max_clock_drift_ns": _most,
    "max_divergence_bps": _most,
    "halt_after_ns": _most,
    "own_unknown": [OwnUnknown.CANCEL, OwnUnknown.ADOPT].index,
    "foreign_orders": [ForeignOrders.HALT, ForeignOrders.COUNT, ForeignOrders.IGNORE].index,
    "on_breach": [OnBreach.FLATTEN, OnBreach.CANCEL_ALL, OnBreach.REDUCE_ONLY].index,
    "max_slippage_bps": _most,
}
