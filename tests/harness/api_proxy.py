"""Between an operator and the API server: passes everything on, until a test has it fall silent or go away."""

import asyncio
import base64
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import yaml
from aiohttp import web

from harness.self_signed import Authority

HOP_BY_HOP = frozenset({"host", "transfer-encoding", "content-length", "connection", "content-encoding"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the API server saw it, and the status of its answer."""

    method: str
    path: str
    watch: bool
    status: int


@dataclass(slots=True)
class ApiProxy:
    """`through` gives the kubeconfig of the way through it; the client's credentials are passed on."""

    kubeconfig: Path
    folder: Path
    silent: frozenset[str] = frozenset()  # plurals whose watches say nothing any more, neither old nor new ones
    away: threading.Event = field(default_factory=threading.Event)  # while set, every connection is dropped
    mute: threading.Event = field(default_factory=threading.Event)  # while set, no request is answered
    asked: set[Asked] = field(default_factory=set)
    before: Callable[[str, bool], None] = lambda *_: None  # path, whether it watches: of what is not yet passed on
    _loop: asyncio.AbstractEventLoop | None = None
    _transports: set[asyncio.Transport] = field(default_factory=set)
    _stop: asyncio.Event | None = None
    _session: aiohttp.ClientSession | None = None
    _runner: web.AppRunner | None = None

    @contextmanager
    def through(self) -> Iterator[Path]:
        """Runs in a thread of its own."""
        config = yaml.safe_load(self.kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        authority, ready = Authority("proxy"), threading.Event()
        authority.write_server(self.folder)
        target = self.folder / "through.kubeconfig"
        server, ca = cluster["server"], base64.b64decode(cluster["certificate-authority-data"]).decode()

        async def run() -> None:
            port = await self._start(server, ca)
            cluster["server"] = f"https://127.0.0.1:{port}"
            cluster["certificate-authority-data"] = base64.b64encode(authority.pem.encode()).decode()
            target.touch(mode=0o600)
            target.write_text(yaml.safe_dump(config))
            ready.set()
            await self._serve()

        thread = threading.Thread(target=lambda: asyncio.run(run()), name="API proxy")
        thread.start()
        assert ready.wait(10)
        try:
            yield target
        finally:
            assert self._loop
            assert self._stop
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join(15)

    def drop_all(self) -> None:
        """Drop all connections, and every one that comes."""
        self.away.set()
        assert self._loop
        self._loop.call_soon_threadsafe(self._drop)

    def answer_nothing(self) -> None:
        """Take every request, and let it wait."""
        self.mute.set()

    def come_back(self) -> None:
        self.away.clear()
        self.mute.clear()

    def _drop(self) -> None:
        for transport in tuple(self._transports):
            transport.abort()

    async def _start(self, server: str, ca: str) -> int:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        trust = ssl.create_default_context(cadata=ca)
        self._session = aiohttp.ClientSession(server, connector=aiohttp.TCPConnector(ssl=trust, limit=0),
                                              auto_decompress=False)  # fmt: skip
        application = web.Application(client_max_size=2**26)
        application.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.folder / "tls.crt", self.folder / "tls.key")
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        return int(self._runner.addresses[0][1])

    async def _serve(self) -> None:
        assert self._stop
        assert self._session
        assert self._runner
        await self._stop.wait()
        self._drop()
        await self._session.close()
        await self._runner.cleanup()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert transport
        self._transports.add(transport)
        try:
            if self.away.is_set():
                transport.abort()
                return web.Response()
            while self.mute.is_set():  # noqa: ASYNC110 - set by another thread
                await asyncio.sleep(0.1)
            return await self._forward(request)
        finally:
            self._transports.discard(transport)

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        path, watch = urlsplit(str(request.rel_url)).path, "watch" in request.query
        await asyncio.to_thread(self.before, path, watch)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP | {"accept-encoding"}}
        body = await request.read()
        timeout = aiohttp.ClientTimeout(total=None)
        assert self._session
        async with self._session.request(request.method, request.rel_url, headers=headers, data=body or None,
                                         timeout=timeout) as answer:  # fmt: skip
            self.asked.add(Asked(request.method, path, watch, answer.status))
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            plural = path.rpartition("/")[2]
            with contextlib.suppress(ConnectionError):
                async for chunk in answer.content.iter_any():
                    if not (watch and (plural in self.silent or self.mute.is_set())):
                        await response.write(chunk)
                await response.write_eof()
            return response
