"""To ask a venue until it answers."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.venues.link import JITTER


async def insist(
    step: Callable[[], Awaitable[None]],
    tell: Callable[[VenueError], None],
    wanted: Callable[[], bool] = lambda: True,
    news: asyncio.Event | None = None,
) -> bool:
    """Do `step` until it succeeds, with growing pauses and jitter; `tell` hears of each failure.

    False as soon as it is not `wanted` any more. There is no other end: a slot that gave up would hold its market and
    do nothing, where the venue may be back in a minute. `news`, from when a step began, end the pause after it, and
    the next one is a short one again: what has failed before says nothing of now.
    """
    news, failures = news or asyncio.Event(), 0
    while wanted():
        news.clear()
        try:
            await step()
        except VenueError as error:
            tell(error)
            with suppress(TimeoutError):
                async with asyncio.timeout(JITTER.delay_s(failures)):
                    await news.wait()
            failures = 0 if news.is_set() else failures + 1
        else:
            return wanted()
    return False
