"""A grid between two prices."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from tradingbot_runtime.config.fields import BaseQuantity, Price, where_decimal
from tradingbot_runtime.config.quoting import AroundReference
from tradingbot_runtime.config.spec import Rule


class Spacing(StrEnum):
    ARITHMETIC = "Arithmetic"  # equal distances
    GEOMETRIC = "Geometric"  # equal ratios


class Grid(AroundReference):
    """Buys at fixed levels between two prices, sells each of them one level higher."""

    lower_price: Price = Field(description="The lowest level.")
    upper_price: Price = Field(description="The highest level.")
    neutral_price: Price = Field(
        description="Where the position is zero, most often today's price: below it the grid buys, above it sells what "
        "the account holds already. After a jump it makes up for the levels that were passed, at the market."
    )
    levels: int = Field(strict=True, ge=2, le=200, description="Levels, both ends included; rounded to ticks.")
    spacing: Spacing = Field(
        default=Spacing.GEOMETRIC, description="Equal distances (Arithmetic) or equal ratios (Geometric)."
    )
    size: BaseQuantity = Field(description="Quantity bought and sold at each level.")
    orders_per_side: int = Field(
        default=5, strict=True, ge=1, le=50, description="Only this many levels next to the market are in it."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        *AroundReference.rules,
        Rule(
            where_decimal(("lowerPrice", "upperPrice"), "double(self.lowerPrice) < double(self.upperPrice)"),
            "must be above lowerPrice",
            lambda s: s.lower_price < s.upper_price,
            field="upperPrice",
        ),
        Rule(
            where_decimal(
                ("lowerPrice", "neutralPrice", "upperPrice"),
                "double(self.lowerPrice) <= double(self.neutralPrice)"
                " && double(self.neutralPrice) <= double(self.upperPrice)",
            ),
            "must lie between lowerPrice and upperPrice",
            lambda s: s.lower_price <= s.neutral_price <= s.upper_price,
            field="neutralPrice",
        ),
    )
