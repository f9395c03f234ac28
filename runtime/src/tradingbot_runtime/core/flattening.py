"""Closing a position: one small order after another that may take, each only reducing, up to a price.

Only by the policy `Flatten` of a halt or a stop, never because a process ends. It gives up after several orders in a
row that were sent and changed nothing; nothing else is traded either way.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from tradingbot_runtime.core.affordable import affordable, too_small
from tradingbot_runtime.core.orders import WORKING, Order
from tradingbot_runtime.core.quoting import Quote
from tradingbot_runtime.core.risk import Limits, Refusal, Situation
from tradingbot_runtime.model import Lots, Nanos, Side, Ticks

STEP_NS = 2_000_000_000  # an order that has not filled by then is cancelled
PACE_NS = 250_000_000  # between two orders
FUTILE_MOST = 10  # orders in a row that were sent and changed nothing
GIVEN_UP = "FlattenGivenUp"


@dataclass(slots=True)
class Flattening:
    step: Quote | None = None  # the order that should be in the market now
    started_ns: Nanos = Nanos(0)
    left: int = 0  # of the position, when the step began
    was_denied: bool = False  # the step's order has not left the process
    futile: int = 0  # orders in a row that were sent and changed nothing
    is_over: bool = False  # nothing is left that the venue would take, or it was given up
    stays: str = ""  # why a part that the venue would take is not closed any more

    @property
    def is_given_up(self) -> bool:
        return self.futile >= FUTILE_MOST

    def quotes(self, now: Situation, orders: Iterable[Order], limits: Limits) -> tuple[Quote, ...]:
        """What should be in the market: one closing order at most, and never beside another order."""
        live = list(orders)
        self.is_over, self.stays = False, ""
        if live:
            return self._staying(live) if now.now_ns - self.started_ns < STEP_NS else ()
        if self._is_awaited(now):
            return ()
        if now.position == 0 or self.is_given_up:
            self.is_over, self.stays = True, GIVEN_UP if now.position else ""
            return ()
        closing = _closing(now, limits)
        if closing is None:
            return ()
        steps = affordable((closing,), now, limits)
        if not steps:
            self.is_over, self.stays = True, "" if too_small(closing, limits.instrument) else Refusal.BALANCE
            return ()
        self.step, self.started_ns, self.left = steps[0], now.now_ns, abs(now.position)
        self.was_denied = False
        return steps

    def _is_awaited(self, now: Situation) -> bool:
        """Whether the step is to have its time. One that was not sent, by whatever check or budget, proves nothing."""
        if self.step is None:
            return False
        if now.placed_ns >= self.started_ns and not self.was_denied:
            shrank = abs(now.position) < self.left
            if now.now_ns - self.started_ns < (PACE_NS if shrank else STEP_NS):
                return True
            self.futile = 0 if shrank else self.futile + 1
        self.step = None
        return False

    def _staying(self, live: list[Order]) -> tuple[Quote, ...]:
        """The step's order as it is, so that it stays; anything else is to be cancelled first."""
        step = self.step
        if step is None or len(live) != 1 or (live[0].side, live[0].price) != (step.side, step.price):
            return ()
        order = live[0]
        return (Quote(order.side, order.price, order.leaves_quantity),) if order.state in WORKING else (step,)


def _closing(now: Situation, limits: Limits) -> Quote | None:
    """The next order; None when there is no price."""
    shares = [share for share in (limits.max_slippage, limits.max_distance) if share is not None]
    if not now.book_valid or not shares:
        return None
    if (now.venue_bid if now.position > 0 else now.venue_ask) is None:
        return None  # nobody to take: to wait for somebody is no futile step
    numerator, denominator = min(shares, key=lambda share: Fraction(*share))
    unit = 2 * now.mid_unit * denominator
    if now.position > 0:
        return Quote(Side.SELL, Ticks(-(-now.mid_2 * (denominator - numerator) // unit)), _size(now, limits))
    return Quote(Side.BUY, Ticks(now.mid_2 * (denominator + numerator) // unit), _size(now, limits))


def _size(now: Situation, limits: Limits) -> Lots:
    most = limits.max_order if limits.max_order is not None else abs(now.position)
    return Lots(min(abs(now.position), most, limits.instrument.max_lots))
