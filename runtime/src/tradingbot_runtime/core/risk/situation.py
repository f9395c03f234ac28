"""What an order is judged against: the state of the market at one moment, all of it, as plain values."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from tradingbot_runtime.core.orders import UNPROVED, WORKING, Order, OrderState
from tradingbot_runtime.model import ForeignOrdersSeen, Lots, Money, Nanos, OrderId, Place, Side, Ticks, TradingState


class Exposure(NamedTuple):
    """What could still fill, at its worst: every order that is not proved closed, at all that is left of it."""

    buying: Lots = Lots(0)
    selling: Lots = Lots(0)
    buying_cost: Money = Money(0)  # that the purchases bind
    open_orders: int = 0
    unproved_buying: Lots = Lots(0)  # of those, of unknown fate or lost
    unproved_selling: Lots = Lots(0)
    unanswered: int = 0  # orders that the venue has said nothing of yet; of lost ones it will not
    lost: int = 0  # orders whose fate cannot be found out
    own_bid: Ticks = Ticks(0)  # the highest price we may buy at; 0: none
    own_ask: Ticks = Ticks(0)  # the lowest price we may sell at; 0: none

    def beside(self, foreign: ForeignOrdersSeen) -> "Exposure":
        """With others' open orders counted, too: what they fill moves the same account."""
        return self._replace(
            buying=Lots(self.buying + foreign.buying),
            selling=Lots(self.selling + foreign.selling),
            buying_cost=Money(self.buying_cost + foreign.buying_cost),
            open_orders=self.open_orders + foreign.orders,
        )


def exposure(orders: Iterable[Order], tick_lot: int) -> Exposure:
    buying = selling = cost = count = unproved_buying = unproved_selling = unanswered = lost = own_bid = own_ask = 0
    for order in orders:
        count += 1
        leaves = order.leaves_quantity
        unproved = order.state in UNPROVED
        lost += order.state is OrderState.LOST
        unanswered += order.state not in WORKING and order.state is not OrderState.LOST and not order.venue_order_id
        if order.side is Side.BUY:
            buying += leaves
            cost += leaves * order.price * tick_lot
            unproved_buying += leaves if unproved else 0
            own_bid = max(own_bid, order.price)
        else:
            selling += leaves
            unproved_selling += leaves if unproved else 0
            own_ask = min(own_ask or order.price, order.price)
    return Exposure(
        Lots(buying), Lots(selling), Money(cost), count, Lots(unproved_buying), Lots(unproved_selling), unanswered,
        lost, Ticks(own_bid), Ticks(own_ask),
    )  # fmt: skip


def _nothing(_: OrderId) -> None:
    """No id has been used."""


class Situation(msgspec.Struct, frozen=True, gc=False):
    """Prices are in ticks, quantities in lots, money in money units, unless it says otherwise."""

    now_ns: Nanos
    state: TradingState
    feed_age_ns: int  # of the oldest of the market's feeds
    book_valid: bool
    mid_2: int  # twice the reference price, in our ticks times `mid_unit`
    mid_unit: int
    venue_bid: Ticks | None  # None, where `book_valid`: nobody is on that side
    venue_ask: Ticks | None
    position: Lots
    base: Lots
    quote: Money
    buying: Lots
    selling: Lots
    buying_cost: Money
    open_orders: int
    order_tokens: int
    quiet_until_ns: Nanos  # after refusals by the venue

    # what may be sent at all
    locked: str = ""  # why the venue takes nothing now
    killed: bool = False  # halted by a person
    flattening: bool = False  # halted, and the position is being closed
    only_reducing: str = ""  # why this market may only reduce its position
    # what is known
    other_mid_2: int = 0  # as `mid_2`, of the source that the reference is compared with; 0: there is none
    other_unit: int = 1
    clock_offset_ns: int | None = None  # the venue's clock is ahead by this; None: never measured
    mismatch: str = ""  # how the account differs from what was booked
    checked_ns: Nanos = Nanos(0)  # when that was last compared; 0: the start barrier has not yet
    # what else is in the market
    unproved_buying: Lots = Lots(0)
    unproved_selling: Lots = Lots(0)
    unanswered: int = 0
    own_bid: Ticks = Ticks(0)
    own_ask: Ticks = Ticks(0)
    foreign_selling: Lots = Lots(0)  # of `selling`, by others' orders at our symbol
    foreign_cost: Money = Money(0)  # of `buying_cost`
    elsewhere_base: Lots = Lots(0)  # bound by orders of the slot's other markets at the same account; rounded up
    elsewhere_cost: Money = Money(0)  # the same of the quote asset
    known: Callable[[OrderId], object] = _nothing  # whether an id has been used
    placed_ns: Nanos = Nanos(0)  # the latest moment of placing
    others_long: int = 0  # in 1e-8 of the base asset, in other markets
    others_short: int = 0
    others_gross: int = 0  # in 1e-8 of the quote asset
    equity: Money = Money(0)  # perpetuals: what the position's margin is paid from
    # what was used up and lost
    messages_today: int = 0
    cancels_today: int = 0
    fills_today: int = 0
    loss_today: Money = Money(0)
    below_best: Money = Money(0)  # how far equity is under its best
    best_equity: Money = Money(0)
    recent_loss: Money = Money(0)  # within the window of `max_loss_rate`
    refused_in_a_row: int = 0

    def worst(self, side: Side) -> int:
        """The position if all that is in the market fills on `side`, as a positive number when it is on that side."""
        return self.position + self.buying if side is Side.BUY else self.selling - self.position

    def reduces(self, order: Place) -> bool:
        """The position cannot become larger, nor change sides, by `order` and all that rests on its side."""
        return order.quantity + self.worst(order.side) <= 0

    def closes(self, order: Place) -> bool:
        """It closes the position because a halt or a stop says so: what spares messages is not to keep it open."""
        return self.flattening and self.reduces(order)

    def plus(self, order: Place, tick_lot: int) -> "Situation":
        """The situation with `order` in the market too."""
        shared = {
            "open_orders": self.open_orders + 1,
            "order_tokens": self.order_tokens - 1,
            "unanswered": self.unanswered + 1,
            "messages_today": self.messages_today + 1,
            "placed_ns": self.now_ns,
        }
        if order.side is Side.BUY:
            cost = Money(self.buying_cost + order.price * order.quantity * tick_lot)
            return msgspec.structs.replace(self, buying=Lots(self.buying + order.quantity), buying_cost=cost,
                                           own_bid=max(self.own_bid, order.price), **shared)  # fmt: skip
        lowest = min(self.own_ask or order.price, order.price)
        return msgspec.structs.replace(self, selling=Lots(self.selling + order.quantity), own_ask=lowest, **shared)
