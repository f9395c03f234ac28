"""Waiting in an event loop for what others in it bring about; `harness.simulator.until` waits for other processes."""

import asyncio
from collections.abc import Callable

WITHIN_S = 20.0


async def met(
    condition: Callable[[], object], what: str = "what was waited for", there_was: Callable[[], str] = str
) -> None:
    """Wait for a condition; AssertionError tells what did not happen in time, and what there was instead."""
    try:
        async with asyncio.timeout(WITHIN_S):
            while not condition():  # noqa: ASYNC110 - the deadline is above
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"not within {WITHIN_S} s: {what}; {there_was()}".removesuffix("; ")) from None
