"""Strategies that take their distances from a model of the market: Avellaneda-Stoikov and GLFT."""

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from tradingbot_runtime.config.fields import (
    ArrivalRate,
    BaseQuantity,
    Bps,
    Decay,
    Factor,
    Horizon,
    PositiveBps,
    RiskAversion,
    Volatility,
    Window,
    where_decimal,
    where_duration,
)
from tradingbot_runtime.config.quoting import WHOLE_BPS, AroundReference
from tradingbot_runtime.config.spec import Rule, Spec


class Calibration(Spec):
    """How the market's flow is measured at the reference's feed."""

    window_ns: Window = Field(
        default=600_000_000_000, alias="window",
        description="How far back is looked; a quarter of it must have been seen.",
    )  # fmt: skip
    interval_ns: Window = Field(
        default=100_000_000, alias="interval", description="Price moves and arrivals are counted over intervals."
    )
    refit_ns: Window = Field(default=5_000_000_000, alias="refitEvery", description="How often the model is fitted.")
    depth_bps: PositiveBps = Field(
        default=Decimal(5),
        description="Arrivals are counted at 20 levels up to this distance from the mid. It should span ten ticks "
        "of the reference at least, and what the market moves by in a few intervals.",
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            where_duration(
                ("window", "interval", "refitEvery"),
                "duration(self.interval) < duration(self.window) && duration(self.refitEvery) < duration(self.window)",
            ),
            "interval and refitEvery must be shorter than window",
            lambda c: max(c.interval_ns, c.refit_ns) < c.window_ns,
            field="window",
        ),
    )


class DepthModel(AroundReference):
    """What both models share. An order's position is the position divided by `size`."""

    size: BaseQuantity = Field(description="Quantity of each order; the model counts the position in these.")
    risk_aversion: RiskAversion = Field(
        description="How much risk costs, per basis point and order: more of it leans harder and quotes wider."
    )
    max_inventory: int = Field(
        default=10, strict=True, ge=1, le=1000, description="Largest position, in orders, that quotes may lead to."
    )
    max_depth_bps: PositiveBps = Field(default=Decimal(500), description="No first layer further out than this.")
    layers: int = Field(default=1, strict=True, ge=1, le=50, description="Layers on each side.")
    step_bps: Bps = Field(default=Decimal(2), description="Distance from one layer to the next.")
    calibration: Calibration = Field(
        default=Calibration(), description="How the market's flow is measured where it is not given."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        *AroundReference.rules,
        Rule(
            where_decimal(
                ("feeBps", "edgeBps", "maxDepthBps"),
                "double(self.feeBps) + double(self.edgeBps) <= double(self.maxDepthBps)",
            ),
            "must be at least feeBps + edgeBps: no order may be closer than that",
            lambda s: s.fee_bps + s.edge_bps <= s.max_depth_bps,
            field="maxDepthBps",
        ),
        Rule(
            where_decimal(
                ("maxDepthBps", "stepBps"),
                "double(self.maxDepthBps) + double(self.stepBps) * double(self.layers) < 10000.0",
            ),
            "maxDepthBps + layers * stepBps must stay below 10000: a bid cannot be at or under zero",
            lambda s: s.max_depth_bps + s.step_bps * s.layers < WHOLE_BPS,
            field="maxDepthBps",
        ),
    )


class AvellanedaStoikov(DepthModel):
    """Avellaneda & Stoikov 2008, over a rolling horizon."""

    decay_per_bps: Decay = Field(
        description="The model's kappa: how fast fills get rarer with distance, per basis point."
    )
    horizon_ns: Horizon = Field(
        default=60_000_000_000, alias="horizon", description="The time over which the position's risk counts."
    )
    volatility_bps: Volatility | None = Field(
        default=None,
        description="The reference price's standard deviation over one second; without it, as the feed shows it, and "
        "no quotes until it has shown enough.",
    )


class KnownFlow(Spec):
    """The market's flow, as somebody has measured it."""

    arrivals_per_second: ArrivalRate = Field(description="The model's A: fills a second at the mid.")
    decay_per_bps: Decay = Field(description="The model's k: how fast fills get rarer with distance, per basis point.")
    volatility_bps: Volatility = Field(description="The reference price's standard deviation over one second.")


class Glft(DepthModel):
    """Gueant, Lehalle & Fernandez-Tapia 2013: an infinite horizon and a bound on the position."""

    flow: KnownFlow | None = Field(
        default=None,
        description="Used until the feed has shown enough; without it nothing is quoted before.",
    )
    skew_factor: Factor = Field(
        default=Decimal(1), description="Leans harder (more than 1) or less than the model says."
    )
