"""The bps ladder: layers around the reference price that lean against the inventory."""

from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from tradingbot_runtime.config.fields import BaseQuantity, Bps, Factor, PositiveBps, Share, where_decimal
from tradingbot_runtime.config.quoting import WHOLE_BPS, AroundReference
from tradingbot_runtime.config.spec import Rule, Spec


class InventorySkew(Spec):
    """Leans prices and sizes against the inventory, by the share of the account's value held in the base asset."""

    target_share: Share = Field(
        default=Decimal("0.5"), description="Share of the account's value that should be in the base asset."
    )
    spread_factor_bps: Bps = Field(
        default=Decimal(10), description="Spread moved from one side to the other at an imbalance of 1."
    )
    size_factor: Factor = Field(
        default=Decimal("0.8"), description="How far sizes move with the imbalance; 0 leaves them alone."
    )
    max_imbalance: Share = Field(default=Decimal("0.5"), description="The imbalance is cut off here.")
    min_size_factor: Factor = Field(default=Decimal("0.3"), description="Sizes shrink to this factor at most.")
    max_size_factor: Factor = Field(default=Decimal(2), description="Sizes grow to this factor at most.")

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            where_decimal(
                ("minSizeFactor", "maxSizeFactor"), "double(self.minSizeFactor) <= double(self.maxSizeFactor)"
            ),
            "minSizeFactor must not exceed maxSizeFactor",
            lambda s: s.min_size_factor <= s.max_size_factor,
            field="minSizeFactor",
        ),
    )


class MarketMaking(AroundReference):
    """Layers of bids and asks around a reference price, in basis points of it (reference formula: bps ladder)."""

    spread_bps: PositiveBps = Field(description="Distance of the first layer from the reference, on each side.")
    min_spread_bps: Bps = Field(default=Decimal(1), description="The first layer comes no closer than this.")
    max_spread_bps: PositiveBps = Field(
        default=Decimal(500), description="The inventory skew moves the first layer no further than this."
    )
    layers: int = Field(default=1, strict=True, ge=1, le=50, description="Layers on each side.")
    step_bps: Bps = Field(default=Decimal(2), description="Distance from one layer to the next.")
    sizes: Annotated[list[BaseQuantity], Field(min_length=1, max_length=50)] = Field(
        description="Quantity of each layer, inner first; the last one serves all further layers."
    )
    inventory_skew: InventorySkew | None = Field(
        default=None, description="Lean against the inventory; without it both sides are alike."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        *AroundReference.rules,
        Rule(
            where_decimal(
                ("minSpreadBps", "spreadBps", "maxSpreadBps"),
                "double(self.minSpreadBps) <= double(self.spreadBps)"
                " && double(self.spreadBps) <= double(self.maxSpreadBps)",
            ),
            "must lie between minSpreadBps and maxSpreadBps",
            lambda s: s.min_spread_bps <= s.spread_bps <= s.max_spread_bps,
            field="spreadBps",
        ),
        Rule(
            where_decimal(
                ("maxSpreadBps", "stepBps"),
                "double(self.maxSpreadBps) + double(self.stepBps) * double(self.layers) < 10000.0",
            ),
            "maxSpreadBps + layers * stepBps must stay below 10000: a bid cannot be at or under zero",
            lambda s: s.max_spread_bps + s.step_bps * s.layers < WHOLE_BPS,
            field="maxSpreadBps",
        ),
        Rule(
            where_decimal(
                ("feeBps", "edgeBps", "stepBps"),
                "double(self.feeBps) + double(self.edgeBps) + double(self.stepBps) * double(self.layers) < 10000.0",
            ),
            "feeBps + edgeBps + layers * stepBps must stay below 10000: a bid cannot be at or under zero",
            lambda s: s.fee_bps + s.edge_bps + s.step_bps * s.layers < WHOLE_BPS,
            field="feeBps",
        ),
    )
