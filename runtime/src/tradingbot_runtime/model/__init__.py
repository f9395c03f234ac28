"""The vocabulary of the runtime: units, events (past tense), commands (imperative), control messages.

Everything here is frozen and can be journalled, replayed, or sent.
"""

from tradingbot_runtime.model.commands import AnyCommand, Cancel, Command, Place
from tradingbot_runtime.model.events import (
    AnyEvent,
    BalancesReported,
    CancelRejected,
    Event,
    FeedLost,
    OrderAccepted,
    OrderCanceled,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OutcomeLost,
    ReferenceTicked,
    Restored,
    StateChanged,
    TimePassed,
    TradingState,
    VenueTicked,
)
from tradingbot_runtime.model.units import Instrument, Lots, Money, Nanos, OrderId, Side, Ticks

__all__ = [
    "AnyCommand", "AnyEvent", "BalancesReported", "Cancel", "CancelRejected", "Command", "Event", "FeedLost",
    "Instrument", "Lots", "Money", "Nanos", "OrderAccepted", "OrderCanceled", "OrderEvent", "OrderExpired",
    "OrderFilled", "OrderId", "OrderRejected", "OrderReported", "OrderStatus", "OutcomeLost", "Place",
    "ReferenceTicked", "Restored", "Side", "StateChanged", "Ticks", "TimePassed", "TradingState", "VenueTicked",
]  # fmt: skip
