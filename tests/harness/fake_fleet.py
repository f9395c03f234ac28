"""A fake node for thousands of pods, in a process of its own: one watch, one TLS listener for each pod, heartbeats.

    python -m harness.fake_fleet KUBECONFIG NAMESPACE FOLDER PORT SUBNET

Each pod is a `FakeRuntime` behind its bot's own certificate and token. Orders come as lines of JSON on stdin, each is
answered by one on stdout (`fleet_process`). Times are seconds of CLOCK_MONOTONIC, which all processes share.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from harness import fake_pods
from harness.api_client import ApiClient, Object
from harness.async_api import AsyncApi, Refused
from harness.fake_runtime import FakeRuntime
from tradingbot_runtime.model.control import HEARTBEAT_S, ControlMessage, Halt, HaltTrading, Hello, OperatorMessage

STARTS_AT_ONCE = 8
LOOK_AGAIN_S = 0.2


@dataclass(slots=True)
class FleetPod(FakeRuntime):
    """Remembers when it was told what is timed."""

    address: str = ""
    greeted: tuple[int, float] = (0, 0.0)  # of the highest term: when
    halted: dict[str, float] = field(default_factory=dict)  # by whose order -> when it was first acknowledged

    def hear(self, message: OperatorMessage) -> list[ControlMessage]:
        answers = FakeRuntime.hear(self, message)
        self.told.clear()  # thousands of pods, and nobody reads it here
        match message:
            case Hello() if message.term > self.greeted[0]:
                self.greeted = (message.term, time.monotonic())
            case HaltTrading():
                self.halted.setdefault(message.by, time.monotonic())
        return answers


@dataclass(slots=True)
class Fleet:
    api: AsyncApi
    namespace: str
    folder: Path
    port: int
    subnet: int
    pods: dict[str, FleetPod] = field(default_factory=dict)  # by name
    _at: dict[str, FleetPod] = field(default_factory=dict)  # by address
    _servers: dict[str, asyncio.Server] = field(default_factory=dict)  # by name
    _wanted: dict[str, Object] = field(default_factory=dict)  # pods that are there, by name
    _starts: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(250 * fake_pods.PODS_OF_A_NET)))

    async def run(self) -> None:
        """Never returns."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.api.watch("Pod", self.namespace, self._hear))
            for _ in range(STARTS_AT_ONCE):
                group.create_task(self._start_pods())

    def _hear(self, event: str, pod: Object) -> None:
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        if event == "DELETED" or "deletionTimestamp" in pod["metadata"]:
            if name in self._wanted and self._wanted[name]["metadata"]["uid"] == uid:
                del self._wanted[name]
                self._stop(name)
        elif name not in self._wanted or self._wanted[name]["metadata"]["uid"] != uid:
            self._stop(name)
            self._wanted[name] = pod
            self._starts.put_nowait(name)

    async def _start_pods(self) -> None:
        while True:
            name = await self._starts.get()
            if (pod := self._wanted.get(name)) is None:
                continue
            try:
                is_up = await self._start(name, pod)
            except Refused as error:  # it was deleted in the meantime, or the server is too busy
                sys.stderr.write(f"{error}\n")
                is_up = False
            if not is_up:  # kubelet would wait for its volumes
                asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._starts.put_nowait, name)

    async def _start(self, name: str, pod: Object) -> bool:
        bot, slot = fake_pods.bot_and_slot(name)
        config_map, secret, account = await asyncio.gather(
            self.api.get("ConfigMap", self.namespace, f"{bot}-slots"),
            self.api.get("Secret", self.namespace, f"{bot}-control"),
            self.api.get("ServiceAccount", self.namespace, bot),
        )
        config = fake_pods.slot_config(config_map, slot) if config_map else None
        if config is None or secret is None or account is None:
            return False
        files, number = fake_pods.mounted(secret), next(self._numbers)
        runtime = FleetPod(name, pod["metadata"]["uid"], config, files["token"].decode(), account["metadata"]["uid"],
                           address=fake_pods.address_of(self.subnet, number))  # fmt: skip
        await self._listen(runtime, files)
        await self.api.merge("Lease", self.namespace, name, fake_pods.held(runtime.uid, number + 1))
        status = {"status": fake_pods.running(runtime.address)}
        await self.api.merge("Pod", self.namespace, name, status, part="status")
        return True

    async def _listen(self, runtime: FleetPod, files: dict[str, bytes]) -> None:
        context = fake_pods.tls_of(files, self.folder, runtime.name)
        protocol = web.Server(runtime.serve, access_log=None)  # type: ignore[arg-type]  # it needs no more of a request than this one has
        loop = asyncio.get_running_loop()
        self._servers[runtime.name] = await loop.create_server(protocol, runtime.address, self.port, ssl=context)
        self.pods[runtime.name] = self._at[runtime.address] = runtime
        loop.call_later(HEARTBEAT_S * random.random(), self._beat, runtime)  # noqa: S311 - they do not beat as one

    def _beat(self, runtime: FleetPod) -> None:
        if self.pods.get(runtime.name) is not runtime:
            return
        loop = asyncio.get_running_loop()
        loop.call_later(HEARTBEAT_S, self._beat, runtime)
        if runtime.sockets:
            _keep(loop.create_task(runtime.say()))

    def _stop(self, name: str) -> None:
        if (runtime := self.pods.pop(name, None)) is None:
            return
        del self._at[runtime.address]
        self._servers.pop(name).close()
        for transport in runtime.transports:
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()  # as the kernel does with a dead process' sockets

    async def carry_out(self, order: dict[str, Any]) -> object:
        match order["do"]:
            case "breach":
                return await self._breach(order["pod"], order["halt"])
            case "greeted":
                return self._greeted()
            case "halted":
                return sorted(at for pod in self.pods.values() if (at := pod.halted.get(order["by"])))
            case unknown:
                raise ValueError(unknown)

    def _greeted(self) -> Object:
        """Of the pods that are connected: how many heard each leader's term, and when the last of them did."""
        terms: dict[int, list[float]] = {}
        for pod in self.pods.values():
            if pod.sockets:
                terms.setdefault(pod.greeted[0], []).append(pod.greeted[1])
        return {"pods": len(self.pods), "terms": {term: [len(at), max(at)] for term, at in terms.items()}}

    async def _breach(self, name: str, halt_id: str) -> float:
        """The pod halts by itself; when it said so."""
        runtime = self.pods[name]
        runtime.volume.latch(Halt(id=halt_id, reason="RiskBreachMaxLoss", at_ns=time.time_ns(), message="",
                                  value="120 USDT", limit="100 USDT"))  # fmt: skip
        runtime.hold()
        at = time.monotonic()
        await runtime.say()
        return at


_beats: set[asyncio.Task[None]] = set()


def _keep(task: asyncio.Task[None]) -> None:
    """Until it is done: the loop itself holds tasks only weakly."""
    _beats.add(task)
    task.add_done_callback(_beats.discard)


async def serve(kubeconfig: Path, namespace: str, folder: Path, port: int, subnet: int) -> None:
    """Until stdin ends."""
    stdin = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    async with AsyncApi.connected(ApiClient.from_kubeconfig(kubeconfig, folder)) as api:
        fleet = Fleet(api, namespace, folder, port, subnet)
        work = asyncio.create_task(fleet.run())
        work.add_done_callback(lambda task: task.cancelled() or loop.stop())  # a bug ends the process
        while line := await stdin.readline():
            answer = await fleet.carry_out(json.loads(line))
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


if __name__ == "__main__":
    given = sys.argv[1:]
    uvloop.run(serve(Path(given[0]), given[1], Path(given[2]), int(given[3]), int(given[4])))
