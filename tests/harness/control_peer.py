"""The runtime's control server with a peer in the operator's place, over real TLS, on the event loop of production."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import msgspec
import uvloop

from harness.self_signed import Authority
from tradingbot_runtime.control import ControlServer, Deadlines
from tradingbot_runtime.controlled import Changes
from tradingbot_runtime.model import TradingState
from tradingbot_runtime.model.control import (
    CONTROL_PATH,
    CommandRefused,
    ConfigAnswered,
    HaltAnswered,
    HaltTrading,
    Hello,
    OperatorMessage,
    PodMessage,
    SlotReport,
)

QUICK = Deadlines(hello_s=0.5, send_s=0.5, command_s=0.5)


@dataclass
class Runtime:
    """The other side of `Controlled`: it remembers what it was told."""

    changed: Changes = field(default_factory=Changes)
    term: int = 0
    message: str = ""
    configured: list[str] = field(default_factory=list)
    configured_by: list[str] = field(default_factory=list)
    drained: list[str] = field(default_factory=list)
    halted: list[tuple[str, str, bool]] = field(default_factory=list)
    resumed: list[tuple[str, str]] = field(default_factory=list)
    busy: asyncio.Event = field(default_factory=asyncio.Event)
    free: asyncio.Event = field(default_factory=asyncio.Event)

    def report(self) -> SlotReport:
        return SlotReport(
            slot=0, pod_uid="u", state=TradingState.ACTIVE, reason="Trading", message=self.message, ready=True,
            config_hash="h", epoch=1, markets=(),
        )  # fmt: skip

    async def configure(self, document: str, by: str) -> ConfigAnswered:
        self.busy.set()
        if document == "slow":
            await self.free.wait()
        self.configured.append(document)
        self.configured_by.append(by)
        return ConfigAnswered(config_hash="h2", outcome="Applied")

    async def drain(self, reason: str, *, flatten: bool) -> None:
        self.drained.append(f"{reason}, flatten" if flatten else reason)

    async def halt(self, asked: HaltTrading) -> HaltAnswered:
        self.halted.append((asked.by, asked.message, asked.flatten))
        return HaltAnswered(halt_id="h1", done=True, halts=("h1",))

    async def resume(self, halt_id: str, by: str) -> HaltAnswered:
        self.resumed.append((halt_id, by))
        return HaltAnswered(halt_id=halt_id, done=halt_id == "h1", halts=() if halt_id == "h1" else ("h1",))


class Peer:
    """An operator's end of one connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, message: OperatorMessage) -> None:
        await self.socket.send_str(msgspec.json.encode(message).decode())

    async def hear(self) -> PodMessage:
        frame = await self.socket.receive()
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        message: PodMessage = msgspec.json.decode(frame.data, type=PodMessage)
        return message

    async def hear_answer(self) -> ConfigAnswered | HaltAnswered | CommandRefused:
        while isinstance(message := await self.hear(), SlotReport):
            pass
        return message

    async def closed_with(self) -> int | None:
        """The code of the close frame; aiohttp's own `close_code` is 1006 when its answer to it came too late."""
        while (frame := await self.socket.receive()).type is not aiohttp.WSMsgType.CLOSE:
            if self.socket.closed:
                return self.socket.close_code
        code: int = frame.data
        return code


@dataclass
class Stream:
    """A running server, its runtime, and the way to it."""

    folder: Path
    runtime: Runtime
    server: ControlServer
    authority: Authority
    session: aiohttp.ClientSession
    port: int = 0

    @property
    def token(self) -> str:
        return (self.folder / "token").read_text()

    async def connect(self, token: str | None = None, authority: Authority | None = None) -> Peer:
        tls = ssl.create_default_context(cadata=(authority or self.authority).pem)
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        url = f"https://127.0.0.1:{self.port}{CONTROL_PATH}"
        return Peer(await self.session.ws_connect(url, ssl=tls, headers=headers))

    async def operator(self, term: int = 1) -> Peer:
        peer = await self.connect()
        await peer.say(Hello(term=term, operator="op"))
        assert isinstance(await peer.hear(), SlotReport)
        return peer


@asynccontextmanager
async def stream(folder: Path, deadlines: Deadlines) -> AsyncIterator[Stream]:
    authority = Authority("bot")
    authority.write_server(folder)
    (folder / "token").write_text(secrets.token_urlsafe())
    runtime = Runtime()
    server = ControlServer(runtime, folder, "127.0.0.1", 0, deadlines)
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        made = Stream(folder, runtime, server, authority, session, await server.start())
        try:
            yield made
        finally:
            await server.stop()


def over_tls(
    deadlines: Deadlines = Deadlines(),  # noqa: B008 - frozen
) -> Callable[[Callable[[Stream], Awaitable[None]]], Callable[[Path], None]]:
    def decorate(test: Callable[[Stream], Awaitable[None]]) -> Callable[[Path], None]:
        def run(tmp_path: Path) -> None:
            async def body() -> None:
                async with stream(tmp_path, deadlines) as made:
                    await test(made)

            uvloop.run(body())

        return run

    return decorate
