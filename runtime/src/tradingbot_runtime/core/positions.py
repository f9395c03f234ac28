"""Position and profit of one market, exact: integers only, no rounding that is not accounted for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from tradingbot_runtime.core.trading_days import DAY_NS, TradingDays
from tradingbot_runtime.model import Instrument, Lots, Money, OrderFilled


@dataclass(slots=True)
class Position:
    """Fills -> position, cost basis, realised profit, fees.

    Money is in the instrument's money units; `Instrument.tick_lot` is the money of one lot at a price of one tick.
    The cost basis is at average cost; a partial reduction takes its share of it rounded towards minus infinity, so that
    realised plus open profit is exact at every moment:  realised + (lots * mark - cost)  ==  cash + lots * mark.
    """

    instrument: Instrument
    lots: Lots = Lots(0)
    cost: Money = Money(0)  # of the open position; negative when short
    realised: Money = Money(0)
    fees: dict[str, int] = field(default_factory=dict)  # asset -> 1e-8 units
    traded: Lots = Lots(0)
    days: TradingDays = field(default_factory=TradingDays)

    @property
    def cash(self) -> Money:
        """What all fills together have paid in and out, fees left out."""
        return Money(self.realised - self.cost)

    @property
    def net_base(self) -> int:
        """What all fills together have brought of the base asset, fees in it taken off, in 1e-8."""
        instrument = self.instrument
        return self.lots * instrument.lot_units - self.fees.get(instrument.base, 0)

    @property
    def average_price(self) -> Fraction:
        """In ticks, of the open position; 0 without one."""
        return Fraction(self.cost, self.lots * self.instrument.tick_lot) if self.lots else Fraction(0)

    def apply(self, fill: OrderFilled) -> None:
        """Account for a fill; the caller has made sure that it is applied once."""
        realised = self.realised
        quantity = fill.side.sign * fill.quantity
        value = fill.price * self.instrument.tick_lot  # per lot
        if self.lots * quantity < 0:
            closing = min(abs(quantity), abs(self.lots)) * (1 if quantity > 0 else -1)
            released = self.cost * -closing // self.lots
            self.realised = Money(self.realised - closing * value - released)
            self.cost = Money(self.cost - released)
            self.lots = Lots(self.lots + closing)
            quantity -= closing
        self.lots = Lots(self.lots + quantity)
        self.cost = Money(self.cost + quantity * value)
        if fill.fee:
            self.fees[fill.fee_asset] = self.fees.get(fill.fee_asset, 0) + fill.fee
        self.traded = Lots(self.traded + fill.quantity)
        self.days.apply(fill, Money(fill.quantity * value), Money(self.realised - realised))

    def open_profit(self, mid_2: int, unit: int) -> Money:
        """Profit of the open position at a mark of `mid_2 / (2 * unit)` ticks, rounded down."""
        return Money(self.lots * mid_2 * self.instrument.tick_lot // (2 * unit) - self.cost)

    def profit(self, mid_2: int, unit: int) -> Money:
        """Realised and open profit less fees."""
        return Money(self.realised + self.open_profit(mid_2, unit) - self.fees_paid(mid_2, unit))

    def fees_paid(self, mid_2: int, unit: int) -> Money:
        """Fees in the base asset at the mark, rounded up; in a third asset left out."""
        instrument = self.instrument
        quote_fees = self.fees.get(instrument.quote, 0) * instrument.fee_money
        base_fees = self.fees.get(instrument.base, 0) * mid_2 * instrument.tick_lot
        return Money(quote_fees - (-base_fees // (2 * unit * instrument.lot_units)))

    def other_fees(self, prices: Mapping[str, Fraction]) -> Money:
        """Fees in third assets, rounded up, at `prices` in money units per 1e-8 of each. KeyError without a price."""
        own = (self.instrument.base, self.instrument.quote)
        owed = sum((prices[asset] * units for asset, units in self.fees.items() if asset not in own), Fraction(0))
        return Money(ceil(owed))


@dataclass(slots=True)
class Account:
    """What we hold of both assets, moved by our own fills from what the venue said at the start barrier."""

    instrument: Instrument
    base: int = 0  # 1e-8 units
    quote: Money = Money(0)

    @property
    def base_lots(self) -> Lots:
        return Lots(self.base // self.instrument.lot_units)

    def apply(self, fill: OrderFilled) -> None:
        instrument = self.instrument
        self.base += fill.side.sign * fill.quantity * instrument.lot_units
        self.quote = Money(self.quote - fill.side.sign * fill.quantity * fill.price * instrument.tick_lot)
        if fill.fee_asset == instrument.base:
            self.base -= fill.fee
        elif fill.fee_asset == instrument.quote:
            self.quote = Money(self.quote - fill.fee * instrument.fee_money)

    def moved_elsewhere(self, base: int, quote: int) -> None:
        """By fills of another market that trades with the same account; both in 1e-8."""
        self.base += base
        self.quote = Money(self.quote + quote * self.instrument.fee_money)


@dataclass(slots=True)
class DailyLoss:
    """Loss since midnight UTC, by date, so that a restart or a late timer changes nothing.

    What the market does between the last look of a day and the first one of the next is a loss of the next: nobody may
    have looked at midnight. After a whole day without a look, a day begins with its own first one.
    """

    day: int = -1  # days since the Unix epoch
    opening: Money = Money(0)  # profit that the day began with
    latest: Money | None = None  # profit at the latest look; None: it is not known

    def loss(self, time_ns: int, profit: Money) -> Money:
        """How much less the profit is than when the day began."""
        self._value(time_ns // DAY_NS, profit)
        return Money(self.opening - profit)

    def found(self, day: int, profit: Money) -> None:
        """What it was when a trade was made that is heard of afterwards; of a day that is over nothing changes."""
        if day >= self.day:
            self._value(day, profit)

    def _value(self, day: int, profit: Money) -> None:
        if day > self.day:
            self.opening = self.latest if self.latest is not None and day == self.day + 1 else profit
            self.day = day
        self.latest = profit
