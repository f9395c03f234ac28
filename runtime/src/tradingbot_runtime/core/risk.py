"""Pre-trade risk: an ordered chain of small checks, cheap ones first; the first refusal wins. Cancels always pass.

Exposure is the worst case: what we hold, plus all that could still fill, orders of unknown fate included at full
size. A reason code is the same word in logs, metrics and status.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.model import (
    AnyCommand,
    Cancel,
    CancelAll,
    Instrument,
    Lots,
    Money,
    Nanos,
    Place,
    Replace,
    Side,
    Ticks,
    TradingState,
)

WHOLE_BPS = 10_000


class Refusal(StrEnum):
    """Why an order was not sent."""

    NOT_TRADING = "NotTrading"
    REDUCE_ONLY = "ReduceOnly"
    FEED_STALE = "FeedStale"
    BOOK_INVALID = "BookInvalid"
    BACKING_OFF = "BackingOff"
    BAD_PRICE = "BadPrice"
    BAD_QUANTITY = "BadQuantity"
    MIN_NOTIONAL = "MinNotional"
    FAT_FINGER = "FatFinger"
    WOULD_TAKE = "WouldTake"
    MAX_ORDER = "MaxOrder"
    MAX_POSITION = "MaxPosition"
    BALANCE = "Balance"
    MAX_OPEN_ORDERS = "MaxOpenOrders"
    RATE = "Rate"


@dataclass(frozen=True, slots=True)
class Limits:
    """None: not limited, which the manifest allows in Paper only."""

    instrument: Instrument
    max_order: Lots | None
    max_position: Lots | None
    max_open_orders: int | None
    max_distance: tuple[int, int] | None  # share of the reference price, as numerator and denominator
    max_daily_loss: Money | None
    stale_after_ns: int


class Situation(msgspec.Struct, frozen=True, gc=False):
    """What an order is judged against."""

    now_ns: Nanos
    state: TradingState
    feed_age_ns: int  # of the older of both books
    book_valid: bool
    mid_2: int  # twice the reference price, in our ticks times `mid_unit`
    mid_unit: int
    venue_bid: Ticks
    venue_ask: Ticks
    position: Lots
    base: Lots
    quote: Money
    buying: Lots
    selling: Lots
    buying_cost: Money
    open_orders: int
    order_tokens: int
    quiet_until_ns: Nanos  # after refusals by the venue

    def plus(self, order: Place, tick_lot: int) -> "Situation":
        """The situation with `order` in the market too."""
        if order.side is Side.BUY:
            cost = Money(self.buying_cost + order.price * order.quantity * tick_lot)
            changed = msgspec.structs.replace(self, buying=Lots(self.buying + order.quantity), buying_cost=cost)
        else:
            changed = msgspec.structs.replace(self, selling=Lots(self.selling + order.quantity))
        return msgspec.structs.replace(changed, open_orders=self.open_orders + 1, order_tokens=self.order_tokens - 1)


def exposure(orders: Iterable[Order], tick_lot: int) -> tuple[Lots, Lots, Money, int]:
    """What could still fill: lots bought, lots sold, money that the purchases bind, number of orders."""
    buying = selling = cost = count = 0
    for order in orders:
        count += 1
        leaves = order.leaves_quantity
        if order.side is Side.BUY:
            buying += leaves
            cost += leaves * order.price * tick_lot
        else:
            selling += leaves
    return Lots(buying), Lots(selling), Money(cost), count


@dataclass(frozen=True, slots=True)
class Refused:
    command: Place
    reason: Refusal
    message: str


@dataclass(frozen=True, slots=True)
class Approved:
    """The only thing a gateway accepts; only `review` makes one."""

    command: AnyCommand


@dataclass(slots=True)
class Decision:
    approved: list[Approved] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


Verdict = tuple[Refusal, str] | None
Check = Callable[[Place, Situation, Limits], Verdict]


def state(order: Place, now: Situation, _: Limits) -> Verdict:
    if now.state is TradingState.ACTIVE:
        return None
    if now.state is not TradingState.REDUCING:
        return Refusal.NOT_TRADING, f"the state is {now.state}"
    room = -now.position - now.buying if order.side is Side.BUY else now.position - now.selling
    if order.quantity <= room:
        return None
    return Refusal.REDUCE_ONLY, f"{order.side} {order.quantity} lots would not only reduce a position of {now.position}"


def staleness(_: Place, now: Situation, limits: Limits) -> Verdict:
    if now.feed_age_ns <= limits.stale_after_ns:
        return None
    return Refusal.FEED_STALE, f"the last tick is {now.feed_age_ns} ns old; {limits.stale_after_ns} allowed"


def book(_: Place, now: Situation, __: Limits) -> Verdict:
    return None if now.book_valid else (Refusal.BOOK_INVALID, "one side is missing, or the sides cross")


def quiet(_: Place, now: Situation, __: Limits) -> Verdict:
    if now.now_ns >= now.quiet_until_ns:
        return None
    return Refusal.BACKING_OFF, "the venue refused the latest orders"


def tick_and_lot(order: Place, _: Situation, limits: Limits) -> Verdict:
    instrument = limits.instrument
    if order.price <= 0:
        return Refusal.BAD_PRICE, f"a price of {order.price} ticks"
    if not instrument.min_lots <= order.quantity <= instrument.max_lots:
        allowed = f"{instrument.min_lots} to {instrument.max_lots}"
        return Refusal.BAD_QUANTITY, f"{order.quantity} lots; allowed: {allowed}"
    if order.price * order.quantity * instrument.tick_lot < instrument.min_notional:
        return Refusal.MIN_NOTIONAL, f"{order.price} x {order.quantity} is worth less than the venue takes"
    return None


def fat_finger(order: Place, now: Situation, limits: Limits) -> Verdict:
    if limits.max_distance is None:
        return None
    numerator, denominator = limits.max_distance
    if abs(2 * order.price * now.mid_unit - now.mid_2) * denominator <= now.mid_2 * numerator:
        return None
    return Refusal.FAT_FINGER, f"{order.price} ticks is too far from the reference"


def would_take(order: Place, now: Situation, _: Limits) -> Verdict:
    crosses = order.price >= now.venue_ask if order.side is Side.BUY else order.price <= now.venue_bid
    return (Refusal.WOULD_TAKE, f"{order.price} would cross {now.venue_bid}/{now.venue_ask}") if crosses else None


def order_size(order: Place, _: Situation, limits: Limits) -> Verdict:
    if limits.max_order is None or order.quantity <= limits.max_order:
        return None
    return Refusal.MAX_ORDER, f"{order.quantity} lots; {limits.max_order} allowed"


def position(order: Place, now: Situation, limits: Limits) -> Verdict:
    if limits.max_position is None:
        return None
    if order.side is Side.BUY:
        worst = now.position + now.buying + order.quantity
    else:
        worst = now.selling + order.quantity - now.position
    if worst <= limits.max_position:
        return None
    return Refusal.MAX_POSITION, f"could reach {worst} lots; {limits.max_position} allowed"


def balance(order: Place, now: Situation, limits: Limits) -> Verdict:
    if order.side is Side.SELL:
        enough = now.selling + order.quantity <= now.base
    else:
        cost = order.price * order.quantity * limits.instrument.tick_lot
        enough = now.buying_cost + cost <= now.quote
    return None if enough else (Refusal.BALANCE, "open orders and this one exceed the balance")


def open_orders(_: Place, now: Situation, limits: Limits) -> Verdict:
    if limits.max_open_orders is None or now.open_orders < limits.max_open_orders:
        return None
    return Refusal.MAX_OPEN_ORDERS, f"{now.open_orders} orders are in the market already"


def rate(_: Place, now: Situation, __: Limits) -> Verdict:
    return None if now.order_tokens > 0 else (Refusal.RATE, "the message budget is used up")


CHECKS: tuple[Check, ...] = (
    state, staleness, book, quiet, tick_and_lot, fat_finger, would_take,
    order_size, position, balance, open_orders, rate,
)  # fmt: skip


def review(commands: Iterable[AnyCommand], now: Situation, limits: Limits) -> Decision:
    """Judge commands in order; each approved order counts against the next."""
    decision = Decision()
    for command in commands:
        if isinstance(command, Cancel | CancelAll):
            decision.approved.append(Approved(command))
            continue
        order = command.new_order() if isinstance(command, Replace) else command
        verdict = next(filter(None, (check(order, now, limits) for check in CHECKS)), None)
        if verdict is None:
            decision.approved.append(Approved(command))
            now = now.plus(order, limits.instrument.tick_lot)
            continue
        decision.refused.append(Refused(order, *verdict))
        if isinstance(command, Replace):  # the old order is unwanted all the same
            decision.approved.append(Approved(Cancel(order_id=command.replaces)))
    return decision
