"""The markets in which a bot has orders: those that it quotes, and those in which a strategy hedges."""

from collections.abc import Iterable

from tradingbot_runtime.config.market import Market
from tradingbot_runtime.config.strategy import Strategy


def legs(strategy: Strategy, markets: Iterable[Market]) -> tuple[Market, ...]:
    """A hedge market comes before the one that it hedges."""
    if strategy.cross_exchange is None:
        return tuple(markets)
    return tuple(leg for market in markets for leg in (market.hedge, market))
