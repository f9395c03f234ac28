"""Quotes at the price at which the fill can be hedged at once by taking at another market, less the edge.

    bid = floor(H_bid * ((1 - f_taker) * (1 - f_maker) - edge))
    ask = ceil(H_ask * ((1 + f_taker) * (1 + f_maker) + edge))

H is what taking there yields: the volume-weighted price over the levels that the quantity needs. Of a best bid and
offer only the best level is known, so no quote is larger than a share of what rests there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tradingbot_runtime.core.quoting import MarketView, Quote
from tradingbot_runtime.core.reference_price import Rational
from tradingbot_runtime.model import Instrument, Side
from tradingbot_runtime.strategies.levels import post_only


@dataclass(frozen=True, slots=True)
class CrossExchange:
    """The view's reference is the hedge market. Rates are in `1 / unit`; `ratio` turns its ticks into ours."""

    instrument: Instrument
    hedge: Instrument
    ratio: Rational
    size: int  # lots
    book_share: Rational  # of the quantity that rests at the hedge's best price
    unit: int
    taker_fee: int
    maker_fee: int
    edge: int
    max_position: int  # lots

    def quotes(self, view: MarketView) -> Sequence[Quote]:
        """Nothing while a book is unknown or crossed, or the hedge market is too thin for a lot."""
        if not view.reference.is_valid or not view.venue.is_valid:
            return ()
        unit, edge = self.unit, self.edge * self.unit
        below = (unit - self.taker_fee) * (unit - self.maker_fee) - edge
        above = (unit + self.taker_fee) * (unit + self.maker_fee) + edge
        numerator, denominator = self.ratio[0], self.ratio[1] * unit * unit
        bid = view.reference.bid * numerator * below // denominator
        ask = -(-view.reference.ask * numerator * above // denominator)
        buys = min(self.size, self._hedgeable(view.reference.bid_lots), self.max_position - view.position)
        sells = min(self.size, self._hedgeable(view.reference.ask_lots), self.max_position + view.position)
        return (
            *post_only(Side.BUY, [(bid, buys)], view.venue.highest_buy, self.instrument),
            *post_only(Side.SELL, [(ask, sells)], view.venue.lowest_sale, self.instrument),
        )

    def _hedgeable(self, resting: int) -> int:
        """Our lots that a share of `resting` lots there can take."""
        share, of = self.book_share
        return resting * self.hedge.lot_units * share // (of * self.instrument.lot_units)


def taking_price(levels: Sequence[tuple[int, int]], lots: int) -> Rational | None:
    """The volume-weighted price of taking `lots` from `levels` (price, lots), best first; None: there is not enough."""
    left, value = lots, 0
    for price, resting in levels:
        taken = min(left, resting)
        left -= taken
        value += taken * price
        if not left:
            return value, lots
    return None
