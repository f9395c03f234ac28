"""To ask a venue until it answers."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.venues.link import JITTER


async def insist(
    step: Callable[[], Awaitable[None]], tell: Callable[[VenueError], None], wanted: Callable[[], bool] = lambda: True
) -> bool:
    """Do `step` until it succeeds, with growing pauses and jitter; `tell` hears of each failure.

    False as soon as it is not `wanted` any more. There is no other end: a slot that gave up would hold its market and
    do nothing, where the venue may be back in a minute.
    """
    for failures in count():
        if not wanted():
            break
        try:
            await step()
        except VenueError as error:
            tell(error)
            await asyncio.sleep(JITTER.delay_s(failures))
        else:
            return wanted()
    return False
