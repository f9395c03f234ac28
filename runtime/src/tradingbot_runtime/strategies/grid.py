"""A grid: buys at fixed levels, sells each of them one level higher.

The levels L_0 < L_1 < ... make cells [L_i, L_i+1]; a cell is bought at its lower level and sold at its upper one,
`size` each time. Which cells are bought is read from the position: cells are bought from the top down and sold from the
bottom up, so the position says it exactly, partial fills and restarts included. At a position of zero the cells above
the neutral price count as bought: their size is what the account must hold to begin with.

Levels beyond the market are quoted where the market is. The venue's book says where that is; where nobody stands on the
other side, the reference price does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from tradingbot_runtime.core.calibration import EXACTLY
from tradingbot_runtime.core.quoting import MarketView, Quote
from tradingbot_runtime.core.reference_price import ReferencePrice
from tradingbot_runtime.model import Instrument, Side
from tradingbot_runtime.strategies.levels import post_only


@dataclass(frozen=True, slots=True)
class Grid:
    instrument: Instrument
    levels: tuple[int, ...]  # ticks, ascending
    size: int  # lots of each cell
    bought_at_first: int  # lots in the cells above the neutral price
    shown: int  # orders on each side
    price: ReferencePrice

    def quotes(self, view: MarketView) -> Sequence[Quote]:
        """Nothing while a book is unknown or crossed (where is the market?), or a cell is less than a lot."""
        if not view.reference.is_valid or not view.venue.is_valid or not self.size:
            return ()
        highest, lowest = self._limits(view)
        cells = len(self.levels) - 1
        bought = max(0, min(cells * self.size, self.bought_at_first + view.position))
        return (
            *post_only(Side.BUY, self._buys(cells * self.size - bought), highest, self.instrument),
            *post_only(Side.SELL, self._sells(bought), lowest, self.instrument),
        )

    def _limits(self, view: MarketView) -> tuple[int, int]:
        """The highest purchase and the lowest sale: by the venue's book, where it is empty short of the price."""
        numerator, denominator = self.price.of(view.reference, view.basis)
        highest, lowest = view.venue.highest_buy, view.venue.lowest_sale
        return (
            -(-numerator // denominator) - 1 if highest is None else highest,
            numerator // denominator + 1 if lowest is None else lowest,
        )

    def _buys(self, empty: int) -> Iterator[tuple[int, int]]:
        """From the highest cell with room downwards: the cells fill from the top."""
        whole, part = divmod(empty, self.size)
        if part:
            yield self.levels[whole], part
        for cell in range(whole - 1, max(whole - 1 - self.shown + bool(part), -1), -1):
            yield self.levels[cell], self.size

    def _sells(self, bought: int) -> Iterator[tuple[int, int]]:
        """From the lowest bought cell upwards, at the level above it."""
        whole, part = divmod(bought, self.size)
        lowest = len(self.levels) - 1 - whole
        if part:
            yield self.levels[lowest], part
        for cell in range(lowest, min(lowest + self.shown - bool(part), len(self.levels) - 1)):
            yield self.levels[cell + 1], self.size


def arithmetic(lower: Decimal, upper: Decimal, count: int) -> list[Decimal]:
    """`count` prices at equal distances."""
    step = EXACTLY.divide(EXACTLY.subtract(upper, lower), count - 1)
    return [EXACTLY.add(lower, EXACTLY.multiply(step, i)) for i in range(count)]


def geometric(lower: Decimal, upper: Decimal, count: int) -> list[Decimal]:
    """`count` prices at equal ratios."""
    step = EXACTLY.divide(EXACTLY.ln(EXACTLY.divide(upper, lower)), count - 1)
    return [EXACTLY.multiply(lower, EXACTLY.exp(EXACTLY.multiply(step, i))) for i in range(count)]


def on_ticks(prices: Sequence[Decimal], tick: Decimal) -> tuple[int, ...]:
    """The nearest ticks, once each."""
    nearest = {int(EXACTLY.divide(price, tick).to_integral_value(ROUND_HALF_EVEN, EXACTLY)) for price in prices}
    return tuple(sorted(nearest))
