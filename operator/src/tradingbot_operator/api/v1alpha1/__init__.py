"""The resources of `tradingbot.dev/v1alpha1`, one module per kind; `make generate` writes crds/ from them."""

from tradingbot_operator.api.v1alpha1.metadata import ObjectMeta
from tradingbot_operator.api.v1alpha1.resource import GROUP, VERSION, Condition, ConditionStatus, Resource, Status
from tradingbot_operator.api.v1alpha1.trading_halt import (
    LabelSelector,
    OnDelete,
    SelectorOperator,
    SelectorRequirement,
    TradingHalt,
    TradingHaltSpec,
    TradingHaltStatus,
)
from tradingbot_operator.api.v1alpha1.tradingbot import (
    AnsweredResume,
    ConfigHash,
    HaltStatus,
    PendingChange,
    Phase,
    RolledBack,
    SlotStatus,
    TradingBot,
    TradingBotStatus,
    Withdrawal,
    WithdrawalState,
)
from tradingbot_operator.api.v1alpha1.venue import Venue, VenueStatus

__all__ = [
    "GROUP", "VERSION", "AnsweredResume", "Condition", "ConditionStatus", "ConfigHash", "HaltStatus",
    "LabelSelector", "ObjectMeta", "OnDelete", "PendingChange", "Phase", "Resource", "RolledBack",
    "SelectorOperator", "SelectorRequirement", "SlotStatus", "Status", "TradingBot", "TradingBotStatus",
    "TradingHalt", "TradingHaltSpec", "TradingHaltStatus", "Venue", "VenueStatus", "Withdrawal", "WithdrawalState",
]  # fmt: skip
