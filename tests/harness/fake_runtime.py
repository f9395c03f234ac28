"""A node without kubelet: runs a bot's pods as control-stream servers on loopback, over real TLS.

Each pod gets an address of its own (127.0.0.2, .3, ...) and one port for all, as on a cluster.
"""

import asyncio
import contextlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from harness import fake_pods
from harness.api_client import ApiClient, RequestRefused
from harness.seen_venues import seen_venues
from harness.slot_volume import Volume
from tradingbot_operator.core import names
from tradingbot_runtime.config import DesiredState, SlotConfig
from tradingbot_runtime.model.control import (
    CONTROL_PATH,
    HEARTBEAT_S,
    CommandRefused,
    ConfigAnswered,
    Configure,
    ControlMessage,
    Drain,
    Halt,
    HaltAnswered,
    HaltTrading,
    Hello,
    MarketReport,
    OperatorMessage,
    Resume,
    SlotReport,
)
from tradingbot_runtime.model.events import TradingState

RUNNING = {
    DesiredState.RUNNING: TradingState.ACTIVE, DesiredState.PAUSED: TradingState.REDUCING,
    DesiredState.STOPPED: TradingState.STOPPED,
}  # fmt: skip
LOOK_S = 0.05


@dataclass(slots=True)
class FakeRuntime:
    """One pod: what it reports, and what it was told."""

    name: str
    uid: str
    config: SlotConfig
    token: str
    account_uid: str = ""  # in the token that kubelet has mounted
    stubborn: bool = False  # keeps its orders whatever it is told
    term: int = 0
    report: SlotReport | None = None
    volume: Volume = field(default_factory=Volume)
    told: list[OperatorMessage] = field(default_factory=list)
    authorised: int = 0
    unauthorised: int = 0
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    transports: list[asyncio.BaseTransport] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._run(self.config)

    def _run(self, config: SlotConfig) -> None:
        self.config = config
        orders = 0 if config.desired_state is DesiredState.STOPPED else 2
        markets = tuple(MarketReport(market=m.name, position="0.5", open_orders=orders, unknown_orders=0)
                        for m in config.markets)  # fmt: skip
        self.report = SlotReport(
            slot=config.slot, pod_uid=self.uid, account_uid=self.account_uid, state=RUNNING[config.desired_state],
            reason="Running", message="", ready=True, config_hash=config.config_hash(), epoch=1, markets=markets,
            venues=seen_venues(config),
        )  # fmt: skip
        self.volume.take(config)
        self.hold()

    def hold(self) -> None:
        """Report the halts that hold, and be halted by them."""
        assert self.report
        state = TradingState.HALTED if self.volume.held else RUNNING[self.config.desired_state]
        halts = tuple(self.volume.held.values())
        self.report = msgspec.structs.replace(self.report, halts=halts, resumed=self.volume.released, state=state,
                                              ready=not halts)  # fmt: skip
        if halts:
            self.report = msgspec.structs.replace(self.report, markets=tuple(map(replace_orders, self.report.markets)))

    async def serve(self, request: web.Request) -> web.StreamResponse:
        offered = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(offered, self.token):
            self.unauthorised += 1
            return web.Response(status=401)
        self.authorised += 1
        if request.transport is not None:
            self.transports.append(request.transport)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        beating = asyncio.create_task(self._beat())
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                for answer in self.hear(msgspec.json.decode(frame.data, type=OperatorMessage)):
                    await socket.send_str(msgspec.json.encode(answer).decode())
        beating.cancel()
        self.sockets.remove(socket)
        return socket

    async def _beat(self) -> None:
        """Without it the operator takes the connection for dead after some seconds, and makes another one."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self.say()

    def hear(self, message: OperatorMessage) -> list[ControlMessage]:
        if message.term < self.term:
            return [CommandRefused(reason="StaleTerm", message=f"{message.term} is lower than {self.term}")]
        self.term = message.term
        self.told.append(message)
        assert self.report
        match message:
            case Configure():
                config = SlotConfig.model_validate_json(message.document)
                if config.markets != self.config.markets:
                    return [ConfigAnswered(config_hash=config.config_hash(), outcome="RestartRequired")]
                self._run(config)
                return [ConfigAnswered(config_hash=config.config_hash(), outcome="Applied"), self.report]
            case Drain():
                self.report = msgspec.structs.replace(self.report, draining=True)
                if not self.stubborn:
                    flat = tuple(replace_orders(market) for market in self.report.markets)
                    self.report = msgspec.structs.replace(self.report, state=TradingState.DRAINED, markets=flat,
                                                          reason="Draining", message=message.reason)  # fmt: skip
            case HaltTrading():
                self.volume.latch(Halt(id=message.id, reason=message.reason, at_ns=0, message=message.message,
                                       by=message.by))  # fmt: skip
                self.hold()
                answer = HaltAnswered(halt_id=message.id, done=message.id in self.volume.held)
                return [answer, self.report]
            case Resume():
                self.volume.release(message.halt_id)
                self.hold()
                return [HaltAnswered(halt_id=message.halt_id, done=True), self.report]
            case Hello():
                pass
        return [self.report]

    async def say(self) -> None:
        for socket in tuple(self.sockets):
            with contextlib.suppress(ConnectionError):
                await socket.send_str(msgspec.json.encode(self.report).decode())


def replace_orders(market: MarketReport) -> MarketReport:
    return msgspec.structs.replace(market, open_orders=0, unknown_orders=0)


@dataclass(slots=True)
class FakeNode:
    """Runs every pod of one namespace until the pod is deleted; use `running` as a context manager."""

    client: ApiClient
    namespace: str
    folder: Path
    port: int
    subnet: int  # 127.<subnet>.x.y are its pods
    pods: dict[str, FakeRuntime] = field(default_factory=dict)  # by name
    stubborn: bool = False  # for pods that start from now on
    silent: bool = False  # pods that start from now on have no control stream at all
    delay: threading.Event = field(default_factory=threading.Event)  # while set, no pod starts
    started: int = 0
    _servers: dict[str, web.AppRunner] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = None
    _end: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator["FakeNode"]:
        thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="fake node")
        thread.start()
        try:
            yield self
        finally:
            self._end.set()
            thread.join(15)

    def update(self, pod: str, **changes: Any) -> None:  # noqa: ANN401 - fields of a SlotReport
        """The pod reports something else, at once."""
        runtime = self.pods[pod]
        assert runtime.report
        assert self._loop
        runtime.report = msgspec.structs.replace(runtime.report, **changes)
        asyncio.run_coroutine_threadsafe(runtime.say(), self._loop).result(5)

    def breach(self, pod: str, halt_id: str, reason: str = "RiskBreachMaxLoss") -> None:
        """The pod halts by itself."""
        runtime = self.pods[pod]
        runtime.volume.latch(Halt(id=halt_id, reason=reason, at_ns=0, message="", value="120 USDT", limit="100 USDT"))
        runtime.hold()
        self.update(pod)

    def cut(self, pod: str) -> None:
        """The process dies; kubelet has not noticed."""
        assert self._loop
        asyncio.run_coroutine_threadsafe(self._stop(pod), self._loop).result(5)

    def disconnect(self, pod: str) -> None:
        """The network drops the connections; the process listens on."""
        assert self._loop
        for transport in self.pods[pod].transports:
            if isinstance(transport, asyncio.WriteTransport):
                self._loop.call_soon_threadsafe(transport.abort)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not self._end.is_set():
            found = await asyncio.to_thread(self.client.list, "v1", "Pod", self.namespace, names.SELECTOR)
            alive = {pod["metadata"]["name"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}
            for name, pod in alive.items():
                if self.delay.is_set():
                    continue
                if name not in self.pods or self.pods[name].uid != pod["metadata"]["uid"]:
                    await self._start(name, pod)
            for name in set(self.pods) - set(alive):
                await self._stop(name)
                del self.pods[name]
            await asyncio.sleep(LOOK_S)
        for name in list(self._servers):
            await self._stop(name)

    async def _start(self, name: str, pod: dict[str, Any]) -> None:
        if name in self.pods:
            await self._stop(name)
        bot, slot = fake_pods.bot_and_slot(name)
        config_map = await asyncio.to_thread(self.client.get, "v1", "ConfigMap", self.namespace, f"{bot}-slots")
        secret = await asyncio.to_thread(self.client.get, "v1", "Secret", self.namespace, f"{bot}-control")
        config = fake_pods.slot_config(config_map, slot) if config_map else None
        if config is None or secret is None:
            return  # kubelet would wait for its volumes, and the runtime would end without its slot
        files = fake_pods.mounted(secret)
        account = await asyncio.to_thread(self.client.get, "v1", "ServiceAccount", self.namespace, bot)
        if account is None:
            return  # as above
        runtime = FakeRuntime(name, pod["metadata"]["uid"], config, files["token"].decode(),
                              account["metadata"]["uid"], self.stubborn)  # fmt: skip
        self.started += 1
        address = fake_pods.address_of(self.subnet, self.started)
        if not self.silent:
            await self._listen(runtime, files, address)
        self.pods[name] = runtime
        await asyncio.to_thread(self._take_lease, name, runtime.uid)
        await asyncio.to_thread(self._mark_running, name, address)

    async def _listen(self, runtime: FakeRuntime, files: dict[str, bytes], address: str) -> None:
        context = fake_pods.tls_of(files, self.folder, runtime.name)
        application = web.Application()
        application.router.add_get(CONTROL_PATH, runtime.serve)
        runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, address, self.port, ssl_context=context).start()
        self._servers[runtime.name] = runner

    async def _stop(self, name: str) -> None:
        if runner := self._servers.pop(name, None):
            for transport in self.pods[name].transports:
                if isinstance(transport, asyncio.WriteTransport):
                    transport.abort()  # as the kernel does with a dead process' sockets
            await runner.cleanup()
            await asyncio.sleep(LOOK_S)  # asyncio closes an aborted socket a moment later

    def _take_lease(self, name: str, uid: str) -> None:
        held = fake_pods.held(uid, self.started)
        with contextlib.suppress(RequestRefused):  # somebody deleted it
            self.client.merge("coordination.k8s.io/v1", "Lease", self.namespace, name, held)

    def _mark_running(self, name: str, address: str) -> None:
        status = fake_pods.running(address)
        with contextlib.suppress(RequestRefused):  # it was deleted in the meantime
            self.client.merge("v1", "Pod", self.namespace, name, {"status": status}, part="status")
