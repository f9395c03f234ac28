"""What shows that a feed is late, each proof by itself: the time in the frames, and the answers to pings."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import WSMsgType, web

from harness.engines import BTC
from harness.slots import Wire, config, slot_of
from harness.waiting import met
from tradingbot_runtime.clock import Clock
from tradingbot_runtime.config import VenueSpec
from tradingbot_runtime.halt_file import HaltFile
from tradingbot_runtime.model import FeedLost, ReferenceTicked
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.risk_watch import RiskWatch
from tradingbot_runtime.venues.feed import ORDINARY_NS
from tradingbot_runtime.venues.link import VenueLink

SECOND = 1_000_000_000


@dataclass
class Venue:
    """Best prices all the while; the rest as told."""

    frames_s: float = 0.0  # how late the frames are, by the time in them
    pongs_s: float = 0.0  # how late pings are answered
    has_time: bool = True
    echoes: bool = True  # what was in a ping is in its pong
    clock_s: float = 86_400.0  # how far its clock is ahead
    update: int = 1
    pings: list[float] = field(default_factory=list)
    sessions: list[web.WebSocketResponse] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        session = web.WebSocketResponse(autoping=False)
        await session.prepare(request)
        self.sessions.append(session)
        telling = asyncio.ensure_future(self._tell(session))
        answers: set[asyncio.Task[None]] = set()
        async for message in session:
            if message.type is WSMsgType.PING:
                self.pings.append(time.monotonic())
                answer = asyncio.ensure_future(self._answer(session, message.data if self.echoes else b""))
                answers.add(answer)
                answer.add_done_callback(answers.discard)
        telling.cancel()
        return session

    async def time(self, _: web.Request) -> web.Response:
        return web.json_response({"serverTime": int((time.time() + self.clock_s) * 1000)})

    async def identity(self, _: web.Request) -> web.Response:
        return web.json_response({}, headers={"X-Simulator": "a venue of one feed"})

    async def _answer(self, session: web.WebSocketResponse, said: bytes) -> None:
        await asyncio.sleep(self.pongs_s)
        with suppress(ConnectionError):
            await session.pong(said)

    async def _tell(self, session: web.WebSocketResponse) -> None:
        while True:
            if self.has_time:
                made_ms = int((time.time() + self.clock_s - self.frames_s) * 1000)
                await self._send(session, "depth@100ms", {"e": "depthUpdate", "E": made_ms, "u": self.update})
            self.update += 1
            prices = {"u": self.update, "s": "BTCUSDT", "b": "61837.63", "B": "3.7", "a": "61837.64", "A": "1.5"}
            await self._send(session, "bookTicker", prices)
            await asyncio.sleep(0.02)

    async def _send(self, session: web.WebSocketResponse, stream: str, data: object) -> None:
        await session.send_str(json.dumps({"stream": f"btcusdt@{stream}", "data": data}))


@dataclass
class Watched:
    link: VenueLink
    ticks: list[ReferenceTicked | FeedLost] = field(default_factory=list)

    @property
    def late_ns(self) -> int:
        """Of the newest tick."""
        newest = self.ticks[-1] if self.ticks else None
        return newest.late_ns if isinstance(newest, ReferenceTicked) else -1

    async def until(self, condition: Callable[[], object], what: str) -> None:
        await met(condition, what, lambda: f"late by {self.late_ns / 1e9} s")

    async def hears(self, ticks: int = 30) -> list[int]:
        """How late the next ticks are."""
        before = len(self.ticks)
        await self.until(lambda: len(self.ticks) >= before + ticks, "ticks")
        return [tick.late_ns for tick in self.ticks[before:] if isinstance(tick, ReferenceTicked)]


def play(venue: Venue, scenario: Callable[[Watched], Awaitable[None]]) -> None:
    asyncio.run(_play(venue, scenario))


async def _play(venue: Venue, scenario: Callable[[Watched], Awaitable[None]]) -> None:
    app = web.Application()
    app.router.add_get("/stream", venue.handle)
    app.router.add_get("/api/v3/time", venue.time)
    app.router.add_get("/api/v3/ping", venue.identity)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"127.0.0.1:{runner.addresses[0][1]}"
    endpoints = {"rest": f"http://{address}", "stream": f"ws://{address}/stream", "websocketApi": f"ws://{address}/api"}
    spec = VenueSpec.model_validate({"environment": "Simulated", "type": "Binance", "endpoints": endpoints})
    link, watched = VenueLink("binance", spec, Clock().now_ns, None, KnownSecrets()), list[ReferenceTicked | FeedLost]()
    await link.introduce()
    feed = link.feeds["BTCUSDT"] = link.feed(BTC, watched.append)
    running = asyncio.ensure_future(feed.run())
    try:
        await scenario(Watched(link, watched))
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await link.close()
        await runner.cleanup()


def test_frames_that_are_late_by_their_time_are_seen_while_pings_are_answered_at_once() -> None:
    venue = Venue()

    async def scenario(feed: Watched) -> None:
        assert max(await feed.hears()) == 0, "a day between two clocks is no lateness"
        venue.frames_s = 15.0
        await feed.until(lambda: feed.late_ns > 14 * SECOND, "it is late")
        assert min(await feed.hears()) > 14 * SECOND
        await venue.sessions[-1].close()
        await feed.until(lambda: len(venue.sessions) == 2, "another connection")
        assert min(await feed.hears()) > 14 * SECOND, "another connection is no proof"

        venue.frames_s = 0.0
        await feed.until(lambda: feed.late_ns == 0, "it has caught up")
        assert max(await feed.hears()) == 0

    play(venue, scenario)


def test_frames_without_a_time_are_as_late_as_the_answers_to_pings_among_them() -> None:
    venue = Venue(has_time=False)

    async def scenario(feed: Watched) -> None:
        await feed.until(lambda: len(venue.pings) > 1, "the first are answered")
        assert max(await feed.hears()) == 0
        venue.pongs_s = 2.0
        await feed.until(lambda: feed.late_ns > 2 * SECOND, "it is late")
        assert min(await feed.hears(100)) > 2 * SECOND - ORDINARY_NS

        venue.pongs_s = 0.0
        await feed.until(lambda: feed.late_ns == 0, "it has caught up")
        assert max(await feed.hears()) == 0

    play(venue, scenario)


def test_frames_without_a_time_that_waited_while_the_loop_stood_still_are_late_by_that() -> None:
    venue = Venue(has_time=False)

    async def scenario(feed: Watched) -> None:
        await feed.until(lambda: len(venue.pings) > 1, "the first are answered")
        await feed.hears()
        before = len(feed.ticks)
        time.sleep(2)  # noqa: ASYNC251 - that is what it is about: the loop stands still
        await feed.until(lambda: len(feed.ticks) > before, "a tick")
        waited = feed.ticks[before]
        assert isinstance(waited, ReferenceTicked)
        assert waited.late_ns > 1.5 * SECOND

        await feed.until(lambda: feed.late_ns == 0, "an answer to a ping of afterwards")

    play(venue, scenario)


def test_a_venue_that_answers_pings_with_nothing_is_not_judged_by_them() -> None:
    venue = Venue(has_time=False, echoes=False)

    async def scenario(feed: Watched) -> None:
        await feed.until(lambda: len(venue.pings) > 3, "pings")
        assert max(await feed.hears()) == 0

    play(venue, scenario)


# -- with the venue's clock measured -----------------------------------------------------------------------------------


def test_a_process_that_starts_while_its_feed_is_late_knows_it_by_the_venues_clock() -> None:
    venue = Venue(frames_s=15.0)

    async def scenario(feed: Watched) -> None:
        assert min(await feed.hears()) > 14 * SECOND
        venue.frames_s = 0.0
        await feed.until(lambda: feed.late_ns == 0, "it has caught up")

    play(venue, scenario)


def test_a_venues_clock_that_is_set_back_looks_late_until_it_is_measured_again_also_where_nothing_is_traded(
    tmp_path: Path,
) -> None:
    venue, slot = Venue(), slot_of(tmp_path / "journal.sqlite3", Wire(), config())

    async def scenario(feed: Watched) -> None:
        assert max(await feed.hears()) == 0
        venue.clock_s -= 5
        await feed.until(lambda: feed.late_ns > 4 * SECOND, "it looks late")
        halt_file = HaltFile(tmp_path / "HALT", slot.halts.is_held_by, slot.halted_by_hand)
        await RiskWatch(slot, {"binance": feed.link}, halt_file).measure_clocks()
        await feed.until(lambda: feed.late_ns < SECOND, "it does not any more")

        venue.clock_s += 3600
        await feed.until(lambda: feed.late_ns == 0, "what is nearer than usual is not late")
        assert max(await feed.hears()) <= 2 * ORDINARY_NS

    play(venue, scenario)
    slot.journal.close()
