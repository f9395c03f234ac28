"""What each event changes in a market: one small function each, found by the event's type."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tradingbot_runtime.core.analytics import EXPECTS_NONE, NOWHERE, SpreadCapture
from tradingbot_runtime.core.breaches import BreachReason
from tradingbot_runtime.core.carried import nothing, take_over
from tradingbot_runtime.core.continuity import JOURNAL_LOST
from tradingbot_runtime.core.flattening import Flattening
from tradingbot_runtime.core.orders import WORKING, Order
from tradingbot_runtime.core.positions import DailyLoss
from tradingbot_runtime.core.refusals import AFTER_REFUSAL, AFTER_UNSENT_HEDGE
from tradingbot_runtime.model import (
    MARKET_MOVED,
    TOO_MANY_OPEN,
    AccountChecked,
    BalancesReported,
    BuildExpired,
    CancelRejected,
    ClockMeasured,
    CrossTicked,
    Event,
    FeedLost,
    ForeignOrdersSeen,
    HaltResumed,
    HedgeReported,
    Nanos,
    OrderAccepted,
    OrderBuilt,
    OrderCanceled,
    OrderDenied,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderGivenUp,
    OrderRejected,
    OrderReported,
    OrderSubmitting,
    OthersExposed,
    OutcomeLost,
    PositionForgotten,
    ProofOverdue,
    QuotedMoved,
    ReferenceTicked,
    Restored,
    StateChanged,
    TimePassed,
    TradingState,
    VenueLocked,
    VenueTicked,
)
from tradingbot_runtime.model.control import MANUAL_HALT

if TYPE_CHECKING:  # market.py imports this table
    from tradingbot_runtime.core.market import Market

STOPS = frozenset({TradingState.HALTED, TradingState.STOPPED, TradingState.DRAINED, TradingState.FENCED})
UNSURE = frozenset({TradingState.STARTING, TradingState.RECONCILING, TradingState.FENCED})  # of what it holds
PROMPT_NS = 1_000_000_000
CROSS_FEED = "cross"  # `FeedLost.feed` of the second source of the price


def _reference_ticked(market: "Market", event: ReferenceTicked) -> None:
    if event.time_ns >= market.performance.due_ns:
        _measure(market, event.time_ns)
    market.reference.apply(event)
    terms = market.terms
    if terms.reference_is_venue:
        market.venue.apply(event)
    late_ns = max(event.late_ns, market.venue.late_ns)
    if terms.estimation is not None and late_ns <= terms.limits.stale_after_ns:
        ratio = terms.reference_numerator, terms.reference_denominator
        market.estimates.observe(event.time_ns, market.reference, market.others_mid_2, ratio, terms.estimation)


def _venue_ticked(market: "Market", event: VenueTicked) -> None:
    market.venue.apply(event)


def _cross_ticked(market: "Market", event: CrossTicked) -> None:
    market.cross, market.cross_seen_ns = event, Nanos(event.time_ns - event.late_ns)


def _feed_lost(market: "Market", event: FeedLost) -> None:
    if event.feed == CROSS_FEED:
        market.cross = None
        return
    _measure(market, event.time_ns)
    book = market.venue if event.feed == "venue" else market.reference
    book.clear()  # no book, no quotes
    if market.terms.reference_is_venue:
        market.venue.clear()


def _time_passed(market: "Market", event: TimePassed) -> None:
    """Staleness and budget are looked at on every event; what is measured by time alone is looked at here."""
    _measure(market, event.time_ns)
    mark, stale_after_ns = market.mark, market.terms.limits.stale_after_ns
    is_known = event.time_ns - mark.seen_ns <= stale_after_ns
    expected = market.state not in EXPECTS_NONE and market.terms.hedge is None  # a hedge rests nowhere
    market.performance.uptime.look(event.time_ns, market.orders, mark if is_known else NOWHERE, expected=expected)


def _measure(market: "Market", now_ns: Nanos) -> None:
    """What has come due, by the book as it stood until now."""
    market.performance.settle(now_ns, market.position, market.mark, market.terms.limits.stale_after_ns)


def _balances_reported(market: "Market", event: BalancesReported) -> None:
    market.account.base, market.account.quote = event.base, event.quote
    market.is_valued = True


def _state_changed(market: "Market", event: StateChanged) -> None:
    if event.state in STOPS and event.state is not market.state:
        market.refused_cancels.begin_anew()
    market.state = event.state
    market.killed = event.state is TradingState.HALTED and event.reason == MANUAL_HALT
    if not event.flatten:
        market.flattening = None
    elif market.flattening is None or (event.anew and market.flattening.is_given_up):
        market.flattening = Flattening()


def _halt_resumed(market: "Market", event: HaltResumed) -> None:
    if event.reason == BreachReason.MAX_DRAWDOWN:
        market.meters.begin_anew()
    elif event.reason == JOURNAL_LOST:  # what was traded before it is known in parts: nothing is measured from there
        market.daily = DailyLoss()
        market.meters.forget()
        market.meters.compared(event.time_ns, "")
    elif event.reason == BreachReason.ACCOUNT:
        market.meters.compared(event.time_ns, "")  # `reconcile` takes the venue's balances for true from here on


def _position_forgotten(market: "Market", event: PositionForgotten) -> None:
    instrument = market.position.instrument
    take_over(market.position, nothing(instrument, instrument, event.time_ns))
    market.performance.capture = SpreadCapture()  # what is forgotten was neither won nor lost


def _venue_locked(market: "Market", event: VenueLocked) -> None:
    market.locked = (event.reason or "no reason given") if event.locked else ""


def _account_checked(market: "Market", event: AccountChecked) -> None:
    market.meters.compared(event.time_ns, event.mismatch)


def _clock_measured(market: "Market", event: ClockMeasured) -> None:
    market.meters.clock_offset_ns = event.offset_ns


def _others_exposed(market: "Market", event: OthersExposed) -> None:
    if (before := market.others) is not None:
        market.account.moved_elsewhere(event.base_moved - before.base_moved, event.quote_moved - before.quote_moved)
    market.others = event


def _quoted_moved(market: "Market", event: QuotedMoved) -> None:
    market.hedging.quoted = event.base


def _hedge_reported(market: "Market", event: HedgeReported) -> None:
    market.hedge = event


def _foreign_seen(market: "Market", event: ForeignOrdersSeen) -> None:
    market.foreign = event


def _restored(market: "Market", event: Restored) -> None:
    market.orders.restore(event)
    if event.order_id in market.orders.live:  # of a life that may have had other limits
        market.suspects |= {event.order_id}


def _filled(market: "Market", event: OrderFilled) -> None:
    before, after = _advanced(market, event)
    if before is None or (after and after.filled > before.filled):  # a trade that is known already moves nothing
        market.performance.filled(event, market.mark, is_late=_is_late(market, event))
        market.value_day(event)
        market.position.apply(event)
        market.account.apply(event)
        market.meters.filled(event.time_ns)


def _ordered(market: "Market", event: OrderEvent) -> None:
    _advanced(market, event)
    if isinstance(event, OrderDenied) and market.flattening is not None:
        market.flattening.was_denied = True
    if isinstance(event, OrderRejected) and event.reason in MARKET_MOVED:
        return  # to be priced anew at the next tick
    if isinstance(event, OrderRejected | OrderDenied):
        shrank = event.reason == TOO_MANY_OPEN and market.room.refused(event.time_ns, len(market.orders.live))
        if not shrank:
            is_unsent_hedge = isinstance(event, OrderDenied) and market.terms.hedge is not None
            pauses = AFTER_UNSENT_HEDGE if is_unsent_hedge else AFTER_REFUSAL
            market.quiet.refused(event.time_ns, event.reason, event.message, pauses)
    if isinstance(event, OrderRejected):
        market.meters.rejects.add(event.time_ns)
    elif isinstance(event, OrderAccepted):
        market.quiet.accepted()


def _advanced(market: "Market", event: OrderEvent) -> tuple[Order | None, Order | None]:
    """The order before and after."""
    before = market.orders.get(event.order_id)
    after, market.anomaly = market.orders.apply(event)
    if isinstance(event, CancelRejected) and after is not None and after.state in WORKING:
        market.refused_cancels.refused(event)
    elif after is None or after.is_closed or isinstance(event, CancelRejected):
        market.refused_cancels.over(event.order_id)
    if after is not None and after.seen and not (before is not None and before.seen):
        market.performance.fill_ratio.rests(after.side, after.quantity)
    return before, after


def _is_late(market: "Market", event: OrderFilled) -> bool:
    """Whether the mid of the trade's own moment is gone: it was found out afterwards, and not told by the stream."""
    if market.state in UNSURE:
        return True
    venue_now_ns = event.time_ns + (market.meters.clock_offset_ns or 0)
    return bool(event.venue_time_ns) and venue_now_ns - event.venue_time_ns > PROMPT_NS


APPLY: Mapping[type[Event], Callable[["Market", Any], None]] = {
    ReferenceTicked: _reference_ticked,
    VenueTicked: _venue_ticked,
    CrossTicked: _cross_ticked,
    FeedLost: _feed_lost,
    TimePassed: _time_passed,
    BalancesReported: _balances_reported,
    AccountChecked: _account_checked,
    ClockMeasured: _clock_measured,
    OthersExposed: _others_exposed,
    QuotedMoved: _quoted_moved,
    HedgeReported: _hedge_reported,
    ForeignOrdersSeen: _foreign_seen,
    VenueLocked: _venue_locked,
    StateChanged: _state_changed,
    HaltResumed: _halt_resumed,
    PositionForgotten: _position_forgotten,
    Restored: _restored,
    OrderFilled: _filled,
    **dict.fromkeys(
        (
            OrderBuilt,
            OrderSubmitting,
            BuildExpired,
            OrderDenied,
            OrderAccepted,
            OrderRejected,
            OutcomeLost,
            ProofOverdue,
            OrderGivenUp,
            OrderCanceled,
            OrderExpired,
            CancelRejected,
            OrderReported,
        ),
        _ordered,
    ),
}
