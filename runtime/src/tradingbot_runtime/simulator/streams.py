"""Market streams: connections, subscriptions, framing.

Source: Binance spot API documentation, "WebSocket Streams": raw streams at /ws/<name>, combined ones at
/stream?streams=<a>/<b>, SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, ping every 20 s.
"""

import asyncio
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

import msgspec
import structlog
from aiohttp import web

from tradingbot_runtime.simulator.connections import Connection
from tradingbot_runtime.simulator.stream_faults import Json, OutgoingFrame
from tradingbot_runtime.simulator.venue import SimulatedVenue

log = structlog.get_logger("simulator")
MAX_STREAMS = 1024  # of one connection
MAX_CONNECTIONS = 300
LONGEST_NAME = 60  # of a stream, in the log


class _Request(msgspec.Struct):
    method: str
    id: int | str | None = None
    params: list[str | bool] = []


class Subscriber:
    """A connection, the streams it wants, and how they are framed."""

    def __init__(self, connection: Connection, names: list[str], *, combined: bool) -> None:
        self.connection = connection
        self.names = dict.fromkeys(names)
        self.combined = combined

    def send(self, name: str, frame: OutgoingFrame) -> None:
        if self.combined:
            self.connection.send(frame, b'{"stream":"' + name.encode() + b'","data":', b"}")
        else:
            self.connection.send(frame)


class MarketStreams:
    """All connections to market streams."""

    def __init__(self, venue: SimulatedVenue) -> None:
        self._venue = venue
        self._subscribers: set[Subscriber] = set()
        self._by_name: dict[str, set[Subscriber]] = {}
        self.listened = asyncio.Event()  # somebody has listened to a stream
        venue.publish_frame = self.publish

    @property
    def connected(self) -> int:
        return len(self._subscribers)

    def backlog(self) -> int:
        """Frames that wait for the slowest client."""
        return max((subscriber.connection.backlog for subscriber in self._subscribers), default=0)

    def publish(self, name: str, render: Callable[[], Json]) -> None:
        subscribers = self._by_name.get(name)
        if not subscribers:
            return
        for frame in self._venue.stream_faults.frames(name, render(), self._venue.clock.now_ms()):
            for subscriber in subscribers:
                subscriber.send(name, frame)

    def disconnect(self, pattern: str) -> int:
        """Cut the connections that carry a stream whose name matches; how many."""
        cut = [s for s in self._subscribers if any(fnmatchcase(name, pattern) for name in s.names)]
        for subscriber in cut:
            subscriber.connection.abort()
        return len(cut)

    def shut_down(self, pattern: str, now_ms: int, after_s: float) -> int:
        """Tell the connections that carry a stream whose name matches, and cut them `after_s` later; how many."""
        told = [s for s in self._subscribers if any(fnmatchcase(name, pattern) for name in s.names)]
        for subscriber in told:
            subscriber.connection.send(OutgoingFrame(msgspec.json.encode(shutdown_notice(now_ms))))
            asyncio.get_running_loop().call_later(after_s, subscriber.connection.abort)
        return len(told)

    def disconnect_all(self) -> None:
        for subscriber in self._subscribers:
            subscriber.connection.abort()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        if self.connected >= MAX_CONNECTIONS:
            raise web.HTTPServiceUnavailable(text="too many connections")
        connection = Connection(request)
        names = [name for name in request.query.get("streams", "").split("/") if name]
        name = request.match_info.get("name")
        await connection.open()
        # A bare number is how ccxt.pro tells its connections apart; like any unknown name it is silent.
        subscriber = Subscriber(
            connection, [*names, *([name] if name else [])], combined=name is None and not _raw(request)
        )
        await self._serve(subscriber)
        return connection.socket

    async def _serve(self, subscriber: Subscriber) -> None:
        self._subscribers.add(subscriber)
        self._enter(subscriber, subscriber.names)
        writer = asyncio.create_task(subscriber.connection.write())
        try:
            async for text in subscriber.connection.texts():
                answer = msgspec.json.encode(self._answer(subscriber, text))
                subscriber.connection.send(OutgoingFrame(answer))
        finally:
            writer.cancel()
            self._forget(subscriber)

    def _forget(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)
        for name in subscriber.names:
            self._unsubscribe(subscriber, name)
        if subscriber.connection.too_slow:
            log.warning("ClientTooSlow", streams=list(subscriber.names))

    def _answer(self, subscriber: Subscriber, text: str) -> Json:
        try:
            request = msgspec.json.decode(text, type=_Request)
        except msgspec.DecodeError as wrong:
            return {"error": {"code": 3, "msg": f"Invalid JSON: {wrong}"}}
        names = [name for name in request.params if isinstance(name, str)]
        if request.method == "SUBSCRIBE":
            return {"result": None, "id": request.id} if self._subscribe(subscriber, names) else _too_many(request)
        if request.method == "UNSUBSCRIBE":
            for name in names:
                if name in subscriber.names:
                    del subscriber.names[name]
                    self._unsubscribe(subscriber, name)
            return {"result": None, "id": request.id}
        if request.method == "LIST_SUBSCRIPTIONS":
            return {"result": list(subscriber.names), "id": request.id}
        return {"error": {"code": 2, "msg": f"Invalid request: unknown method {request.method[:40]}"}, "id": request.id}

    def _subscribe(self, subscriber: Subscriber, names: list[str]) -> bool:
        if len(subscriber.names) + len(names) > MAX_STREAMS:
            return False
        subscriber.names.update(dict.fromkeys(names))
        self._enter(subscriber, names)
        return True

    def _enter(self, subscriber: Subscriber, names: Iterable[str]) -> None:
        for name in names:
            self._by_name.setdefault(name, set()).add(subscriber)
            self.listened.set()
            if "@" in name and not any(name in market.streams for market in self._venue.markets.values()):
                log.warning("StreamNotSimulated", stream=name[:LONGEST_NAME], message="nothing will come on it")

    def _unsubscribe(self, subscriber: Subscriber, name: str) -> None:
        subscribers = self._by_name.get(name, set())
        subscribers.discard(subscriber)
        if not subscribers:
            self._by_name.pop(name, None)


def shutdown_notice(now_ms: int) -> Json:
    return {"e": "serverShutdown", "E": now_ms}


def _raw(request: web.Request) -> bool:
    return request.path.rstrip("/").endswith("/ws")


def _too_many(request: _Request) -> Json:
    return {"error": {"code": 2, "msg": f"Invalid request: more than {MAX_STREAMS} streams"}, "id": request.id}


def add_routes(app: web.Application, streams: MarketStreams) -> None:
    for path in ("/stream", "/stream/ws", "/stream/ws/{name}", "/ws", "/ws/{name}"):
        app.router.add_get(path, streams.handle)
