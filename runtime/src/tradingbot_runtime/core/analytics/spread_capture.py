"""Where the profit comes from: spread captured at the fills, the inventory's change in value, and fees; exactly.

    profit since the opening  ==  spread + inventory + fees

Spread is what each fill gained against the mid that stood when it happened. Inventory is what the position gained while
the mid moved: since cash + position * mid is the profit before fees, it is what is left, tick by tick
sum(position * change of the mid), and nothing has to be added up on the tick path.
"""

from dataclasses import dataclass
from typing import NamedTuple

from tradingbot_runtime.core.analytics.reference_mark import Mark
from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.model import Lots, Money, Ticks


class Parts(NamedTuple):
    """Money units; they add up to the profit since the opening."""

    spread: Money
    inventory: Money
    fees: Money  # a cost is negative; those paid in the base asset are worth what the mid says


@dataclass(slots=True)
class SpreadCapture:
    is_open: bool = False
    opening_profit: Money = Money(0)
    opening_fees: Money = Money(0)
    spread: Money = Money(0)

    def open(self, position: Position, mark: Mark) -> None:
        """Begin at the first mid: what was made before, and not seen, belongs to no part."""
        self.is_open = True
        self.opening_profit = position.profit(mark.mid_2, mark.unit)
        self.opening_fees = position.fees_paid(mark.mid_2, mark.unit)

    def traded(self, signed: Lots, price: Ticks, mark: Mark) -> None:
        """A fill at `mark`. One that is not told counts as inventory from its price on."""
        self.spread = Money(self.spread + mark.gain(signed, price))

    def parts(self, position: Position, mark: Mark) -> Parts:
        """At a mid, which must be there. Nothing has happened yet before the opening."""
        if not self.is_open:
            return Parts(Money(0), Money(0), Money(0))
        total = position.profit(mark.mid_2, mark.unit) - self.opening_profit
        fees = self.opening_fees - position.fees_paid(mark.mid_2, mark.unit)
        return Parts(self.spread, Money(total - self.spread - fees), Money(fees))
