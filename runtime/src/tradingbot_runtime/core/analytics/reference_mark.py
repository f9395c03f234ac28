"""The price that trades are measured against: the reference's mid, as profit and loss are."""

from typing import NamedTuple

from tradingbot_runtime.model import Lots, Money, Nanos, Ticks


class Mark(NamedTuple):
    """A mid of `mid_2 / (2 * unit)` ticks, heard at `seen_ns`; `mid_2` 0: there is none."""

    mid_2: int
    unit: int
    tick_lot: int  # money units of one lot at a price of one tick
    seen_ns: Nanos

    def gain(self, signed: Lots, price: Ticks) -> Money:
        """What `signed` lots (negative: sold) that were traded at `price` have gained at this mid, rounded down."""
        return Money(signed * (self.mid_2 - 2 * self.unit * price) * self.tick_lot // (2 * self.unit))


NOWHERE = Mark(0, 1, 0, Nanos(0))
