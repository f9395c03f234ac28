"""The world of `make bench-operator`: a real control plane, a fleet of fake pods, operators as real processes, bots."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import psutil
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from scale_watch import NotInTime, Sight, until

from harness.api_client import Object
from harness.async_api import AsyncApi
from harness.bot_world import VENUE, manifest
from harness.control_plane import REPOSITORY, ControlPlane
from harness.exposition import sum_of
from harness.fleet_process import FleetProcess
from harness.lives import TESTS
from harness.operator_process import (
    SCRAPE_S,
    OperatorProcess,
    free_port,
    install,
    kubeconfig_of_account,
)


def not_installed(distribution: str) -> list[str]:
    """Modules at hand that neither `distribution` nor what it needs has brought."""
    needed, to_look_at = set[str](), [distribution]
    while to_look_at:
        name = canonicalize_name(to_look_at.pop())
        if name in needed:
            continue
        needed.add(name)
        asked = (Requirement(text) for text in metadata.requires(name) or ())
        to_look_at += [each.name for each in asked if each.marker is None or each.marker.evaluate({"extra": ""})]
    brought = metadata.packages_distributions().items()
    return sorted(module for module, by in brought if needed.isdisjoint(map(canonicalize_name, by)))


# As the operator is installed. A fresh interpreter, not a fork of one that has everything: that is what a start costs.
REAL = {"LEASE_DURATION_S": "15", "LEASE_RENEW_DEADLINE_S": "10", "LEASE_RETRY_S": "2", "DRAIN_TIMEOUT_S": "60",
        "PYTHONPATH": f"{Path(__file__).parent / 'as_installed'}{os.pathsep}{TESTS}",
        "NOT_INSTALLED": ",".join(not_installed("tradingbot-operator"))}  # fmt: skip
CREATED_AT_ONCE = 8
LEADING_WITHIN_S = 120.0
MOST_S_FOR_A_BOT = 2.0  # of the setup
QUIET_S = 5.0
LOOK_AGAIN_S = 1.0  # each look costs a leader with a thousand bots a tenth of a second
SETTLED_S = 12.0  # `Installation.start_grace_s`, and its Lease
MB = 1_000_000

Tell = Callable[[str], object]


class OperatorEnded(Exception):
    """With the end of its log."""


@dataclass(slots=True)
class World:
    plane: ControlPlane
    api: AsyncApi
    namespace: str
    folder: Path
    logs: Path
    fleet: FleetProcess
    sight: Sight
    port: int  # of the control streams
    bots: int
    tell: Tell
    leader: OperatorProcess = field(init=False)
    _began_at: float = 0.0
    _begun: int = 0

    def begin_operator(self) -> OperatorProcess:
        self._begun, self._began_at = self._begun + 1, time.monotonic()
        settings = {**REAL, "CONTROL_PORT": str(self.port)}
        kubeconfig, log = self.folder / "operator.kubeconfig", self.logs / f"operator-{self._begun}.log"
        operator = OperatorProcess(kubeconfig, log, settings)
        operator.start()
        return operator

    @property
    def names(self) -> list[str]:
        return [f"bot-{number:05d}" for number in range(self.bots)]

    async def scrape(self) -> str:
        """The leader's metrics."""
        status, text = await asyncio.to_thread(self.leader.get, "/metrics", SCRAPE_S)
        if status != 200 and not self.leader.running:
            raise OperatorEnded(self.leader.log.read_text()[-3000:])
        return text

    async def writes(self) -> Counter[str]:
        """By kind: requests of the leader that changed something, Leases aside."""
        return Counter({kind: round(count) for kind, count in (await asyncio.to_thread(self.leader.writes)).items()})

    async def at_rest(self, within_s: float) -> float:
        """When the leader had every stream and no work left. Raises NotInTime."""
        end = time.monotonic() + within_s
        while True:
            at, text = time.monotonic(), await self.scrape()
            streams = sum_of(text, "tradingbot_operator_control_streams")
            waiting = sum_of(text, "workqueue_depth") + sum_of(text, "controller_runtime_active_workers")
            if streams == self.bots and waiting == 0:
                return at
            if at > end:
                raise NotInTime(f"not within {within_s:.0f} s: {streams:.0f} streams, {waiting:.0f} keys wait")
            await asyncio.sleep(LOOK_AGAIN_S)

    async def spread(self, bot: str, spread: str) -> None:
        """A change of the bot's spec that takes effect without a restart."""
        change = {"spec": {"strategy": {"marketMaking": {"spreadBps": spread}}}}
        await self.api.merge("TradingBot", self.namespace, bot, change)

    async def make_bots(self) -> None:
        """All of them, running and converged, with nothing left to write."""
        turns = asyncio.Semaphore(CREATED_AT_ONCE)

        async def make(name: str) -> None:
            async with turns:
                await self.api.create("TradingBot", self.namespace, manifest(name))

        def there() -> bool:
            done = self.sight.converged()
            self.tell(f"setup: {done} of {self.bots} bots run")
            return done == self.bots

        await asyncio.gather(*(make(name) for name in self.names))
        await until(there, 60 + MOST_S_FOR_A_BOT * self.bots, lambda: f"{self.sight.converged()} bots converged")
        await self.still(within_s=120)

    async def still(self, within_s: float) -> None:
        """Waits until the leader has written nothing for some seconds, and has led for long enough to judge Venues."""
        await asyncio.sleep(self._began_at + SETTLED_S - time.monotonic())
        end, before = time.monotonic() + within_s, Counter({"nothing was looked at yet": 1})
        while (writes := await self.writes()) != before:
            self.tell(f"waiting until nothing is left to write; {writes.total()} writes so far")
            if time.monotonic() > end:
                raise NotInTime(f"not within {within_s:.0f} s: an end of writes; there were {told(writes - before)}")
            before = writes
            await asyncio.sleep(QUIET_S)


def told(writes: Counter[str]) -> str:
    """What was written, in one line: "2 TradingBot, 1 Event"."""
    return ", ".join(f"{count} {kind}" for kind, count in writes.most_common() if count)


@asynccontextmanager
async def world(plane: ControlPlane, bots: int, folders: tuple[Path, Path], tell: Tell) -> AsyncIterator[World]:
    """With a leader, and without bots yet. `folders`: an empty one, and one for the operators' logs."""
    folder, logs = folders
    tell("setup: resources and rights")
    await asyncio.to_thread(plane.client.install_crds, REPOSITORY / "crds")
    await asyncio.to_thread(install, plane)
    kubeconfig_of_account(plane, folder)
    port = free_port("127.1.0.2")
    with plane.client.new_namespace() as namespace:
        await asyncio.to_thread(plane.client.apply, VENUE, namespace)
        async with AsyncApi.connected(plane.client) as api, Sight.of(api, namespace) as sight:  # noqa: SIM117 - reads in order
            async with FleetProcess.running(plane.kubeconfig, namespace, folder / "fleet", port) as fleet:
                here = World(plane, api, namespace, folder, logs, fleet, sight, port, bots, tell)
                here.leader = here.begin_operator()
                try:
                    await asyncio.to_thread(here.leader.wait_until_leading)
                    yield here
                finally:
                    if here.leader.running:
                        here.leader.kill()


@dataclass(slots=True)
class Cpu:
    """Seconds of the processor that the block took: of an operator, and of the API server that it talks to."""

    operator_s: float = 0.0
    server_s: float = 0.0


@contextmanager
def cpu_of(operator: OperatorProcess, plane: ControlPlane) -> Iterator[Cpu]:
    server = psutil.Process(int((plane.kubeconfig.parent / "kube-apiserver.pid").read_text()))
    spent, process = Cpu(), _process(operator)
    before = (_cpu_s(process), _cpu_s(server))
    yield spent
    spent.operator_s, spent.server_s = _cpu_s(process) - before[0], _cpu_s(server) - before[1]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def resident_mb(operator: OperatorProcess) -> float:
    return float(_process(operator).memory_info().rss) / MB


def _process(operator: OperatorProcess) -> psutil.Process:
    assert operator.process
    return psutil.Process(operator.process.pid)


def trading_halt(name: str) -> Object:
    """Of all bots."""
    return {"apiVersion": VENUE["apiVersion"], "kind": "TradingHalt", "metadata": {"name": name},
            "spec": {"selector": {}, "reason": "bench"}}  # fmt: skip
