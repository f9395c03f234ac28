"""What all strategies have in common: the price they quote around, what a fill costs, when an order may stay."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tradingbot_runtime.config.fields import Bps, PositiveBps, Share, TickShift, TimeConstant
from tradingbot_runtime.config.spec import Rule, Spec

WHOLE_BPS = 10_000


class ReferencePriceKind(StrEnum):
    MID = "Mid"
    WEIGHTED_MID = "WeightedMid"
    MICRO_PRICE = "MicroPrice"


class MicroPrice(Spec):
    """The micro-price's distance from the mid, fitted to a recording by `hack/micro_price`."""

    shift_ticks: Annotated[
        list[Annotated[list[TickShift], Field(min_length=1, max_length=20)]], Field(min_length=1, max_length=20)
    ] = Field(
        description="A row for each spread of the reference, from one tick up; in it a shift for each equal part of "
        "the imbalance of the best quantities, from balanced to one-sided. The shift is in the reference's ticks, "
        "towards the larger quantity. A wider spread than there are rows means the mid."
    )


class Basis(Spec):
    """The venue's standing difference to the reference, measured and added to the reference price.

    Measured is an average of ln(venue mid / reference mid).
    """

    time_constant_ns: TimeConstant = Field(
        default=60_000_000_000, alias="timeConstant", description="How fast the average forgets."
    )
    clip_bps: Bps = Field(default=Decimal(50), description="The reference price is moved by no more than this.")
    depeg_bps: PositiveBps | None = Field(
        default=None,
        description="A larger difference than this, either way, means that the venue's quote asset has lost its peg: "
        "only orders that reduce the position.",
    )


class Hysteresis(Spec):
    """An order stays where it is while it is this close to what is wanted, to save messages."""

    ticks: int = Field(default=1, strict=True, ge=0, le=1000, description="Price distance that is tolerated, in ticks.")
    quantity_share: Share = Field(
        default=Decimal("0.2"), description="Quantity difference that is tolerated, as a share of the wanted one."
    )


class Quoting(Spec):
    """What every strategy says beside its own numbers."""

    hysteresis: Hysteresis = Field(default=Hysteresis(), description="When an order is close enough to stay.")


class AroundReference(Quoting):
    """What a strategy says that quotes around a price of the reference."""

    reference_price: ReferencePriceKind = Field(
        default=ReferencePriceKind.MID, description="What price of the reference's book the quotes are made around."
    )
    micro_price: MicroPrice | None = Field(default=None, description="Needed by referencePrice: MicroPrice.")
    basis: Basis | None = Field(
        default=None, description="Follow the venue's standing difference to the reference; without it, there is none."
    )
    fee_bps: Bps = Field(default=Decimal(0), description="Fees and hedging cost of a fill.")
    edge_bps: Bps = Field(default=Decimal(0), description="Least edge over the fees; widens the spread if need be.")

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.referencePrice != 'MicroPrice' || has(self.microPrice)",
            "required when referencePrice is MicroPrice: a table fitted to a recording",
            lambda s: s.reference_price is not ReferencePriceKind.MICRO_PRICE or s.micro_price is not None,
            field="microPrice",
            missing=True,
        ),
    )
