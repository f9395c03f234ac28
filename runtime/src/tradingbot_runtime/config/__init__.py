"""The specs of bot, venue and slot: embedded by the CRDs, read by `tradingbot-runtime run`. Pure data, no I/O."""

from tradingbot_runtime.config.bot import (
    DesiredState,
    Mode,
    OnStop,
    TradingBotSpec,
)
from tradingbot_runtime.config.cautions import warnings
from tradingbot_runtime.config.cross_exchange import CrossExchange
from tradingbot_runtime.config.depth_models import AvellanedaStoikov, Calibration, DepthModel, Glft, KnownFlow
from tradingbot_runtime.config.grid import Grid, Spacing
from tradingbot_runtime.config.manifest import Manifest, load
from tradingbot_runtime.config.market import Market, VenueSymbol
from tradingbot_runtime.config.market_making import InventorySkew, MarketMaking
from tradingbot_runtime.config.paper import Paper, QueueModel
from tradingbot_runtime.config.pod import Pod, Storage
from tradingbot_runtime.config.problems import InvalidConfig, problems
from tradingbot_runtime.config.quoting import (
    AroundReference,
    Basis,
    Hysteresis,
    MicroPrice,
    Quoting,
    ReferencePriceKind,
)
from tradingbot_runtime.config.risk import LossRate, OnBreach, Risk
from tradingbot_runtime.config.rollout import Analysis, OnFailure, Rollout
from tradingbot_runtime.config.slot import (
    BotIdentity,
    CarriedMarket,
    HaltLatch,
    LeaseReference,
    ResumedHalt,
    SlotConfig,
    slot_config,
)
from tradingbot_runtime.config.spec import Rule, Spec, as_written
from tradingbot_runtime.config.strategy import Strategy
from tradingbot_runtime.config.venue import Endpoints, Environment, OrderEntry, RateLimit, VenueSpec, VenueType

__all__ = [
    "Analysis", "AroundReference", "AvellanedaStoikov", "Basis", "BotIdentity", "Calibration", "CarriedMarket",
    "CrossExchange", "DepthModel", "DesiredState", "Endpoints", "Environment", "Glft", "Grid", "HaltLatch",
    "Hysteresis", "InvalidConfig", "InventorySkew", "KnownFlow", "LeaseReference", "LossRate", "Manifest", "Market",
    "MarketMaking", "MicroPrice",
    "Mode", "OnBreach", "OnFailure", "OnStop", "OrderEntry", "Paper", "Pod", "QueueModel", "Quoting", "RateLimit",
    "ReferencePriceKind", "ResumedHalt", "Risk", "Rollout", "Rule", "SlotConfig", "Spacing", "Spec", "Storage",
    "Strategy", "TradingBotSpec", "VenueSpec", "VenueSymbol", "VenueType", "as_written", "load", "problems",
    "slot_config", "warnings",
]  # fmt: skip
