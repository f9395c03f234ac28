"""Quotes at the price at which the fill can be hedged at once by taking at another market, less the edge.

    bid = floor(H_bid * ((1 - f_taker) * (1 - f_maker) - edge))
    ask = ceil(H_ask * ((1 + f_taker) * (1 + f_maker) + edge))

H is what taking there yields. Of a best bid and offer only the best level is known, so no quote is larger than a share
of what rests there, nor than what the account there can pay for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tradingbot_runtime.core.quoting import MarketView, Quote, reducing
from tradingbot_runtime.core.reference_price import Rational
from tradingbot_runtime.model import HedgeReported, HedgeStress, Instrument, Lots, Side
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
    late_edge: int  # added while hedging is late
    max_position: int | None  # lots

    def quotes(self, view: MarketView) -> Sequence[Quote]:
        """Nothing while a book or the hedge is unknown, or the hedge market is too thin for a lot."""
        hedge = view.hedge
        if hedge is None or not view.reference.is_valid or not view.venue.is_valid:
            return ()
        bid, ask = self._prices(view, self.edge if hedge.stress is HedgeStress.HEDGED else self.edge + self.late_edge)
        buys = min(self.size, self._hedgeable(view.reference.bid_lots), self._sellable_there(view, hedge))
        sells = min(self.size, self._hedgeable(view.reference.ask_lots), self._buyable_there(view, hedge, ask))
        if self.max_position is not None:
            buys = min(buys, self.max_position - view.position)
            sells = min(sells, self.max_position + view.position)
        made = (
            *post_only(Side.BUY, [(bid, buys)], view.venue.highest_buy, self.instrument),
            *post_only(Side.SELL, [(ask, sells)], view.venue.lowest_sale, self.instrument),
        )
        return reducing(made, self._lots(view.residual)) if hedge.stress is HedgeStress.REDUCING else made

    def _prices(self, view: MarketView, edge: int) -> tuple[int, int]:
        unit = self.unit
        below = (unit - self.taker_fee) * (unit - self.maker_fee) - edge * unit
        above = (unit + self.taker_fee) * (unit + self.maker_fee) + edge * unit
        numerator, denominator = self.ratio[0], self.ratio[1] * unit * unit
        bid = view.reference.bid * numerator * below // denominator
        return bid, -(-view.reference.ask * numerator * above // denominator)

    def _hedgeable(self, resting: int) -> int:
        """Our lots that a share of `resting` lots there can take."""
        share, of = self.book_share
        return resting * self.hedge.lot_units * share // (of * self.instrument.lot_units)

    def _sellable_there(self, view: MarketView, hedge: HedgeReported) -> int:
        """Our lots that the account there can sell, beside what it has yet to sell."""
        return (hedge.held_base - max(view.residual, 0)) // self.instrument.lot_units

    def _buyable_there(self, view: MarketView, hedge: HedgeReported, price: int) -> int:
        """The same of buying, at our own price, in which the fees are."""
        return hedge.held_quote // (price * self.instrument.tick_lot) + self._lots(min(view.residual, 0))

    def _lots(self, units: int) -> Lots:
        """Of our market, rounded towards zero."""
        lots = abs(units) // self.instrument.lot_units
        return Lots(lots if units > 0 else -lots)


class HedgeMarket:
    """A hedge market quotes nothing by itself: its orders come from the other market's fills (core.hedging)."""

    def quotes(self, _: MarketView) -> Sequence[Quote]:
        return ()


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
