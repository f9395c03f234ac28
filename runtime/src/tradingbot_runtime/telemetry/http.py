"""The runtime's HTTP server: probes for the kubelet, metrics for Prometheus, the state for people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from tradingbot_runtime.model.control import HTTP_PORT

LOOPBACK = "127.0.0.1"  # in a pod: 0.0.0.0, since the kubelet and Prometheus come from outside
_ENCODER = msgspec.json.Encoder(enc_hook=str)


@dataclass(frozen=True, slots=True)
class Sources:
    """What the server asks. The functions run in the event loop, for microseconds."""

    not_alive: Callable[[], Sequence[str]]  # why the process should be restarted; empty: it is well
    not_ready: Callable[[], Sequence[str]]  # why it does not trade as it should; empty: it does
    state: Callable[[], object]  # for people; whatever msgspec can write as JSON
    metrics: CollectorRegistry


def exposed(metrics: CollectorRegistry, request: web.Request) -> web.Response:
    """In the text format that the scraper asks for."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encode(metrics), headers={"Content-Type": content_type})


class HttpServer:
    """/healthz, /readyz, /metrics and /state. That it answers at all proves that the event loop runs."""

    def __init__(self, sources: Sources, host: str = LOOPBACK, port: int = HTTP_PORT) -> None:
        self._sources = sources
        self._address = (host, port)
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Listen; the port, which is chosen when it was 0. Raises OSError when the address is taken."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/state", self._state)
        self._runner = web.AppRunner(app, access_log=None, keepalive_timeout=75, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, *self._address).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        return _probe("alive", self._sources.not_alive())

    async def _readyz(self, _request: web.Request) -> web.Response:
        return _probe("ready", self._sources.not_ready())

    async def _metrics(self, request: web.Request) -> web.Response:
        return exposed(self._sources.metrics, request)

    async def _state(self, _request: web.Request) -> web.Response:
        return _json(self._sources.state())


def _probe(name: str, reasons: Sequence[str]) -> web.Response:
    return _json({name: not reasons, "reasons": list(reasons)}, 503 if reasons else 200)


def _json(content: object, status: int = 200) -> web.Response:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return web.Response(body=_ENCODER.encode(content), status=status, headers=headers)
