"""The websocket under feed and gateway: it comes back by itself, and what its user raises is not swallowed."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import WSMsgType, web
from picows import WSTransport

from tradingbot_runtime.venues import connection
from tradingbot_runtime.venues.connection import (
    CONNECT_WITHIN_S,
    FIRST_DELAY_S,
    LONGEST_DELAY_S,
    MAX_FRAME_BYTES,
    Backoff,
    Connection,
)

WITHIN_S = 10.0


@dataclass
class Listener:
    """Remembers what it is told."""

    on_frame: Callable[[bytes], None] = lambda _: None
    opened: int = 0
    frames: list[int] = field(default_factory=list)  # lengths
    lost: list[str] = field(default_factory=list)

    def on_open(self, _: WSTransport) -> None:
        self.opened += 1

    def on_text(self, payload: memoryview, *, last: bool) -> None:  # noqa: ARG002 - as a Peer's
        self.frames.append(len(payload))
        self.on_frame(bytes(payload))

    def on_lost(self, reason: str) -> None:
        self.lost.append(reason)


@asynccontextmanager
async def venue(*frames: str) -> AsyncIterator[str]:
    """A server that sends `frames` to whoever connects, closes after the text "bye", and else keeps still."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for frame in frames:
            await socket.send_str(frame)
        if "bye" not in frames:
            async for message in socket:
                assert message.type is WSMsgType.TEXT
        return socket

    async with serving(handle) as url:
        yield url


@asynccontextmanager
async def serving(handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def run(listener: Listener, enough: Callable[[], bool], *frames: str) -> None:
    """Run a connection until there is `enough`, or it fails."""
    async with venue(*frames) as url:
        await run_until(Connection("test", url, listener, Backoff(lambda: 0.0)), enough)


async def run_until(tested: Connection, enough: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    async with asyncio.timeout(within_s):
        running = asyncio.ensure_future(tested.run())
        try:
            while not enough() and not running.done():  # noqa: ASYNC110 - the deadline is above
                await asyncio.sleep(0.005)
            if running.done():
                await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def test_what_the_user_of_a_connection_raises_ends_it_with_that_error() -> None:
    """A bug, or a journal that cannot be written: to reconnect would hide it, frame after frame."""

    def fail(_: bytes) -> None:
        raise KeyError("a bug")

    listener = Listener(fail)
    with pytest.raises(KeyError, match="a bug"):
        asyncio.run(run(listener, lambda: False, "one"))
    assert (listener.opened, listener.lost) == (1, [])


def test_a_closed_connection_is_told_and_made_again() -> None:
    listener = Listener()
    asyncio.run(run(listener, lambda: listener.opened >= 3, "one", "bye"))

    assert listener.frames[:4] == [3, 3, 3, 3]
    assert len(listener.lost) >= 2


def test_a_session_can_be_dropped_as_soon_as_it_is_told_of() -> None:
    """An account stream that is told of an order at once may find it overdue before the connecting has returned."""

    @dataclass
    class Doubting(Listener):
        connection: Connection = field(init=False)

        def on_open(self, transport: WSTransport) -> None:
            super().on_open(transport)
            if self.opened == 1:
                self.connection.reconnect()

    async def scenario() -> None:
        async with venue() as url:
            doubting.connection = Connection("test", url, doubting, Backoff(lambda: 0.0))
            await run_until(doubting.connection, lambda: doubting.opened >= 2)

    doubting = Doubting()
    asyncio.run(scenario())
    assert len(doubting.lost) == 1


def test_a_frame_of_five_megabytes_ends_the_session() -> None:
    listener = Listener()
    asyncio.run(run(listener, lambda: len(listener.lost) >= 1, "one", "x" * (MAX_FRAME_BYTES + 1_000_000)))

    assert "exceeding max allowed size" in listener.lost[0]


def test_a_handshake_that_comes_too_late_is_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """By then another attempt is under way: two sessions would tell everything twice."""
    monkeypatch.setattr(connection, "CONNECT_WITHIN_S", 0.1)
    listener, ended = Listener(), 0

    async def slowly(request: web.Request) -> web.WebSocketResponse:
        nonlocal ended
        await asyncio.sleep(0.3)
        session = web.WebSocketResponse()
        await session.prepare(request)
        async for _ in session:
            pass
        ended += 1
        return session

    async def scenario() -> None:
        async with serving(slowly) as url:
            await run_until(Connection("test", url, listener, Backoff(lambda: 0.0)), lambda: ended >= 2)

    asyncio.run(scenario())
    assert listener.opened == 0
    assert len(listener.lost) >= 2


def test_delays_double_with_jitter_up_to_the_longest() -> None:
    low, high = Backoff(lambda: 0.0), Backoff(lambda: 1.0)

    assert [low.delay_s(n) for n in range(3)] == [FIRST_DELAY_S / 2, FIRST_DELAY_S, FIRST_DELAY_S * 2]
    assert high.delay_s(1) == 2 * low.delay_s(1)
    assert high.delay_s(1_000) == LONGEST_DELAY_S


def test_a_venue_that_does_not_even_take_the_connection_is_given_up_and_tried_again() -> None:
    listener = Listener()
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # nobody accepts: when the queue is full, the system drops what comes
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(full.getsockname())
        address = f"ws://127.0.0.1:{full.getsockname()[1]}/stream"
        away = Connection("test", f"{address}?api_key=hidden", listener, Backoff(lambda: 0.0))
        asyncio.run(run_until(away, lambda: bool(listener.lost), CONNECT_WITHIN_S + WITHIN_S))
    assert listener.lost == [f"cannot connect to {address}: timed out after 5 s"]
