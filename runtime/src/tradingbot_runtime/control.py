"""The pod's side of the control stream: reports go up, configuration goes down (messages: `model/control.py`).

A pod never depends on the operator to stop trading, so a broken stream changes nothing here: every problem ends in a
refusal, a closed connection and a count. There is at most one operator at a time: the one with the highest term.
"""

import asyncio
import hmac
from collections import Counter
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
import structlog
from aiohttp import web

from tradingbot_runtime.control_tls import server_tls
from tradingbot_runtime.controlled import Controlled
from tradingbot_runtime.model.control import (
    CONTROL_PATH,
    HEARTBEAT_S,
    MAX_FRAME_BYTES,
    STALE_TERM,
    CommandRefused,
    ConfigAnswered,
    Configure,
    Drain,
    HaltAnswered,
    HaltTrading,
    Hello,
    OperatorMessage,
    PodMessage,
    Resume,
)
from tradingbot_runtime.network_errors import cause

UNREADABLE = "Unreadable"
MAX_CONNECTIONS = 4  # an old leader, a new one, and one of each that is just dying
COALESCE_S = 0.02  # between two reports: a burst of changes is one report
PING_S = 20.0  # a peer that answers no ping for half of this is gone
REPLACED_CODE = 4000  # websocket close code, of the private range

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("control")
_DECODER = msgspec.json.Decoder(OperatorMessage)
_ENCODER = msgspec.json.Encoder()
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deadlines:
    hello_s: float = 5.0  # from the connection to its Hello
    send_s: float = 5.0  # a peer that does not read for this long is cut
    command_s: float = 10.0


class ControlServer:
    """Serves the control stream on `host:port`; `folder` has tls.crt, tls.key and token, re-read when they change."""

    def __init__(
        self, runtime: Controlled, folder: Path, host: str, port: int, deadlines: Deadlines = Deadlines()
    ) -> None:
        self._runtime = runtime
        self._folder = folder
        self._address = (host, port)
        self._deadlines = deadlines
        self._configuring = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()  # at most one command for each connection
        self._open = 0
        self._leader: web.WebSocketResponse | None = None
        self._operator = ""  # the leader's identity, as it says
        self._runner: web.AppRunner | None = None
        self.outcomes: Counter[str] = Counter()  # messages and connections by what became of them; for metrics

    async def start(self) -> int:
        """Listen; the port, which is chosen when it was 0. ConfigError when certificate or key cannot be used."""
        tls = server_tls(self._folder)
        app = web.Application()
        app.router.add_get(CONTROL_PATH, self._connection)
        # keepalive_timeout closes a connection that sends no request at all.
        self._runner = web.AppRunner(app, access_log=None, keepalive_timeout=10, shutdown_timeout=1.0)
        await self._runner.setup()
        host, port = self._address
        await web.TCPSite(self._runner, host, port, ssl_context=tls).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._leader is not None:
            await self._close(self._leader, aiohttp.WSCloseCode.GOING_AWAY, "the runtime ends")
        if self._runner is not None:
            await self._runner.cleanup()
        for task in self._running:
            task.cancel()

    async def _connection(self, request: web.Request) -> web.StreamResponse:
        if not self._authorized(request):
            return self._turned_away(request.remote, "Unauthorized", web.HTTPUnauthorized.status_code)
        if self._open >= MAX_CONNECTIONS:
            return self._turned_away(request.remote, "TooManyConnections", web.HTTPServiceUnavailable.status_code)
        socket = web.WebSocketResponse(max_msg_size=MAX_FRAME_BYTES, heartbeat=PING_S, compress=False, timeout=1.0)
        self._open += 1
        try:
            await socket.prepare(request)
            if await self._greeted(socket):
                await self._converse(socket)
        except (TimeoutError, ConnectionError) as error:  # a peer that does not read, or is gone
            self.outcomes["Cut"] += 1
            log.warning("ControlConnectionCut", peer=request.remote, reason=cause(error, self._deadlines.send_s))
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._open -= 1
            if self._leader is socket:
                self._leader = None
        return socket

    def _turned_away(self, peer: str | None, reason: str, status: int) -> web.Response:
        self.outcomes[reason] += 1
        log.warning("ControlConnectionRefused", peer=peer, reason=reason)
        response = web.Response(status=status)
        response.force_close()
        return response

    def _authorized(self, request: web.Request) -> bool:
        try:
            token = (self._folder / "token").read_bytes().strip()
        except OSError as error:
            log.error("ControlTokenUnreadable", reason=str(error))  # noqa: TRY400 - the reason says it all
            return False
        said = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        return bool(token) and hmac.compare_digest(said, b"Bearer " + token)

    async def _greeted(self, socket: web.WebSocketResponse) -> bool:
        """Whether the first message was a Hello with a term that counts; then `socket` is the operator's."""
        async with asyncio.timeout(self._deadlines.hello_s):
            frame = await socket.receive()
        if frame.type in _CLOSING:
            return False
        message = _decoded(frame)
        if not isinstance(message, Hello):
            reason = message if isinstance(message, str) else "the first message must be a Hello"
            await self._refuse(socket, UNREADABLE, reason)
        elif await self._current(socket, message.term):
            log.info("OperatorConnected", operator=message.operator, term=message.term)
            former, self._leader, self._operator = self._leader, socket, message.operator
            if former is not None:
                await self._close(former, REPLACED_CODE, "replaced by a newer connection")
            return True
        await self._close(socket, aiohttp.WSCloseCode.POLICY_VIOLATION, "no Hello that counts")
        return False

    async def _converse(self, socket: web.WebSocketResponse) -> None:
        """Reports up and commands down, until either ends; then the other one ends too."""
        halves = {asyncio.create_task(self._report(socket)), asyncio.create_task(self._obey(socket))}
        try:
            done, _ = await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
            for half in done:
                half.result()
        finally:
            for half in halves:
                half.cancel()
            await asyncio.gather(*halves, return_exceptions=True)

    async def _report(self, socket: web.WebSocketResponse) -> None:
        with self._runtime.changed.listen() as changed:
            while not socket.closed:
                changed.clear()  # before the report: what changes from here on is reported by the next one
                await self._send(socket, self._runtime.report())
                await asyncio.sleep(COALESCE_S)
                with suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_S - COALESCE_S):
                        await changed.wait()

    async def _obey(self, socket: web.WebSocketResponse) -> None:
        async for frame in socket:
            if frame.type is aiohttp.WSMsgType.ERROR:  # too big, or no websocket frame: already closed, with the code
                self.outcomes["FrameRefused"] += 1
                log.warning("ControlFrameRefused", reason=str(frame.data))
                return
            message = _decoded(frame)
            if isinstance(message, str):
                await self._refuse(socket, UNREADABLE, message)
            elif await self._current(socket, message.term):
                await self._carry_out(socket, message)

    async def _current(self, socket: web.WebSocketResponse, term: int) -> bool:
        """Whether `term` is the highest seen, which it then is; a lower one is refused."""
        highest = self._runtime.term
        if term < highest:
            await self._refuse(socket, STALE_TERM, f"term {term} is older than {highest}")
            return False
        if term > highest:
            self._runtime.term = term
        return True

    async def _carry_out(self, socket: web.WebSocketResponse, message: OperatorMessage) -> None:
        self.outcomes[type(message).__name__] += 1
        match message:
            case Hello():
                await self._send(socket, self._runtime.report())
            case Drain():
                log.info("DrainCommanded", reason=message.reason, flatten=message.flatten, term=message.term)
                await self._to_the_end(self._in_time(self._runtime.drain(message.reason, flatten=message.flatten)))
            case Configure():
                await self._send(socket, await self._to_the_end(self._configure(message)))
            case HaltTrading() | Resume():
                await self._send(socket, await self._to_the_end(self._latch(message)))

    async def _configure(self, message: Configure) -> ConfigAnswered | CommandRefused:
        by = f"operator {self._operator}"  # before it waits: the next leader is another one
        async with self._configuring:  # one at a time, whichever connection it came by
            if message.term < self._runtime.term:
                return CommandRefused(reason=STALE_TERM, message="a newer leader has spoken while this one waited")
            answer = await self._in_time(self._runtime.configure(message.document, by))
        return answer or ConfigAnswered(config_hash="", outcome="Rejected", message="not applied within the deadline")

    async def _latch(self, message: HaltTrading | Resume) -> HaltAnswered:
        runtime = self._runtime
        if isinstance(message, HaltTrading):
            log.warning("HaltCommanded", by=message.by, message=message.message, term=message.term)
            answer = await self._in_time(runtime.halt(message))
        else:
            log.warning("ResumeCommanded", by=message.by, halt_id=message.halt_id, term=message.term)
            answer = await self._in_time(runtime.resume(message.halt_id, message.by))
        return answer or HaltAnswered(halt_id="", done=False, message="not done within the deadline")

    async def _in_time(self, command: Awaitable[T]) -> T | None:
        try:
            async with asyncio.timeout(self._deadlines.command_s):
                return await command
        except TimeoutError:
            self.outcomes["CommandTimedOut"] += 1
            log.error("ControlCommandTimedOut")  # noqa: TRY400 - where it waited is not ours to say
            return None

    async def _to_the_end(self, command: Coroutine[Any, Any, T]) -> T:
        """A command that has begun is not stopped half-way because its connection ends."""
        task = asyncio.create_task(command)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _refuse(self, socket: web.WebSocketResponse, reason: str, message: str) -> None:
        self.outcomes[reason] += 1
        log.warning("ControlMessageRefused", reason=reason, message=message)
        await self._send(socket, CommandRefused(reason=reason, message=message))

    async def _send(self, socket: web.WebSocketResponse, message: PodMessage) -> None:
        """Raises TimeoutError when the peer does not read, ConnectionError when it is gone."""
        async with asyncio.timeout(self._deadlines.send_s):
            await socket.send_str(_ENCODER.encode(message).decode())

    async def _close(self, socket: web.WebSocketResponse, code: int, reason: str) -> None:
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(self._deadlines.send_s):
                await socket.close(code=code, message=reason.encode())


_CLOSING = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


def _decoded(frame: aiohttp.WSMessage) -> OperatorMessage | str:
    """The message of a frame, or why it is none."""
    if frame.type is not aiohttp.WSMsgType.TEXT:
        return f"a {frame.type.name} frame; messages are text"
    try:
        message: OperatorMessage = _DECODER.decode(frame.data)
    except (msgspec.DecodeError, UnicodeError) as error:
        return str(error)
    return message
