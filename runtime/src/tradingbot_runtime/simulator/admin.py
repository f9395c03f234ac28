"""/simulator/*: for people, the demo, and tests. No Binance path, and no signature: it is a simulator."""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import msgspec
from aiohttp import web

from tradingbot_runtime.config import InvalidConfig
from tradingbot_runtime.simulator import binance_json
from tradingbot_runtime.simulator.amounts import BadAmount, parse_amount
from tradingbot_runtime.simulator.fault_plan import SeededFaults, parse_plan
from tradingbot_runtime.simulator.faults import FaultKind, FaultRequest
from tradingbot_runtime.simulator.metrics import Counters, registry
from tradingbot_runtime.simulator.recording import FrameReader, SkippedLine
from tradingbot_runtime.simulator.refusals import Refusal
from tradingbot_runtime.simulator.replay import Replay
from tradingbot_runtime.simulator.streams import MarketStreams
from tradingbot_runtime.simulator.venue import SimulatedVenue
from tradingbot_runtime.simulator.websocket_api import WebsocketApi
from tradingbot_runtime.telemetry.http import exposed

IDENTITY = "tradingbot"
Json = dict[str, object]


class Deposit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /simulator/deposits`; `amount` is a decimal string, negative for a withdrawal."""

    asset: str
    amount: str


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /simulator/api-key`: from now on the account has this key, the former one is refused.

    With another `uid` the venue says that it is another account, as if the key were somebody else's.
    """

    api_key: str = msgspec.field(name="apiKey")
    uid: int | None = None


class Admin:
    def __init__(
        self, venue: SimulatedVenue, streams: MarketStreams, websocket_api: WebsocketApi, reader: FrameReader
    ) -> None:
        self._venue = venue
        self._streams = streams
        self._websocket_api = websocket_api
        self._reader = reader
        self.replay: Replay | None = None
        self.others: list[Callable[[str], int]] = []  # cut the streams of other protocols that match
        self._version = _version()
        self._metrics = registry(self.counters)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/metrics", self.metrics)
        app.router.add_get("/simulator/identity", self.identity)
        app.router.add_get("/simulator/state", self.state)
        app.router.add_get("/simulator/orders", self.orders)
        app.router.add_get("/simulator/faults", self.faults)
        app.router.add_post("/simulator/faults", self.inject)
        app.router.add_delete("/simulator/faults", self.clear)
        app.router.add_get("/simulator/fault-plan", self.fault_plan)
        app.router.add_post("/simulator/fault-plan", self.follow_fault_plan)
        app.router.add_delete("/simulator/fault-plan", self.forget_fault_plan)
        app.router.add_post("/simulator/frames", self.frames)
        app.router.add_post("/simulator/deposits", self.deposit)
        app.router.add_post("/simulator/api-key", self.rotate)

    async def identity(self, _: web.Request) -> web.Response:
        return _json({"simulator": IDENTITY, "version": self._version})

    async def metrics(self, request: web.Request) -> web.Response:
        return exposed(self._metrics, request)

    async def state(self, _: web.Request) -> web.Response:
        venue, history = self._venue, self._venue.exchange.history
        now_ms = venue.clock.now_ms()
        return _json({
            "simulator": IDENTITY, "version": self._version,
            "time": datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds"), "timeMs": now_ms,
            "symbols": {
                symbol: market.book_ticker() | {"updateId": market.book.update_id}
                for symbol, market in venue.markets.items()
            },
            "counters": self._counters(),
            "openOrders": [binance_json.order_status(order) for order in history.open_orders()],
            "ordersPlaced": history.placed, "fills": history.filled,
            "balances": binance_json.balances(venue.exchange.account),
            "recording": self._recording(),
        })  # fmt: skip

    async def orders(self, request: web.Request) -> web.Response:
        """Open orders; with `?all=1` every order that is still remembered."""
        history = self._venue.exchange.history
        found = list(history) if request.query.get("all") == "1" else history.open_orders()
        return _json([binance_json.order_status(order) for order in found])

    async def faults(self, _: web.Request) -> web.Response:
        return _json(self._venue.faults.describe(self._venue.clock.now_ms()))

    async def inject(self, request: web.Request) -> web.Response:
        try:
            fault = msgspec.json.decode(await request.read(), type=FaultRequest)
            if fault.kind is FaultKind.DISCONNECT:
                return _json({"cut": self._disconnect(fault.match)})
            if fault.kind is FaultKind.SHUTDOWN:
                return _json({"told": self._shut_down(fault)})
            if fault.kind is FaultKind.CLOCK_STEP:
                self._venue.clock.step(fault.step_ms)
                return _json({"timeMs": self._venue.clock.now_ms()})
            if fault.kind is FaultKind.LOCK:
                return _json({"lockedFor": self._lock(fault)})
            self._venue.faults.arm(fault, self._venue.clock.now_ms())
        except (msgspec.DecodeError, ValueError) as wrong:
            return _json({"error": str(wrong)}, 400)
        return _json({"armed": self._venue.faults.describe(self._venue.clock.now_ms())})

    async def clear(self, _: web.Request) -> web.Response:
        self._venue.faults.clear()
        return _json({"armed": []})

    async def fault_plan(self, _: web.Request) -> web.Response:
        plan = self._venue.faults.plan
        written = plan.plan.model_dump(mode="json", by_alias=True) if isinstance(plan, SeededFaults) else None
        return _json({"plan": written, "injected": self._venue.faults.injected})

    async def follow_fault_plan(self, request: web.Request) -> web.Response:
        """Follow the plan in the body, from its beginning; it takes the place of another."""
        try:
            plan = parse_plan(msgspec.json.decode(await request.read()))
        except (msgspec.DecodeError, InvalidConfig) as wrong:
            return _json({"error": str(wrong)}, 400)
        self._venue.faults.plan = SeededFaults(plan)
        return _json({"plan": plan.model_dump(mode="json", by_alias=True)})

    async def forget_fault_plan(self, _: web.Request) -> web.Response:
        self._venue.faults.plan = None
        return _json({"plan": None})

    async def frames(self, request: web.Request) -> web.Response:
        """Play frames now: the body is lines of JSON as in a recording, without time stamps."""
        played, skipped = 0, []
        now_ns = self._venue.clock.now_ms() * 1_000_000
        for line in (await request.read()).splitlines():
            try:
                self._venue.feed(self._reader.frame(line, now_ns))
                played += 1
            except SkippedLine as refused:
                self._reader.skip(refused.reason, str(refused), line)
                skipped.append({"reason": refused.reason, "message": str(refused)})
        return _json({"played": played, "skipped": skipped})

    async def deposit(self, request: web.Request) -> web.Response:
        try:
            deposit = msgspec.json.decode(await request.read(), type=Deposit)
            sign = -1 if deposit.amount.startswith("-") else 1
            atoms = sign * parse_amount(deposit.amount.removeprefix("-"))
            self._venue.exchange.deposit(deposit.asset, atoms, self._venue.clock.now_ms())
        except (msgspec.DecodeError, BadAmount, Refusal) as wrong:
            return _json({"error": str(wrong)}, 400)
        self._venue.tell_account()
        return _json(binance_json.balances(self._venue.exchange.account))

    async def rotate(self, request: web.Request) -> web.Response:
        """Streams that are open live on, as they do at Binance for a while."""
        try:
            key = msgspec.json.decode(await request.read(), type=ApiKey)
        except msgspec.DecodeError as wrong:
            return _json({"error": str(wrong)}, 400)
        self._venue.credentials = msgspec.structs.replace(self._venue.credentials, api_key=key.api_key)
        self._venue.account_number = self._venue.account_number if key.uid is None else key.uid
        return _json({"uid": self._venue.account_number})

    def _disconnect(self, pattern: str) -> int:
        """Cut stream connections that match; "ws-api" and "*" cut those of the websocket API."""
        cut = self._streams.disconnect(pattern) + sum(disconnect(pattern) for disconnect in self.others)
        return cut + (self._websocket_api.disconnect() if pattern in ("ws-api", "user", "*") else 0)

    def _lock(self, fault: FaultRequest) -> float:
        if fault.seconds is None:
            raise ValueError("a lock needs `seconds`")
        self._venue.conditions.lock_trading(fault.seconds)
        return fault.seconds

    def _shut_down(self, fault: FaultRequest) -> int:
        now_ms, after_s = self._venue.clock.now_ms(), fault.delay_ms / 1000
        told = self._streams.shut_down(fault.match, now_ms, after_s)
        return told + (self._websocket_api.shut_down(now_ms, after_s) if fault.match in ("ws-api", "user", "*") else 0)

    def counters(self) -> Counters:
        return Counters(
            lines_read=self._reader.read, skipped_lines=self._reader.skipped,
            clock_back=self.replay.pace.clock_back if self.replay else 0,
            market_events=self._venue.market_events, faults_injected=self._venue.faults.injected,
        )  # fmt: skip

    def _counters(self) -> Json:
        venue, counted = self._venue, self.counters()
        return {
            "marketEvents": counted.market_events, "linesRead": counted.lines_read,
            "skippedLines": dict(counted.skipped_lines),
            "staleTops": sum(market.book.stale_tops for market in venue.markets.values()),
            "uncrossedLevels": sum(market.book.uncrossed for market in venue.markets.values()),
            "clockBack": counted.clock_back,
            "gapsCut": self.replay.pace.gaps_cut if self.replay else 0,
            "faultsInjected": counted.faults_injected, "streamConnections": self._streams.connected,
            "apiConnections": self._websocket_api.connected,
        }  # fmt: skip

    def _recording(self) -> Json | None:
        return {"running": self.replay.running, "rounds": self.replay.rounds} if self.replay else None


def _version() -> str:
    try:
        return version("tradingbot-runtime")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
