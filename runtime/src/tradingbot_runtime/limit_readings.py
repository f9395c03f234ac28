"""How much of each limit that halts is used, as a share. Runs at a scrape; nothing decides by it."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from tradingbot_runtime.core.market import Market
from tradingbot_runtime.core.risk import Limits
from tradingbot_runtime.model import Nanos

Used = Callable[[Market, Limits, Nanos], tuple[int, int] | None]  # (used, limit); None: there is no such limit


def _daily_loss(market: Market, limits: Limits, _: Nanos) -> tuple[int, int] | None:
    return None if limits.max_daily_loss is None else (market.meters.loss_today, limits.max_daily_loss)


def _drawdown(market: Market, limits: Limits, _: Nanos) -> tuple[int, int] | None:
    """0 while nobody has said what the account holds: there is nothing that it could be a share of."""
    if limits.max_drawdown is None:
        return None
    numerator, denominator = limits.max_drawdown
    best = market.meters.best_equity
    return (market.meters.below_best * denominator, best * numerator) if best else (0, 1)


def _loss_rate(market: Market, limits: Limits, _: Nanos) -> tuple[int, int] | None:
    return None if limits.max_loss_rate is None else (market.meters.recent_loss, limits.max_loss_rate[0])


def _position(market: Market, limits: Limits, _: Nanos) -> tuple[int, int] | None:
    return None if limits.max_position is None else (abs(market.position.lots), limits.max_position)


def _orders(market: Market, limits: Limits, now_ns: Nanos) -> tuple[int, int] | None:
    return (
        None
        if limits.max_orders_per_minute is None
        else (market.meters.orders.count(now_ns), limits.max_orders_per_minute)
    )


def _rejects(market: Market, limits: Limits, now_ns: Nanos) -> tuple[int, int] | None:
    return (
        None
        if limits.max_rejects_per_minute is None
        else (market.meters.rejects.count(now_ns), limits.max_rejects_per_minute)
    )


# By the names that the manifest gives them.
LIMITS: tuple[tuple[str, Used], ...] = (
    ("maxDailyLoss", _daily_loss),
    ("maxDrawdown", _drawdown),
    ("maxLossRate", _loss_rate),
    ("maxPosition", _position),
    ("maxOrdersPerMinute", _orders),
    ("maxRejectsPerMinute", _rejects),
)


def limits_used(market: Market, now_ns: Nanos) -> Iterator[tuple[str, Decimal]]:
    """Of the limits that this market has; 0 where nothing is lost."""
    limits = market.terms.limits
    for name, used_of in LIMITS:
        if found := used_of(market, limits, now_ns):
            used, limit = max(found[0], 0), found[1]
            yield name, Decimal(used) / limit if limit else Decimal("Infinity") if used else Decimal(0)
