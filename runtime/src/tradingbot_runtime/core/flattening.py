"""Closing a position: one small order after another that may take, each only reducing, up to a price.

Only by the policy `Flatten` of a halt or a stop, never because a process ends. It gives up after several orders in a
row that were sent and changed nothing; nothing else is traded either way. Beside an order whose fate is not known it
closes what that order's fill could not turn over.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from msgspec.structs import replace

from tradingbot_runtime.core.affordable import affordable, too_small
from tradingbot_runtime.core.orders import UNPROVED, WORKING, Order, OrderState
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
        """What should be in the market: one closing order at most, and beside it only orders of unknown fate."""
        live = list(orders)
        proved = [order for order in live if order.state not in UNPROVED]
        self.is_over, self.stays = False, ""
        if proved:
            return self._staying(proved) if now.now_ns - self.started_ns < STEP_NS else ()
        if self._is_awaited(now):
            return ()
        if now.position == 0 or self.is_given_up:
            self.is_over, self.stays = True, GIVEN_UP if now.position else ""
            return ()
        closing = _closing(now, limits)
        if closing is None:
            return ()
        step, reason = _safe(closing, now, limits)
        if step is None:
            # Of an order in doubt the venue is being asked: soon more may be closed, or it is lost.
            self.is_over = all(order.state is OrderState.LOST for order in live)
            self.stays = reason if self.is_over else ""
            return ()
        self.step, self.started_ns, self.left, self.was_denied = step, now.now_ns, abs(now.position), False
        return (step,)

    def _is_awaited(self, now: Situation) -> bool:
        """Whether the step is to have its time. One that was not sent, by whatever check or budget, proves nothing."""
        if self.step is None:
            return False
        if now.placed_ns == self.started_ns and not self.was_denied:
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
    """All that one order may close; None when there is no price."""
    shares = [share for share in (limits.max_slippage, limits.max_distance) if share is not None]
    if not now.book_valid or not shares:
        return None
    if (now.venue_bid if now.position > 0 else now.venue_ask) is None:
        return None  # nobody to take: to wait for somebody is no futile step
    numerator, denominator = min(shares, key=lambda share: Fraction(*share))
    unit = 2 * now.mid_unit * denominator
    most = limits.max_order if limits.max_order is not None else abs(now.position)
    size = Lots(min(abs(now.position), most, limits.instrument.max_lots))
    # Never as far as an order of our own, which may still be there, unseen.
    if now.position > 0:
        price = Ticks(-(-now.mid_2 * (denominator - numerator) // unit))
        return Quote(Side.SELL, max(price, Ticks(now.own_bid + 1)) if now.own_bid else price, size)
    price = Ticks(now.mid_2 * (denominator + numerator) // unit)
    return Quote(Side.BUY, min(price, Ticks(now.own_ask - 1)) if now.own_ask else price, size)


def _safe(closing: Quote, now: Situation, limits: Limits) -> tuple[Quote | None, str]:
    """As much of it as could not turn the position over, nor exceed the account, if all that may still fill does.

    None with the reason why nothing is; an empty one for what the venue would not take.
    """
    if too_small(closing, limits.instrument):
        return None, ""
    safe = Quote(closing.side, closing.price, Lots(min(closing.quantity, -now.worst(closing.side))))
    if too_small(safe, limits.instrument):
        return None, Refusal.REDUCE_ONLY
    # Those orders bind what others' do: the step does not take their place.
    bound = replace(now, foreign_selling=now.selling, foreign_cost=now.buying_cost)
    found = affordable((safe,), bound, limits)
    return (found[0], "") if found else (None, Refusal.BALANCE)
