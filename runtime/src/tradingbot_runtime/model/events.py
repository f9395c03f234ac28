"""What has happened. Past tense, frozen; a journal of these replays to the same commands."""

from enum import StrEnum

from tradingbot_runtime.model.between_markets import HedgeReported, OthersExposed, QuotedMoved
from tradingbot_runtime.model.event import Event
from tradingbot_runtime.model.units import Lots, Money, OrderId, Side, Ticks


class TradingState(StrEnum):
    """What the runtime is allowed to do. The words are those of metrics, logs and status."""

    STARTING = "Starting"  # start barrier not passed: no orders
    RECONCILING = "Reconciling"  # comparing with the venue: no orders
    ACTIVE = "Active"
    REDUCING = "Reducing"  # only orders that bring the position closer to zero
    STOPPED = "Stopped"  # by the manifest: no orders
    DRAINED = "Drained"  # by the operator's command, before a move or deletion: no orders
    VENUE_LOCKED = "VenueLocked"  # the venue takes neither orders nor cancels now
    HALTED = "Halted"  # latched until a person resumes: no orders
    FENCED = "Fenced"  # the slot's Lease is not ours: no orders


class ReferenceTicked(Event, frozen=True, kw_only=True, gc=False):
    """Best bid and offer of the reference market, in *its* ticks and lots; None: nobody is on that side.

    `late_ns`: how late it was when it was received, where that is known and more than what is usual.
    """

    bid: Ticks | None
    bid_lots: Lots
    ask: Ticks | None
    ask_lots: Lots
    update_id: int
    late_ns: int = 0


class VenueTicked(Event, frozen=True, kw_only=True, gc=False):
    """Best bid and offer where we trade, in the traded instrument's ticks; None: nobody is on that side."""

    bid: Ticks | None
    ask: Ticks | None
    late_ns: int = 0


class FeedLost(Event, frozen=True, kw_only=True, gc=False):
    """No book, no quotes: the connection dropped, the book is crossed, or the feed is unreadable."""

    feed: str
    reason: str


class TimePassed(Event, frozen=True, kw_only=True, gc=False):
    """A timer: what depends on time alone (staleness, message budget, hysteresis) is looked at again."""


class BalancesReported(Event, frozen=True, kw_only=True, gc=False):
    """The account at the venue (free and locked together) at the start barrier."""

    base: int  # in 1e-8 of the base asset
    quote: Money


class StateChanged(Event, frozen=True, kw_only=True, gc=False):
    """What the market may do from now on. `flatten`: halted, and the position is to be closed in small steps.

    `anew`: that was asked for once more, and is tried again where it was given up.
    """

    state: TradingState
    reason: str
    flatten: bool = False
    anew: bool = False


class HaltResumed(Event, frozen=True, kw_only=True, gc=False):
    """A person has released a halt of this reason: what was measured up to then is accepted."""

    reason: str


class PositionForgotten(Event, frozen=True, kw_only=True, gc=False):
    """What was found of the market's trades is a part of them: position, profit and fees begin at zero."""


class VenueLocked(Event, frozen=True, kw_only=True, gc=False):
    """The venue takes neither orders nor cancels (trading lock, maintenance), or does so again.

    Unlocked is said only after several healthy answers in a row.
    """

    venue: str
    locked: bool
    reason: str = ""


class AccountChecked(Event, frozen=True, kw_only=True, gc=False):
    """Orders, trades and balances were compared with the venue; `mismatch` says what differs, empty: nothing."""

    mismatch: str = ""


class ClockMeasured(Event, frozen=True, kw_only=True, gc=False):
    """How far the venue's clock is ahead of ours (`core.clock_offset`)."""

    offset_ns: int


class CrossTicked(Event, frozen=True, kw_only=True, gc=False):
    """The mid of the second source of the price, for comparison only: `mid_2 / (2 * unit)` of our ticks."""

    mid_2: int
    unit: int
    late_ns: int = 0


class ForeignOrdersSeen(Event, frozen=True, kw_only=True, gc=False):
    """Open orders of others at our symbol and account, where they are to count as exposure."""

    orders: int
    buying: Lots
    selling: Lots
    buying_cost: Money


class OrderBuilt(Event, frozen=True, kw_only=True, gc=False):
    """Two-phase venues: the venue has prepared the order and given it an id; nothing is submitted."""

    order_id: OrderId
    venue_order_id: str


class OrderSubmitting(Event, frozen=True, kw_only=True, gc=False):
    """Two-phase venues: the built order is about to be submitted. Committed before the first byte is sent."""

    order_id: OrderId


class BuildExpired(Event, frozen=True, kw_only=True, gc=False):
    """Two-phase venues: the venue says that what was built was not submitted and no longer can be."""

    order_id: OrderId


class OrderDenied(Event, frozen=True, kw_only=True, gc=False):
    """Nothing was sent and nothing ever will be: the order did not leave this process."""

    order_id: OrderId
    reason: str
    message: str = ""


class OrderAccepted(Event, frozen=True, kw_only=True, gc=False):
    order_id: OrderId
    venue_order_id: str
    venue_time_ns: int = 0  # of the change, by the venue's clock; 0: the venue does not say


WOULD_TAKE = "WouldTake"  # post-only, and it would have met an order
NOT_ATTEMPTED = "NotAttempted"  # the order that it was to replace was gone
TOO_MANY_OPEN = "TooManyOpenOrders"  # the venue lets no more of the account's orders rest
MARKET_MOVED = frozenset({WOULD_TAKE, NOT_ATTEMPTED})  # reasons that say nothing against us: the market was faster


class OrderRejected(Event, frozen=True, kw_only=True, gc=False):
    """A definite refusal: the order never was in the market. `reason` is one of the above, or the venue's code."""

    order_id: OrderId
    reason: str
    message: str = ""


class OutcomeLost(Event, frozen=True, kw_only=True, gc=False):
    """The order's request had no answer that proves anything."""

    order_id: OrderId
    message: str = ""


class ProofOverdue(Event, frozen=True, kw_only=True, gc=False):
    """The venue could prove neither that it has the order nor that it has not, for longer than we wait."""

    order_id: OrderId


class OrderGivenUp(Event, frozen=True, kw_only=True, gc=False):
    """An order that an earlier process had lost, and that the venue neither lists nor knows nor has traded since."""

    order_id: OrderId


class OrderFilled(Event, frozen=True, kw_only=True, gc=False):
    order_id: OrderId
    trade_id: str
    side: Side
    price: Ticks
    quantity: Lots
    fee: int  # in 1e-8 of `fee_asset`, rounded against us
    fee_asset: str
    maker: bool = True
    venue_time_ns: int = 0


class OrderCanceled(Event, frozen=True, kw_only=True, gc=False):
    order_id: OrderId
    venue_time_ns: int = 0


class OrderExpired(Event, frozen=True, kw_only=True, gc=False):
    order_id: OrderId
    venue_time_ns: int = 0


class CancelRejected(Event, frozen=True, kw_only=True, gc=False):
    """The venue refused the cancel. `gone`: it knows no such open order (most often it has just been filled)."""

    order_id: OrderId
    gone: bool
    reason: str
    message: str = ""


class OrderStatus(StrEnum):
    """A venue's answer about one order."""

    BUILDING = "Building"  # two-phase venues: built, and not submitted
    OPEN = "Open"
    FILLED = "Filled"
    CANCELED = "Canceled"
    EXPIRED = "Expired"
    REJECTED = "Rejected"
    ABSENT = "Absent"  # the venue is healthy and says that it does not know the order


class OrderReported(Event, frozen=True, kw_only=True, gc=False):
    """The answer to a question about one order. Never carries fills: those come as OrderFilled, by trade id."""

    order_id: OrderId
    status: OrderStatus
    executed: Lots
    venue_order_id: str = ""
    venue_time_ns: int = 0  # of the order's last change; an answer older than what is known changes nothing


class Restored(Event, frozen=True, kw_only=True, gc=False):
    """An order as the journal or the venue knew it, taken up at the start barrier."""

    order_id: OrderId
    side: Side
    price: Ticks
    quantity: Lots
    executed: Lots
    venue_order_id: str
    state: str
    replaces: OrderId = OrderId("")
    seen: bool = False  # the venue has acknowledged it
    venue_time_ns: int = 0


OrderEvent = (
    OrderBuilt
    | OrderSubmitting
    | BuildExpired
    | OrderDenied
    | OrderAccepted
    | OrderRejected
    | OutcomeLost
    | ProofOverdue
    | OrderGivenUp
    | OrderFilled
    | OrderCanceled
    | OrderExpired
    | CancelRejected
    | OrderReported
)
AnyEvent = (
    ReferenceTicked
    | VenueTicked
    | CrossTicked
    | FeedLost
    | TimePassed
    | BalancesReported
    | AccountChecked
    | ClockMeasured
    | OthersExposed
    | QuotedMoved
    | HedgeReported
    | ForeignOrdersSeen
    | VenueLocked
    | StateChanged
    | HaltResumed
    | PositionForgotten
    | Restored
    | OrderEvent
)
