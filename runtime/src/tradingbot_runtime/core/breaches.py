"""Limits that a market breaks by itself: rules in order, the first that is broken halts, within the same tick."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from tradingbot_runtime.core.meters import Meters
from tradingbot_runtime.core.risk import Limits
from tradingbot_runtime.core.risk.budgets import below
from tradingbot_runtime.model import Lots, Nanos

_MILLION = 1_000_000


class BreachReason(StrEnum):
    """The reason codes of halts, as status and metrics have them."""

    MAX_LOSS = "RiskBreachMaxLoss"
    MAX_DRAWDOWN = "RiskBreachMaxDrawdown"
    LOSS_RATE = "RiskBreachLossRate"
    MAX_POSITION = "RiskBreachMaxPosition"
    ORDER_RATE = "RiskBreachOrderRate"
    REJECT_RATE = "RiskBreachRejectRate"
    ACCOUNT = "ReconciliationMismatch"
    CLOCK = "ClockSkew"
    DIVERGENCE = "FeedDivergence"


@dataclass(frozen=True, slots=True)
class Breach:
    reason: BreachReason
    value: str  # what was measured, for people
    limit: str
    subject: str = ""  # what it is about, where the reason does not say it

    @property
    def message(self) -> str:
        return f"{self.subject}{', ' if self.subject else ''}{self.value}; limit {self.limit}"


@dataclass(frozen=True, slots=True)
class Measured:
    """What the rules look at."""

    now_ns: Nanos
    meters: Meters
    position: Lots
    opens: bool  # the market may add to its position, which a bot that is told to reduce may not


Rule = Callable[[Measured, Limits], Breach | None]
R = BreachReason


def max_loss(now: Measured, limits: Limits) -> Breach | None:
    """Realised and open, fees included, since midnight UTC."""
    limit, lost = limits.max_daily_loss, now.meters.loss_today
    if limit is None or lost <= limit:
        return None
    return Breach(R.MAX_LOSS, _money(lost, limits), _money(limit, limits))


def max_drawdown(now: Measured, limits: Limits) -> Breach | None:
    lost, best = now.meters.below_best, now.meters.best_equity
    if limits.max_drawdown is None or not below(lost, best, limits):
        return None
    numerator, denominator = limits.max_drawdown
    return Breach(R.MAX_DRAWDOWN, _money(lost, limits), _money(best * numerator // denominator, limits))


def loss_rate(now: Measured, limits: Limits) -> Breach | None:
    if limits.max_loss_rate is None or now.meters.recent_loss <= limits.max_loss_rate[0]:
        return None
    return Breach(R.LOSS_RATE, _money(now.meters.recent_loss, limits), _money(limits.max_loss_rate[0], limits))


def max_position(now: Measured, limits: Limits) -> Breach | None:
    """Orders cannot lead there: it takes a fill that nobody expected, or a limit that was lowered."""
    limit = limits.max_position
    if limit is None or not now.opens or abs(now.position) <= limit:
        return None
    text = limits.instrument.quantity_text
    return Breach(R.MAX_POSITION, text(now.position), text(limit))


def order_rate(now: Measured, limits: Limits) -> Breach | None:
    return _per_minute(R.ORDER_RATE, now.meters.orders.count(now.now_ns), limits.max_orders_per_minute)


def reject_rate(now: Measured, limits: Limits) -> Breach | None:
    return _per_minute(R.REJECT_RATE, now.meters.rejects.count(now.now_ns), limits.max_rejects_per_minute)


def account_truth(now: Measured, limits: Limits) -> Breach | None:
    """The account differs from what was booked, and it does not heal."""
    meters = now.meters
    found = _lasting(R.ACCOUNT, meters.mismatch_since_ns if meters.mismatch else 0, now.now_ns, limits)
    return replace(found, subject=meters.mismatch) if found else None


def clock_drift(now: Measured, limits: Limits) -> Breach | None:
    offset, limit = now.meters.clock_offset_ns, limits.max_clock_drift_ns
    if limit is None or offset is None or not limits.signed or abs(offset) <= limit:
        return None
    return Breach(R.CLOCK, f"{offset // _MILLION} ms", f"{limit // _MILLION} ms")


def divergence(now: Measured, limits: Limits) -> Breach | None:
    return _lasting(R.DIVERGENCE, now.meters.apart_since_ns, now.now_ns, limits)


RULES: tuple[Rule, ...] = (
    max_loss, max_drawdown, loss_rate, max_position, order_rate, reject_rate, account_truth, clock_drift, divergence,
)  # fmt: skip


def breach(now: Measured, limits: Limits) -> Breach | None:
    for rule in RULES:
        if found := rule(now, limits):
            return found
    return None


def _per_minute(reason: BreachReason, number: int, limit: int | None) -> Breach | None:
    return None if limit is None or number <= limit else Breach(reason, f"{number} a minute", f"{limit} a minute")


def _lasting(reason: BreachReason, since_ns: int, now_ns: Nanos, limits: Limits) -> Breach | None:
    if not since_ns or now_ns - since_ns <= limits.halt_after_ns:
        return None
    return Breach(reason, f"for {(now_ns - since_ns) // _MILLION} ms", f"{limits.halt_after_ns // _MILLION} ms")


def _money(amount: int, limits: Limits) -> str:
    return f"{limits.instrument.money_text(amount)} {limits.instrument.quote}"
