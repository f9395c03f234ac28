"""What the markets of a slot tell each other."""

from enum import StrEnum

from tradingbot_runtime.model.event import Event
from tradingbot_runtime.model.units import Instrument, Money


class HedgeStress(StrEnum):
    """How well hedging works; later is worse."""

    HEDGED = "Hedged"
    WIDER = "Wider"  # the hedge is late: quote as if it cost more
    REDUCING = "Reducing"  # the hedge does not work: only what reduces the residual


class QuotedMoved(Event, frozen=True, kw_only=True, gc=False):
    """To a hedge market: what all fills of the market that it hedges have brought."""

    base: int  # in 1e-8 of the base asset, fees in it taken off


class HedgeReported(Event, frozen=True, kw_only=True, gc=False):
    """To a hedged market: what its hedge market has done, what it could do, and how well that works."""

    stress: HedgeStress
    base: int  # in 1e-8 of the base asset: what all hedges have brought, fees in it taken off
    cash: Money  # that they have paid in and out, fees in the quote asset taken off, in our money units
    held_base: int  # in 1e-8: what the account there holds
    held_quote: Money  # in our money units

    def profit(self, mid_2: int, unit: int, instrument: Instrument) -> Money:
        """Of all hedges, at a mark of `mid_2 / (2 * unit)` of our ticks, rounded down."""
        return Money(self.cash + self.base * mid_2 * instrument.tick_lot // (2 * unit * instrument.lot_units))


class OthersExposed(Event, frozen=True, kw_only=True, gc=False):
    """What the slot's other markets hold and could still buy or sell, at its worst, where it adds to ours."""

    long: int  # in 1e-8 of our base asset: other markets of that asset
    short: int  # as a positive number
    gross: int  # in 1e-8 of our quote asset: absolute worst positions of other markets priced in it
    base_bound: int = 0  # in 1e-8, of an account that is ours, too: by their open orders
    quote_bound: int = 0
    base_moved: int = 0  # by all their fills
    quote_moved: int = 0
