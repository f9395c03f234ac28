"""What a bot may do and lose: limits on its orders, and what happens when it breaks one by itself."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tradingbot_runtime.config.fields import (
    BaseQuantity,
    Bps,
    Drift,
    Interval,
    LossWindow,
    Patience,
    PositiveBps,
    PositiveShare,
    QuoteAmount,
    Staleness,
)
from tradingbot_runtime.config.spec import Spec


class OnBreach(StrEnum):
    """What follows when a limit is broken; each holds until a person resumes."""

    CANCEL_ALL = "CancelAll"  # no new orders, all cancelled
    FLATTEN = "Flatten"  # the same, and then the position is closed in small steps
    REDUCE_ONLY = "ReduceOnly"  # only orders that reduce the position


class OwnUnknown(StrEnum):
    """What becomes of an open order of this slot that its journal does not know."""

    CANCEL = "Cancel"
    ADOPT = "Adopt"  # it is taken up, and stays where it serves a quote


class ForeignOrders(StrEnum):
    """What open orders of others, at a symbol that this bot trades, mean to it."""

    IGNORE = "Ignore"
    COUNT = "Count"  # they count as exposure
    HALT = "Halt"  # nobody else may trade here: they are a loss of account truth, as a wrong balance is


class LossRate(Spec):
    """A loss that is too fast, whatever the day's result is."""

    loss: QuoteAmount = Field(description="Loss against the best result within the window.")
    within_ns: LossWindow = Field(alias="within", description="Length of the window.")


Orders = Annotated[int, Field(strict=True, ge=1, le=500)]
PerMinute = Annotated[int, Field(strict=True, ge=1, le=100_000)]
PerDay = Annotated[int, Field(strict=True, ge=1, le=100_000_000)]


class Risk(Spec):
    """Limits that no order may exceed.

    In mode Live those without a default must be written, except where they are called optional: a forgotten limit
    must not mean `none`.
    """

    # -- orders
    max_position: BaseQuantity | None = Field(
        default=None,
        description="Largest absolute position per market, counting all that could still fill. A position beyond it "
        "is a breach.",
    )
    max_order: BaseQuantity | None = Field(default=None, description="Largest single order.")
    max_open_orders: Orders | None = Field(
        default=None, description="Orders in the market at once, per market; unknown ones count."
    )
    max_distance_bps: PositiveBps | None = Field(
        default=None, description="Fat finger: no order further than this from the reference price."
    )
    max_order_notional: QuoteAmount | None = Field(
        default=None, description="Optional. Largest value of a single order."
    )
    max_skew: BaseQuantity | None = Field(
        default=None,
        description="Optional. From this position on, no order that increases it; what fills meanwhile is limited by "
        "maxPosition.",
    )
    max_base_exposure: BaseQuantity | None = Field(
        default=None,
        description="Optional. Largest position of one base asset over all markets that trade it, at its worst. "
        "Divided by the slots.",
    )
    max_gross: QuoteAmount | None = Field(
        default=None,
        description="Optional. Largest sum of the absolute positions of all markets of one quote asset, at their "
        "worst, valued at the reference. Divided by the slots.",
    )
    fee_reserve_bps: Bps = Field(
        default=Decimal(10),
        description="Kept free of the balance for the fees of what is bought, in basis points of the purchase.",
    )  # fmt: skip
    min_interval_ns: Interval | None = Field(
        default=None,
        alias="minInterval",
        description="Optional. Shortest time between two moments of placing orders; "
        "those that Flatten sends are exempt.",
    )
    # -- rates
    max_orders_per_minute: PerMinute | None = Field(
        default=None, description="More new orders than this, per market, are a breach: something runs away."
    )
    max_rejects_per_minute: PerMinute | None = Field(
        default=None, description="More refusals by the venue than this, per market, are a breach."
    )
    max_messages_per_day: PerDay | None = Field(
        default=None,
        description="Optional. Messages that orders cost since midnight UTC, per market; beyond it only cancels are "
        "sent, and the orders of Flatten.",
    )
    max_cancels_per_fill: PerMinute | None = Field(
        default=None,
        description="Optional. Cancels for each fill since midnight UTC, per market (the first 1000 are free); beyond "
        "it no new order is sent but those of Flatten.",
    )
    # -- losses
    max_daily_loss: QuoteAmount | None = Field(
        default=None,
        description="A greater loss since midnight UTC (realised and unrealised; fees in base or quote included, those "
        "paid in a third asset not) is a breach.",
    )
    max_drawdown: PositiveShare | None = Field(
        default=None,
        description="A greater loss since the best result ever is a breach; a share of the account's value at that "
        "time. Fees as with maxDailyLoss. Resuming that halt begins anew from where the bot stands.",
    )
    max_loss_rate: LossRate | None = Field(default=None, description="Optional. A faster loss is a breach.")
    # -- doubts
    stale_after_ns: Staleness = Field(
        default=3_000_000_000, alias="staleAfter",
        description="When what is known from a feed is older than this, because it is silent or because it comes late, "
        "all quotes are withdrawn.",
    )  # fmt: skip
    max_clock_drift_ns: Drift | None = Field(
        default=None, alias="maxClockDrift",
        description="The venue's clock and ours further apart than this are a breach (mode Live).",
    )  # fmt: skip
    max_divergence_bps: PositiveBps | None = Field(
        default=None,
        description="Optional. While the reference and the market's crossCheck, or where there is none the execution's "
        "book, are further apart than this, nothing is quoted; for longer than haltAfter it is a breach.",
    )
    halt_after_ns: Patience = Field(
        default=30_000_000_000, alias="haltAfter",
        description="How long feeds may diverge, or the account may differ from what was booked, until it is a breach.",
    )  # fmt: skip
    own_unknown: OwnUnknown = Field(
        default=OwnUnknown.CANCEL,
        description="An open order of this slot that its journal does not know (a lost volume): Cancel, or Adopt it.",
    )
    foreign_orders: ForeignOrders = Field(
        default=ForeignOrders.COUNT,
        description="Open orders of others at a symbol that is traded here: Ignore; Count them as exposure; or Halt, "
        "where nobody else may trade: then others' trades, deposits and withdrawals are a breach as well.",
    )
    # -- breaches
    on_breach: OnBreach = Field(
        default=OnBreach.CANCEL_ALL,
        description="What a breach does, until a person resumes: CancelAll withdraws everything; Flatten then closes "
        "the position, too; ReduceOnly goes on with orders that reduce the position.",
    )
    max_slippage_bps: PositiveBps = Field(
        default=Decimal(50),
        description="How far from the reference an order that takes may trade, to flatten or to hedge; maxDistanceBps "
        "holds as well.",
    )  # fmt: skip
