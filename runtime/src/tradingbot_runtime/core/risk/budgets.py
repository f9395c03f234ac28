"""Checks 20 to 25: what has been used up and lost. Losses stop what adds to the position, not what reduces it."""

from tradingbot_runtime.core.risk.limits import Limits
from tradingbot_runtime.core.risk.situation import Situation
from tradingbot_runtime.core.risk.verdict import Refusal, Verdict
from tradingbot_runtime.model import Place

FREE_CANCELS = 1_000  # a day, before cancels are counted against fills


def rate(_: Place, now: Situation, __: Limits) -> Verdict:
    """The token bucket keeps its own reserve for cancels: these are what is left for orders."""
    return None if now.order_tokens > 0 else (Refusal.RATE, "the message budget is used up")


def messages(order: Place, now: Situation, limits: Limits) -> Verdict:
    if now.closes(order):
        return None
    most = limits.max_messages_per_day
    if most is not None and now.messages_today >= most:
        return Refusal.DAILY_MESSAGES, f"{now.messages_today} messages since midnight UTC"
    ratio = limits.max_cancels_per_fill
    if ratio is None or now.cancels_today <= max(FREE_CANCELS, ratio * now.fills_today):
        return None
    return Refusal.CANCEL_RATIO, f"{now.cancels_today} cancels for {now.fills_today} fills"


def daily_loss(order: Place, now: Situation, limits: Limits) -> Verdict:
    if limits.max_daily_loss is None or now.loss_today <= limits.max_daily_loss or now.reduces(order):
        return None
    return Refusal.DAILY_LOSS, f"lost {now.loss_today} since midnight UTC; {limits.max_daily_loss} allowed"


def drawdown(order: Place, now: Situation, limits: Limits) -> Verdict:
    if not below(now.below_best, now.best_equity, limits) or now.reduces(order):
        return None
    return Refusal.DRAWDOWN, f"{now.below_best} below the best equity of {now.best_equity}"


def loss_rate(order: Place, now: Situation, limits: Limits) -> Verdict:
    if limits.max_loss_rate is None or now.recent_loss <= limits.max_loss_rate[0] or now.reduces(order):
        return None
    return Refusal.LOSS_RATE, f"lost {now.recent_loss} within {limits.max_loss_rate[1]} ns"


def breaker(_: Place, now: Situation, __: Limits) -> Verdict:
    """Closed: all pass. Open after a refusal: none. Half-open after the pause: one, until it is taken."""
    if now.now_ns < now.quiet_until_ns:
        return Refusal.BACKING_OFF, "the latest orders were refused, or did not leave"
    if now.refused_in_a_row and now.unanswered and now.placed_ns >= now.quiet_until_ns:
        return Refusal.BACKING_OFF, "one order is out to see whether the venue takes them again"
    return None


def below(below_best: int, best_equity: int, limits: Limits) -> bool:
    """Whether `below_best` is more than the allowed share of `best_equity`."""
    if limits.max_drawdown is None or best_equity <= 0:
        return False
    numerator, denominator = limits.max_drawdown
    return below_best * denominator > best_equity * numerator
