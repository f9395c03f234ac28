"""Quotes at the cost of the hedge, and each fill hedged at another venue."""

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.config.fields import BaseQuantity, Bps, Patience, PositiveBps, PositiveShare, where_decimal
from tradingbot_runtime.config.quoting import WHOLE_BPS, Quoting
from tradingbot_runtime.config.spec import Rule


class CrossExchange(Quoting):
    """Quotes where a fill can be hedged at once by taking at the market's `reference`, and hedges each fill there.

    What both markets hold together is to be zero; what is too small for an order there waits for the next fill. By the
    hysteresis an order stays only where it is further out than is wanted: the edge is never less than written.
    """

    size: BaseQuantity = Field(description="Quantity of each quote, one on each side.")
    edge_bps: Bps = Field(
        description="What a fill leaves that is hedged at the reference's best price, fees paid, in basis points of it."
    )
    maker_fee_bps: Bps = Field(default=Decimal(10), description="Fee of a fill of the quotes.")
    taker_fee_bps: Bps = Field(default=Decimal(10), description="Fee of a hedge.")
    book_share: PositiveShare = Field(
        default=Decimal("0.5"),
        description="No quote is larger than this share of what rests at the reference's best price.",
    )
    hedge_slippage_bps: PositiveBps = Field(
        default=Decimal(20),
        description="How far beyond the reference's best price a hedge may go; the risk checks on it are those of the "
        "bot's other orders that take.",
    )
    hedge_timeout_ns: Patience = Field(
        default=5_000_000_000, alias="hedgeTimeout",
        description="A hedge order rests for half of this at most. A fill that is not hedged after all of it is "
        "HedgeLate: quotes move out by lateEdgeBps, and after twice as long only what takes the residual away is "
        "quoted.",
    )  # fmt: skip
    late_edge_bps: Bps = Field(default=Decimal(20), description="Added to edgeBps while a hedge is late.")

    change_class: ClassVar[ChangeClass | None] = ChangeClass.HOT_RELOAD
    rules: ClassVar[tuple[Rule, ...]] = (
        *Quoting.rules,
        Rule(
            where_decimal(
                ("edgeBps", "makerFeeBps", "takerFeeBps", "lateEdgeBps"),
                "double(self.edgeBps) + double(self.makerFeeBps) + double(self.takerFeeBps)"
                " + double(self.lateEdgeBps) < 10000.0",
            ),
            "edgeBps + makerFeeBps + takerFeeBps + lateEdgeBps must stay below 10000: a bid cannot be at or under zero",
            lambda s: s.edge_bps + s.maker_fee_bps + s.taker_fee_bps + s.late_edge_bps < WHOLE_BPS,
            field="edgeBps",
        ),
    )
