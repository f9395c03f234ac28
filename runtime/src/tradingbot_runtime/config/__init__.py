"""The specs of bot, venue and slot: embedded by the CRDs, read by `tradingbot-runtime run`. Pure data, no I/O."""

from tradingbot_runtime.config.bot import (
    DesiredState,
    Market,
    Mode,
    OnStop,
    TradingBotSpec,
    VenueSymbol,
)
from tradingbot_runtime.config.manifest import Manifest, load
from tradingbot_runtime.config.pod import Pod, Storage
from tradingbot_runtime.config.problems import InvalidConfig, problems
from tradingbot_runtime.config.risk import LossRate, OnBreach, Risk
from tradingbot_runtime.config.slot import BotIdentity, HaltLatch, LeaseReference, ResumedHalt, SlotConfig, slot_config
from tradingbot_runtime.config.spec import Rule, Spec
from tradingbot_runtime.config.strategy import Hysteresis, InventorySkew, MarketMaking, Strategy
from tradingbot_runtime.config.venue import Endpoints, Environment, RateLimit, VenueSpec, VenueType

__all__ = [
    "BotIdentity", "DesiredState", "Endpoints", "Environment", "HaltLatch", "Hysteresis", "InvalidConfig",
    "InventorySkew", "LeaseReference", "LossRate", "Manifest", "Market", "MarketMaking", "Mode", "OnBreach",
    "OnStop", "Pod", "RateLimit", "ResumedHalt", "Risk", "Rule", "SlotConfig", "Spec", "Storage", "Strategy",
    "TradingBotSpec", "VenueSpec", "VenueSymbol", "VenueType", "load", "problems", "slot_config",
]  # fmt: skip
