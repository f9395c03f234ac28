"""The steps of conformance scenarios that are about market data."""

import asyncio
from collections.abc import Awaitable

from harness.conformance_bench import Bench
from harness.conformance_steps import Step
from tradingbot_runtime.model import FeedLost


def with_feed(*steps: Step) -> Step:
    """While the feed runs."""

    async def step(bench: Bench) -> None:
        feed = bench.kit.feed(bench, bench.tick)
        reading = asyncio.ensure_future(feed.run())
        try:
            await bench.until(lambda: bench.books, "the first book")
            for inner in steps:
                await inner(bench)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    return step


def book_goes_on(bench: Bench) -> Awaitable[None]:
    before = len(bench.books)
    return bench.until(lambda: len(bench.books) > before + 1, "the book goes on")


def book_lost(bench: Bench) -> Awaitable[None]:
    return bench.until(lambda: any(isinstance(tick, FeedLost) for tick in bench.ticks), "no book, no quotes")
