"""A connection that is renewed: the new session is there before the old one goes, and its user hears of no loss."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from picows import WSTransport

from harness.waiting import met
from tradingbot_runtime.venues.connection import Backoff, Connection, Upkeep

OVERLAP_S = 0.3


@dataclass
class Listener:
    """`log`: what it was told, in order."""

    log: list[str] = field(default_factory=list)
    fails_on: str = ""

    def on_open(self, _: WSTransport) -> None:
        self.log.append("open")

    def on_text(self, payload: memoryview, *, last: bool) -> None:  # noqa: ARG002 - as a Peer's
        text = bytes(payload).decode()
        self.log.append(text)
        if text == self.fails_on:
            raise KeyError(text)

    def on_lost(self, reason: str) -> None:
        self.log.append(f"lost: {reason}")


@dataclass
class Venue:
    sessions: list[web.WebSocketResponse] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    refuses: bool = False
    refused: int = 0
    retry_after: dict[str, str] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        if self.refuses:
            self.refused += 1
            raise web.HTTPTooManyRequests(headers=self.retry_after)
        session = web.WebSocketResponse()
        await session.prepare(request)
        number = len(self.sessions)
        self.sessions.append(session)
        async for _ in session:
            pass
        self.ended.append(number)
        return session


Scenario = Callable[[Venue, Listener, Connection], Awaitable[None]]


def play(scenario: Scenario, lives_s: float | None = None, listener: Listener | None = None) -> None:
    asyncio.run(_play(scenario, lives_s, listener or Listener()))


async def _play(scenario: Scenario, lives_s: float | None, listener: Listener) -> None:
    venue = Venue()
    app = web.Application()
    app.router.add_get("/", venue.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    connection = Connection("test", url, listener, Backoff(lambda: 0.0), Upkeep(lives_s, OVERLAP_S))
    running = asyncio.ensure_future(connection.run())
    try:
        await met(lambda: venue.sessions, "connected")
        await scenario(venue, listener, connection)
        if running.done():
            await running
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError, KeyError):
            await running
        await runner.cleanup()


def test_a_renewed_connection_hears_the_former_session_for_a_while_and_then_lets_go_of_it() -> None:
    async def scenario(venue: Venue, listener: Listener, connection: Connection) -> None:
        connection.renew()
        await met(lambda: len(venue.sessions) == 2, "a second session")
        await venue.sessions[0].send_str("a late answer")
        await venue.sessions[1].send_str("news")
        await met(lambda: len(listener.log) == 4, "both are heard")
        await met(lambda: venue.ended == [0], "the former is let go of")

        assert sorted(listener.log) == ["a late answer", "news", "open", "open"]
        await venue.sessions[1].send_str("more")
        await met(lambda: listener.log[-1] == "more", "the new one goes on")

    play(scenario)


def test_a_connection_is_renewed_when_it_has_lived_long_enough_again_and_again() -> None:
    async def scenario(venue: Venue, listener: Listener, _: Connection) -> None:
        await met(lambda: len(venue.sessions) >= 4, "renewed three times")

        assert set(listener.log) == {"open"}

    play(scenario, lives_s=0.1)


def test_a_renewal_that_fails_leaves_the_former_session_and_is_tried_again() -> None:
    async def scenario(venue: Venue, listener: Listener, connection: Connection) -> None:
        venue.refuses = True
        connection.renew()
        await met(lambda: venue.refused >= 2, "refused twice")
        await venue.sessions[0].send_str("still here")
        await met(lambda: listener.log[-1] == "still here", "the former is heard")
        venue.refuses = False
        await met(lambda: len(venue.sessions) == 2, "renewed")

        assert [entry for entry in listener.log if entry.startswith("lost")] == []

    play(scenario)


def test_a_former_session_that_ends_during_its_renewal_is_a_loss_only_when_there_is_no_other() -> None:
    async def scenario(venue: Venue, listener: Listener, connection: Connection) -> None:
        connection.renew()
        await met(lambda: len(venue.sessions) == 2, "a second session")
        await venue.sessions[0].close()
        await met(lambda: 0 in venue.ended, "the former has ended")
        await venue.sessions[1].send_str("news")
        await met(lambda: listener.log[-1] == "news", "the new one goes on")
        assert listener.log == ["open", "open", "news"]

        venue.refuses = True
        await venue.sessions[1].close()
        await met(lambda: any(entry.startswith("lost") for entry in listener.log), "lost")

    play(scenario)


def test_a_venue_that_refuses_the_connection_is_tried_again_when_it_says_so() -> None:
    async def scenario(venue: Venue, listener: Listener, _: Connection) -> None:
        venue.refuses, venue.retry_after = True, {"Retry-After": "1"}
        await venue.sessions[0].close()
        await met(lambda: venue.refused == 1, "refused")
        clock = asyncio.get_running_loop().time
        began = clock()
        venue.refuses = False
        await met(lambda: len(venue.sessions) == 2, "connected again")

        assert clock() - began > 0.9, "not before its second was over"
        await met(lambda: listener.log.count("open") == 2, "which the client hears of a moment later")

    play(scenario)


def test_what_the_user_raises_about_a_former_session_ends_the_connection_too() -> None:
    async def scenario(venue: Venue, _: Listener, connection: Connection) -> None:
        connection.renew()
        await met(lambda: len(venue.sessions) == 2, "a second session")
        await venue.sessions[0].send_str("bug")
        await met(lambda: sorted(venue.ended) == [0, 1], "all has ended")

    with pytest.raises(KeyError, match="bug"):
        play(scenario, listener=Listener(fails_on="bug"))
