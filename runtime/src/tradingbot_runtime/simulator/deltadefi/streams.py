"""The streams: one connection each, to connect is to subscribe.

Source: DeltaDeFi API documentation, "WebSocket endpoints", and the official SDK, which spell the path of the trades
differently. Depth is sent no more often than every DEPTH_EVERY_S, then as it is by then.
"""

import asyncio
from collections.abc import Callable
from fnmatch import fnmatchcase

import msgspec
import structlog
from aiohttp import web

from tradingbot_runtime.simulator.connections import Connection
from tradingbot_runtime.simulator.deltadefi.refusals import Reason, Refusal
from tradingbot_runtime.simulator.deltadefi.venue import ACCOUNT_STREAM, DeltaDeFiVenue, Market, market_price
from tradingbot_runtime.simulator.stream_faults import OutgoingFrame

log = structlog.get_logger("simulator")
MAX_CONNECTIONS = 300
DEPTH_EVERY_S = 0.1
DEPTH = "/market/depth/"
TRADES = "/market/recent-trades/"
PRICE = "/market/market-price/"
Render = Callable[[], object]


class Streams:
    """All connections, by the name of their stream."""

    def __init__(self, venue: DeltaDeFiVenue) -> None:
        self._venue = venue
        self._connections: dict[str, set[Connection]] = {}
        self._waiting: dict[str, Render] = {}
        self._sent_s: dict[str, float] = {}
        venue.publish = self.publish

    @property
    def connected(self) -> int:
        return sum(len(found) for found in self._connections.values())

    def publish(self, name: str, render: Render) -> None:
        if not self._connections.get(name):
            return
        if name.startswith(DEPTH):
            self._conflate(name, render)
        else:
            self._send(name, render)

    def disconnect(self, pattern: str) -> int:
        """Cut the connections of streams whose name matches; how many."""
        cut = [c for name, found in self._connections.items() if fnmatchcase(name, pattern) for c in found]
        for connection in cut:
            connection.abort()
        return len(cut)

    def _conflate(self, name: str, render: Render) -> None:
        """Send now, or once, later, what is true by then."""
        loop = asyncio.get_running_loop()
        waiting = name in self._waiting
        self._waiting[name] = render
        if not waiting:
            due = self._sent_s.get(name, 0.0) + DEPTH_EVERY_S
            loop.call_later(max(0.0, due - loop.time()), self._send_waiting, name)

    def _send_waiting(self, name: str) -> None:
        self._sent_s[name] = asyncio.get_running_loop().time()
        self._send(name, self._waiting.pop(name))

    def _send(self, name: str, render: Render) -> None:
        for frame in self._venue.conditions.stream_faults.frames(name, render(), self._venue.now_ms()):
            for connection in self._connections.get(name, ()):
                connection.send(frame)

    async def account(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, ACCOUNT_STREAM, None)

    async def depth(self, request: web.Request) -> web.StreamResponse:
        return await self._market(request, DEPTH, lambda market: market.public.depth(self._venue.now_ms()))

    async def trades(self, request: web.Request) -> web.StreamResponse:
        return await self._market(request, TRADES, lambda market: market.public.recent_trades())

    async def price(self, request: web.Request) -> web.StreamResponse:
        return await self._market(request, PRICE, lambda market: market_price(market.public))

    async def _market(
        self, request: web.Request, name: str, first: Callable[[Market], object]
    ) -> web.StreamResponse:  # fmt: skip
        try:
            market = self._venue.market(request.match_info["symbol"])
        except Refusal as refusal:
            return refused(refusal)
        return await self._serve(request, name + market.pair.symbol, lambda: first(market))

    async def _serve(self, request: web.Request, name: str, first: Render | None) -> web.StreamResponse:
        if request.query.get("api_key") != self._venue.access.api_key:
            return refused(Refusal(Reason.UNAUTHORIZED))
        if self.connected >= MAX_CONNECTIONS:
            return refused(Refusal(Reason.UNAVAILABLE))
        connection = Connection(request)
        await connection.open()
        connections = self._connections.setdefault(name, set())
        connections.add(connection)
        if first is not None:
            connection.send(OutgoingFrame(msgspec.json.encode(first())))
        writer = asyncio.create_task(connection.write())
        try:
            async for _ in connection.texts():
                pass  # clients have nothing to say
        finally:
            writer.cancel()
            connections.discard(connection)
            if connection.too_slow:
                log.warning("ClientTooSlow", streams=[name])
        return connection.socket

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(ACCOUNT_STREAM, self.account)
        app.router.add_get(TRADES + "{symbol}", self.trades)
        app.router.add_get("/market/recent-trade/{symbol}", self.trades)
        app.router.add_get(PRICE + "{symbol}", self.price)


def refused(refusal: Refusal) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(refusal.body()), status=refusal.status, content_type="application/json"
    )
