"""Steps of the start barrier that wait for a stream. It comes by itself; what it lacks is told when time is up."""

import asyncio
from collections.abc import Callable, Iterable

from tradingbot_runtime.config import Market
from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.venues.protocols import FeedHealth, Gateway

STREAM_WITHIN_S = 10.0
POLL_S = 0.02
Why = Callable[[], str]


async def connected(gateway: Gateway, lost: Why) -> None:
    """Raises VenueError; `lost` is why there was no connection last, empty where it was not refused."""
    await _until(lambda: gateway.connected, lambda: lost() or "the venue has not opened the stream")


async def fresh(market: LiveMarket, feeds: Why) -> None:
    """Raises VenueError; `feeds` says of each of the market's feeds how it is."""
    state = market.engine.market
    await _until(
        lambda: state.reference.is_valid and state.venue.is_valid and state.oldest_tick_ns,
        lambda: f"not every feed has quotes: {feeds()}",
    )


def feeds_in_words(market: Market, healths: Iterable[FeedHealth]) -> str:
    """How the feeds that `market` listens to are, those without a connection with the reason."""
    listened = [market.reference, market.execution, *([market.cross_check] if market.cross_check else [])]
    names = dict.fromkeys(f"{one.venue}/{one.symbol}" for one in listened)
    lost = {health.name: health.lost for health in healths}
    return "; ".join(f"{name}: {lost.get(name) or 'connected'}" for name in names)


async def _until(condition: Callable[[], object], why: Why) -> None:
    try:
        async with asyncio.timeout(STREAM_WITHIN_S):
            while not condition():  # noqa: ASYNC110 - the stream's state is a fact, not an event
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise VenueError(f"not within {STREAM_WITHIN_S:g} s: {why()}") from None
