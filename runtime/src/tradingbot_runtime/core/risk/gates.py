"""Checks 1 to 8: may anything be sent at all, and is what we know true."""

from tradingbot_runtime.core.risk.limits import Limits
from tradingbot_runtime.core.risk.situation import Situation
from tradingbot_runtime.core.risk.verdict import Refusal, Verdict
from tradingbot_runtime.model import Place, TradingState

_S = TradingState
MAY_REDUCE = frozenset({_S.ACTIVE, _S.REDUCING})


def state(order: Place, now: Situation, _: Limits) -> Verdict:
    """Halted markets send one kind of order only: those that close the position, where the policy says so."""
    if now.locked:
        return Refusal.VENUE_LOCKED, f"the venue is locked: {now.locked}"
    if now.state is _S.FENCED or now.killed:
        return None  # the next two checks say more
    if now.state is _S.ACTIVE and not now.only_reducing:
        return None
    if now.state not in MAY_REDUCE and not now.flattening:
        return Refusal.NOT_TRADING, f"the state is {now.state}"
    return None if now.reduces(order) else _only_reducing(order, now)


def fenced(_: Place, now: Situation, __: Limits) -> Verdict:
    """Against the Lease's deadline by the local clock: nobody is asked for every order."""
    return (Refusal.FENCED, "the slot's Lease has run out") if now.state is _S.FENCED else None


def kill_switch(order: Place, now: Situation, _: Limits) -> Verdict:
    if not now.killed:
        return None
    if not now.flattening:
        return Refusal.KILL_SWITCH, "halted by a person"
    return None if now.reduces(order) else _only_reducing(order, now)


def staleness(_: Place, now: Situation, limits: Limits) -> Verdict:
    if now.feed_age_ns <= limits.stale_after_ns:
        return None
    return Refusal.FEED_STALE, f"the last tick is {now.feed_age_ns} ns old; {limits.stale_after_ns} allowed"


def book(_: Place, now: Situation, __: Limits) -> Verdict:
    return None if now.book_valid else (Refusal.BOOK_INVALID, "not known, crossed, or half a reference")


def divergence(_: Place, now: Situation, limits: Limits) -> Verdict:
    if not diverges((now.mid_2, now.mid_unit), (now.other_mid_2, now.other_unit), limits):
        return None
    return Refusal.FEED_DIVERGENCE, f"{now.mid_2}/{now.mid_unit} and {now.other_mid_2}/{now.other_unit} are apart"


def clock(_: Place, now: Situation, limits: Limits) -> Verdict:
    if limits.max_clock_drift_ns is None or not limits.signed:
        return None
    if now.clock_offset_ns is None:
        return Refusal.CLOCK_DRIFT, "the venue's clock was never measured"
    if abs(now.clock_offset_ns) <= limits.max_clock_drift_ns:
        return None
    return Refusal.CLOCK_DRIFT, f"the venue's clock is {now.clock_offset_ns} ns ahead"


def account(_: Place, now: Situation, limits: Limits) -> Verdict:
    """That the account stream is up is part of the state (RECONCILING); this is about what it has led to."""
    if now.mismatch:
        return Refusal.ACCOUNT_MISMATCH, now.mismatch
    if not now.checked_ns or now.now_ns - now.checked_ns <= limits.check_within_ns:
        return None
    return Refusal.ACCOUNT_UNCHECKED, f"last compared with the venue {now.now_ns - now.checked_ns} ns ago"


def diverges(ours: tuple[int, int], other: tuple[int, int], limits: Limits) -> bool:
    """Whether two prices, each as `(mid_2, unit)`, are further apart than allowed; not where one is missing."""
    if limits.max_divergence is None or ours[0] <= 0 or other[0] <= 0:
        return False
    numerator, denominator = limits.max_divergence
    price = ours[0] * other[1]
    return abs(price - other[0] * ours[1]) * denominator > price * numerator


def _only_reducing(order: Place, now: Situation) -> Verdict:
    because = f" ({now.only_reducing})" if now.only_reducing else ""
    text = f"{order.side} {order.quantity} lots would not only reduce a position of {now.position}{because}"
    return Refusal.REDUCE_ONLY, text
