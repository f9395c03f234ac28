"""A way to the simulator that turns hostile: it refuses, and says back all that it was sent, in several spellings."""

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import cycle
from urllib.parse import quote

import aiohttp
from aiohttp import web
from yarl import URL

ENDS_WITHIN_S = 10.0
KEYS_FIRST = ("X-MBX-APIKEY", "X-API-KEY")  # whoever cuts a long message short keeps its beginning
OF_ONE_HOP = frozenset({"host", "connection", "content-length", "transfer-encoding", "content-encoding", "upgrade"})
Spelling = Callable[[str], str]
Loop = asyncio.AbstractEventLoop
SPELLINGS: tuple[Spelling, ...] = (
    str,
    lambda said: quote(said, safe=""),
    lambda said: base64.b64encode(said.encode()).decode(),
    lambda said: said.encode().hex(),
    lambda said: said[:30],  # a piece
)


@dataclass
class EchoingVenue:
    """`matching`: which requests it refuses, as "GET /api/v3/account"; `methods`: which calls of the websocket API."""

    upstream: str
    matching: str = ""
    methods: str = ""
    status: int = 401
    code: int = -2015
    codes: Iterator[int] | None = None  # a new one each time, instead
    broken: bool = False  # not even HTTP
    answer: str = ""  # with 200, instead
    hits: int = 0
    address: str = ""
    _spellings: Iterator[Spelling] = field(default_factory=lambda: cycle(SPELLINGS))

    @property
    def endpoints(self) -> dict[str, str]:
        """Of a Venue's spec whose requests come this way."""
        streams = f"ws://{self.address}"
        return {"rest": f"http://{self.address}", "stream": f"{streams}/stream",
                "websocketApi": f"{streams}/ws-api/v3"}  # fmt: skip

    def turn(self, matching: str = "", **how: object) -> None:
        """Hostile to these requests, and to no others."""
        self.methods, self.broken, self.answer, self.status, self.code = "", False, "", 401, -2015
        self.codes = None
        for name, value in how.items():
            setattr(self, name, value)
        self.matching, self.hits = matching, 0

    async def serve(self, session: aiohttp.ClientSession) -> web.AppRunner:
        async def answered(request: web.Request) -> web.StreamResponse:
            if self.matching and fnmatchcase(f"{request.method} {request.path}", self.matching):
                return await self._refused(request)
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._between(request, session)
            return await self._passed_on(request, session)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answered)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.address = f"127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _refused(self, request: web.Request) -> web.StreamResponse:
        sent = sorted(request.headers.items(), key=lambda header: header[0] not in KEYS_FIRST)
        keys_first = "\n".join(f"{name}: {value}" for name, value in sent)
        said = self._said(f"{request.query_string} {keys_first}\n{await request.text()}")
        if self.answer:
            return web.Response(text=self.answer)
        if self.broken and request.transport is not None:
            request.transport.write(f"{quote(said, safe=': ')} no HTTP\r\n\r\n".encode())
            request.transport.close()
        return web.json_response({"code": self._code(), "msg": said, "error": said}, status=self.status)

    def _code(self) -> int:
        return self.code if self.codes is None else next(self.codes)

    def _said(self, text: str) -> str:
        self.hits += 1
        return next(self._spellings)(text)

    async def _passed_on(self, request: web.Request, session: aiohttp.ClientSession) -> web.Response:
        url = URL(f"{self.upstream}{request.raw_path}", encoded=True)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in OF_ONE_HOP}
        async with session.request(request.method, url, headers=headers, data=await request.read()) as answer:
            told = {name: value for name, value in answer.headers.items() if name.lower() not in OF_ONE_HOP}
            return web.Response(status=answer.status, body=await answer.read(), headers=told)

    async def _between(self, request: web.Request, session: aiohttp.ClientSession) -> web.StreamResponse:
        url = URL(f"{self.upstream}{request.raw_path}", encoded=True)
        ours = web.WebSocketResponse(compress=False)
        async with session.ws_connect(url, compress=0) as theirs:
            await ours.prepare(request)
            down = asyncio.create_task(_down(theirs, ours))
            async for frame in ours:
                call = json.loads(frame.data)
                if self.methods and fnmatchcase(call["method"], self.methods):
                    error = {"code": self._code(), "msg": self._said(f"{call['params'].get('apiKey')} {frame.data}")}
                    await ours.send_json({"id": call["id"], "status": self.status, "error": error})
                else:
                    await theirs.send_str(frame.data)
            down.cancel()
        return ours


async def _down(theirs: aiohttp.ClientWebSocketResponse, ours: web.WebSocketResponse) -> None:
    async for frame in theirs:
        await ours.send_str(frame.data)
    await ours.close()


@contextmanager
def echoing(upstream: str) -> Iterator[EchoingVenue]:
    """In a thread of its own."""
    venue, ready, ending, loops = EchoingVenue(upstream), threading.Event(), asyncio.Event(), list[Loop]()

    async def live() -> None:
        loops.append(asyncio.get_running_loop())
        async with aiohttp.ClientSession() as session:
            runner = await venue.serve(session)
            ready.set()
            await ending.wait()
            await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(live()), daemon=True)
    thread.start()
    assert ready.wait(ENDS_WITHIN_S), "it listens"
    try:
        yield venue
    finally:
        loops[0].call_soon_threadsafe(ending.set)
        thread.join(ENDS_WITHIN_S)
