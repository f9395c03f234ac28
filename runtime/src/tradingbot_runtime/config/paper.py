"""How orders fill in mode Paper."""

from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from tradingbot_runtime.config.fields import Bps, Delay, QuoteAmount, Share
from tradingbot_runtime.config.spec import Spec


class QueueModel(StrEnum):
    """Where an order stands at its price after others there were withdrawn."""

    CONSERVATIVE = "Conservative"  # they stood behind it, as long as that is possible
    PROPORTIONAL = "Proportional"  # as many before it as behind it, by quantity


class Paper(Spec):
    """Orders are matched inside the runtime against the venue's real book and trades; the venue hears nothing."""

    latency_ns: Delay = Field(
        default=20_000_000, alias="latency", description="How long an order or a cancel takes to arrive."
    )
    jitter_ns: Delay = Field(
        default=0, alias="jitter", description="Up to so much longer, at random; orders may overtake each other."
    )
    queue: QueueModel = Field(
        default=QueueModel.CONSERVATIVE,
        description="Where an order stands at its price after others there were withdrawn: Conservative, they stood "
        "behind it; Proportional, before and behind it by quantity.",
    )
    maker_fee_bps: Bps = Field(default=Decimal(10), description="Fee on what a resting order receives.")
    taker_fee_bps: Bps = Field(default=Decimal(10), description="Fee on what an order receives that takes.")
    capital: QuoteAmount = Field(
        default=Decimal(100_000), description="What the account begins with, and as much again in the base asset."
    )
    lost_answers: Share = Field(
        default=Decimal(0), description="Share of orders whose answer is lost, half of them with the order itself."
    )
    seed: int = Field(default=1, strict=True, ge=0, le=2**31 - 1, description="Of what is random: the same every time.")
