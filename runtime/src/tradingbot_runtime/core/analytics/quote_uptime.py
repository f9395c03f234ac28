"""Quote uptime: for how long quotes rested within so many basis points of the reference's mid.

Looked at by a timer, as venues that pay for it do: what rests at a look stands for the time since the look before.
Time in which nobody expects quotes is no part of it: neither of what was observed nor of the uptime.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from tradingbot_runtime.core.analytics.reference_mark import Mark
from tradingbot_runtime.core.order_states import WORKING
from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.model import Nanos, Side, TradingState

WITHIN_BPS = (5, 10, 25, 50, 100)
BOTH, EITHER = "both", "either"  # sides
# By somebody's wish, or by a halt, of which a person hears by itself and which a person ends.
EXPECTS_NONE = frozenset({TradingState.REDUCING, TradingState.STOPPED, TradingState.DRAINED, TradingState.HALTED})
LONGEST_STEP_NS = 1_000_000_000  # of a longer one nobody knows what rested
_FAR = len(WITHIN_BPS)


def _zeros() -> dict[str, list[int]]:
    return {sides: [0] * _FAR for sides in (BOTH, EITHER)}


@dataclass(slots=True)
class QuoteUptime:
    looked_ns: Nanos = Nanos(0)
    observed_ns: int = 0
    within_ns: dict[str, list[int]] = field(default_factory=_zeros)  # by sides, for each of WITHIN_BPS

    def look(self, now_ns: Nanos, orders: Iterable[Order], mark: Mark, *, expected: bool) -> None:
        """`mark` without a mid: nobody knows how far away anything is, and that is no uptime."""
        step_ns, first = now_ns - self.looked_ns, not self.looked_ns
        self.looked_ns = now_ns
        if first or step_ns <= 0 or not expected:
            return
        self.observed_ns += step_ns
        if not mark.mid_2 or step_ns > LONGEST_STEP_NS:
            return
        buying, selling = _narrowest(orders, mark)
        for sides, narrowest in ((BOTH, max(buying, selling)), (EITHER, min(buying, selling))):
            spent = self.within_ns[sides]
            for number in range(narrowest, _FAR):
                spent[number] += step_ns


def _narrowest(orders: Iterable[Order], mark: Mark) -> tuple[int, int]:
    """For buying and selling, the first of WITHIN_BPS that the best resting order keeps to; as many: none."""
    best = {Side.BUY: _FAR, Side.SELL: _FAR}
    for order in orders:
        if order.state in WORKING:
            away_2 = (mark.mid_2 - 2 * mark.unit * order.price) * order.side.sign
            bps = -(-away_2 * 10_000 // mark.mid_2)  # rounded up: exactly ten is within ten, a little more is not
            best[order.side] = min(best[order.side], bisect_left(WITHIN_BPS, bps))
    return best[Side.BUY], best[Side.SELL]
