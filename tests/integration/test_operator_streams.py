"""The control stream, over real TLS, against a pod that does not behave."""

import asyncio
import base64
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from harness.bot_model import bot, report_of
from harness.waiting import met
from tradingbot_operator.certificates import ControlIdentity, control_secret, read_identity
from tradingbot_operator.queue import Priority
from tradingbot_operator.runtime_client import RuntimeClient
from tradingbot_operator.surroundings import BotName, Leader, Surroundings
from tradingbot_runtime.config import BotIdentity, DesiredState, MarketMaking, Mode, OnStop, Risk, SlotConfig, Strategy
from tradingbot_runtime.model.control import CONTROL_PATH, CommandRefused, ControlMessage, Drain, Hello, OperatorMessage
from tradingbot_runtime.model.events import TradingState

CONFIG = SlotConfig(
    bot=BotIdentity(namespace="n", name="maker", uid="u"), slot=0, desired_state=DesiredState.RUNNING, mode=Mode.PAPER,
    strategy=Strategy(market_making=MarketMaking.model_validate({"spreadBps": "8", "sizes": ["1"]})), markets=[],
    venues={}, risk=Risk(), on_stop=OnStop.CANCEL_ALL,
)  # fmt: skip
REPORT = report_of(CONFIG, "pod-uid")
UID, BOT = "pod-uid", ("n", "maker")
Answer = Callable[[web.WebSocketResponse, OperatorMessage], Awaitable[None]]
Change = Callable[[Surroundings], Surroundings]


async def honest(socket: web.WebSocketResponse, message: OperatorMessage) -> None:
    report = REPORT
    if isinstance(message, Drain):
        report = msgspec.structs.replace(REPORT, state=TradingState.DRAINED)
    await say(socket, report)


async def say(socket: web.WebSocketResponse, message: ControlMessage) -> None:
    await socket.send_str(msgspec.json.encode(message).decode())


@dataclass(slots=True)
class Peer:
    """A pod's server; `answer` is what it does with a message."""

    answer: Answer
    token: str
    told: list[OperatorMessage] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    connections: int = 0
    says_back: bool = False  # in place of HTTP, what it was sent

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.says_back and request.transport is not None:
            request.transport.write(f"{request.headers['Authorization']} is no HTTP\r\n\r\n".encode())
            request.transport.close()
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        self.connections += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for frame in socket:
            message: OperatorMessage = msgspec.json.decode(frame.data, type=OperatorMessage)
            self.told.append(message)
            with suppress(ConnectionError):
                await self.answer(socket, message)
        return socket


@dataclass(slots=True)
class Scene:
    peer: Peer
    client: RuntimeClient
    changes: deque[tuple[BotName, Priority]]
    url: str
    stop: Callable[[], Awaitable[None]]  # the peer is gone

    def count(self, event: str) -> int:
        return self.client.counters[event]


@asynccontextmanager
async def scene(
    folder: Path,
    answer: Answer = honest,
    *,
    token: str = "",
    expects: ControlIdentity | None = None,
    around: Change = lambda usual: usual,
) -> AsyncIterator[Scene]:
    """`expects`: whom the operator looks for, when it is not the peer. `around` changes what streams need."""
    secret = control_secret(bot(), datetime.now(UTC), None)
    identity = expects or read_identity(secret, "maker")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for key in ("tls.crt", "tls.key"):
        (folder / key).write_bytes(base64.b64decode(secret["data"][key]))
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    peer = Peer(answer, token or identity.token)
    application = web.Application()
    application.router.add_get(CONTROL_PATH, peer.serve)
    runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    changes: deque[tuple[BotName, Priority]] = deque(maxlen=100)
    async with aiohttp.ClientSession() as session:
        client = RuntimeClient(session, around(_around(identity, runner.addresses[0][1], changes)))
        client.ensure(BOT, UID, "maker-0", "127.0.0.1")
        try:
            url = f"wss://127.0.0.1:{runner.addresses[0][1]}{CONTROL_PATH}"
            yield Scene(peer, client, changes, url, runner.cleanup)
        finally:
            await client.close()
            await runner.cleanup()
            await asyncio.sleep(0.05)  # asyncio closes its sockets a moment later


def _around(identity: ControlIdentity, port: int, changes: deque[tuple[BotName, Priority]]) -> Surroundings:
    async def known(_: BotName) -> ControlIdentity:
        return identity

    return Surroundings(
        leader=Leader("leader", 7), port=port, lost_grace_s=0.2, identity=known, identity_failed=lambda _: None,
        changed=lambda name, priority: changes.append((name, priority)), changed_after=lambda *_: None,
        venues_changed=lambda *_: None,
        clock=asyncio.get_running_loop().time, random=lambda: 0.5,
    )  # fmt: skip


def test_the_first_message_is_hello_with_the_term_and_the_report_is_kept(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(tmp_path) as s:
            await met(lambda: s.client.view(UID).connected)

            assert s.peer.told[0] == Hello(term=7, operator="leader")
            assert s.client.view(UID).report == REPORT
            assert list(s.changes) == [(BOT, Priority.CHILD)]

    asyncio.run(run())


def test_a_heartbeat_that_says_nothing_new_wakes_nobody(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(tmp_path) as s:
            await met(lambda: s.client.view(UID).connected)
            for _ in range(20):
                await say(s.peer.sockets[0], REPORT)
            halted = msgspec.structs.replace(REPORT, state=TradingState.HALTED)
            await say(s.peer.sockets[0], halted)
            await met(lambda: s.client.view(UID).report == halted)

            assert list(s.changes) == [(BOT, Priority.CHILD), (BOT, Priority.HALT)]

    asyncio.run(run())


def test_a_heartbeat_after_the_drain_counts_although_it_says_what_the_one_before_said(tmp_path: Path) -> None:
    async def drained_before(socket: web.WebSocketResponse, _: OperatorMessage) -> None:
        await say(socket, msgspec.structs.replace(REPORT, state=TradingState.DRAINED))

    async def run() -> None:
        async with scene(tmp_path, drained_before) as s:
            await met(lambda: s.client.view(UID).connected)
            assert not s.client.view(UID).drained
            await s.client.drain(UID, "because", flatten=False)
            await met(lambda: s.client.view(UID).drained)

            assert s.peer.connections == 1

    asyncio.run(run())


def test_a_stream_that_a_bug_has_ended_begins_anew_with_the_next_look_at_its_bot(tmp_path: Path) -> None:
    def failing_once(usual: Surroundings) -> Surroundings:
        left = [RuntimeError("a bug")]

        async def known(name: BotName) -> ControlIdentity:
            if left:
                raise left.pop()
            return await usual.identity(name)

        return replace(usual, identity=known)

    async def run() -> None:
        async with scene(tmp_path, around=failing_once) as s:
            await met(lambda: s.count("ended") == 1)
            s.client.ensure(BOT, UID, "maker-0", "127.0.0.1")
            await met(lambda: s.client.view(UID).connected)

    asyncio.run(run())


def test_a_drain_is_said_again_to_a_process_that_started_anew(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(tmp_path) as s:
            await met(lambda: s.client.view(UID).connected)
            await s.client.drain(UID, "because", flatten=False)
            await met(lambda: s.client.view(UID).drained)
            await s.peer.sockets[0].close()
            await met(lambda: s.peer.connections == 2)
            await met(lambda: len(s.peer.told) == 4)

            assert [type(message).__name__ for message in s.peer.told] == ["Hello", "Drain", "Hello", "Drain"]

    asyncio.run(run())


def test_a_stream_waits_for_its_turn_and_says_so(tmp_path: Path) -> None:
    """What waits has not failed: of a thousand pods nobody is called unreachable because there are so many."""

    async def run() -> None:
        turns = asyncio.Semaphore(0)
        async with scene(tmp_path, around=lambda usual: replace(usual, turns=turns)) as s:
            await asyncio.sleep(0)  # its task has begun
            assert s.client.view(UID).untried
            assert (s.peer.connections, s.client.view(UID).trouble) == (0, "")

            turns.release()
            await met(lambda: s.client.view(UID).connected)
            assert not s.client.view(UID).untried
            assert not turns.locked(), "the next one has its turn"

    asyncio.run(run())


def test_who_was_not_reached_waits_among_his_like(tmp_path: Path) -> None:
    """So many of a lost node's pods are tried again that none of them gets a turn: a pod that is new has one."""

    async def run() -> None:
        again = asyncio.Semaphore(0)
        async with scene(tmp_path, around=lambda usual: replace(usual, turns_again=again)) as s:
            await met(lambda: s.client.view(UID).connected)
            s.client.ensure(BOT, "lost", "maker-1", "127.0.0.2")  # nobody listens there
            await met(lambda: s.count("error_ClientConnectorError") == 1)

            s.client.kick("lost")
            s.client.ensure(BOT, "new", "maker-2", "127.0.0.1")
            await met(lambda: s.client.view("new").report is not None)
            assert s.count("error_ClientConnectorError") == 1

    asyncio.run(run())


def test_an_attempt_that_failed_was_one(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(tmp_path, token="another") as s:  # noqa: S106 - not a secret
            await met(lambda: s.client.view(UID).trouble != "")
            assert not s.client.view(UID).untried

    asyncio.run(run())


def test_a_lost_pod_is_lost_after_the_grace_and_comes_back_by_itself(tmp_path: Path) -> None:
    async def mute(socket: web.WebSocketResponse, message: OperatorMessage) -> None:
        if talking[0]:
            await honest(socket, message)

    talking = [True]

    async def run() -> None:
        async with scene(tmp_path, mute) as s:
            await met(lambda: s.client.view(UID).connected)
            talking[0] = False
            await s.peer.sockets[0].close()
            await met(lambda: not s.client.view(UID).connected)
            assert s.client.view(UID).report == REPORT, "what it said last is still known"

            talking[0] = True
            for socket in s.peer.sockets[1:]:
                await socket.close()
            await met(lambda: s.client.view(UID).connected)

    asyncio.run(run())


async def garbage(socket: web.WebSocketResponse, _: OperatorMessage) -> None:
    await socket.send_str("{not json")


async def binary(socket: web.WebSocketResponse, _: OperatorMessage) -> None:
    await socket.send_bytes(b"\x00\x01")


async def oversized(socket: web.WebSocketResponse, _: OperatorMessage) -> None:
    await socket.send_str("x" * 1_100_000)


async def stale(socket: web.WebSocketResponse, _: OperatorMessage) -> None:
    await say(socket, CommandRefused(reason="StaleTerm", message="7 is lower than 8"))


@pytest.mark.parametrize("answer", [garbage, binary, oversized, stale])
def test_a_peer_that_misbehaves_is_left_and_tried_again(tmp_path: Path, answer: Answer) -> None:
    async def run() -> None:
        async with scene(tmp_path, answer) as s:
            await met(lambda: s.peer.connections >= 2)

            assert not s.client.view(UID).connected
            assert s.client.view(UID).report is None

    asyncio.run(run())


def test_a_peer_that_does_not_know_the_token_learns_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(tmp_path, token="another") as s:  # noqa: S106 - not a secret
            await met(lambda: s.count("error_WSServerHandshakeError") >= 2)

            assert s.peer.told == []
            assert s.client.view(UID).trouble == f"{s.url}: answered HTTP 401 instead of opening a websocket"

    asyncio.run(run())


def test_a_pod_that_says_back_the_token_has_it_told_to_nobody(tmp_path: Path) -> None:
    """Neither as a reason why it is not connected, nor as a word of its report, which both go to the status."""

    async def run() -> None:
        async def says_it_back(socket: web.WebSocketResponse, _: OperatorMessage) -> None:
            await say(socket, msgspec.structs.replace(REPORT, message=f"Bearer {s.peer.token}"))

        async with scene(tmp_path, says_it_back) as s:
            s.peer.says_back = True
            await met(lambda: s.client.view(UID).trouble)
            told = s.client.view(UID).trouble
            assert "[secret]" in told
            assert s.peer.token not in told

            s.peer.says_back = False
            await met(lambda: s.client.view(UID).connected)
            report = s.client.view(UID).report
            assert report is not None
            assert report.message == "Bearer [secret]"

    asyncio.run(run())


def test_a_pod_that_is_not_reached_is_named_with_address_and_cause_until_it_is(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(tmp_path) as s:
            await met(lambda: s.client.view(UID).connected)
            assert s.client.view(UID).trouble == ""

            await s.stop()
            await met(lambda: "refused" in s.client.view(UID).trouble)
            assert s.client.view(UID).trouble == f"{s.url}: connection refused: nothing listens there"

    asyncio.run(run())


def test_a_pod_with_another_bots_certificate_is_not_talked_to_and_that_is_said(tmp_path: Path) -> None:
    stranger = read_identity(control_secret(bot(), datetime.now(UTC), None), "maker")

    async def run() -> None:
        async with scene(tmp_path, expects=stranger) as s:
            await met(lambda: bool(s.client.view(UID).trouble))

            assert s.client.view(UID).trouble.startswith(f"{s.url}: its certificate is not accepted: ")
            assert stranger.token not in s.client.view(UID).trouble
            assert s.peer.connections == 0

    asyncio.run(run())
