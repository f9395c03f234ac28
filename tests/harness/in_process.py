"""The operator's parts in the test's own process, against a real API server: the test says what happens when."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import aiohttp

from harness.control_plane import ControlPlane
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core.observed import Installation
from tradingbot_operator.identities import Identities
from tradingbot_operator.lost_slots import LostSlots
from tradingbot_operator.made_once import MadeOnce
from tradingbot_operator.observation import Observer
from tradingbot_operator.queue import WorkQueue
from tradingbot_operator.reconcile import Key, Reconciler
from tradingbot_operator.recorder import Recorder
from tradingbot_operator.resync import Resync
from tradingbot_operator.runtime_client import RuntimeClient
from tradingbot_operator.store import Store
from tradingbot_operator.surroundings import Leader, Surroundings

T = TypeVar("T")
INSTALLATION = Installation("runtime:1", 8443, 8080, "0.1.0")


def with_cluster(plane: ControlPlane, work: Callable[[Cluster], Awaitable[T]], *namespaces: str) -> T:
    """The result of `work`, done with an administrator's connection, in these namespaces; none: in all."""

    async def connected() -> T:
        os.environ["KUBECONFIG"] = str(plane.kubeconfig)
        async with await Cluster.connect(namespaces) as cluster:
            return await work(cluster)

    before = os.environ.get("KUBECONFIG")
    try:
        return asyncio.run(connected())
    finally:
        os.environ.pop("KUBECONFIG")
        if before is not None:
            os.environ["KUBECONFIG"] = before


@dataclass(frozen=True, slots=True)
class Parts:
    """What a leader has, without watches, workers and election."""

    cluster: Cluster
    store: Store
    queue: WorkQueue[Key]
    resync: Resync
    reconciler: Reconciler


def with_parts(plane: ControlPlane, work: Callable[[Parts], Awaitable[T]]) -> T:
    async def assembled(cluster: Cluster) -> T:
        async with aiohttp.ClientSession() as session:
            return await work(_parts(cluster, session))

    return with_cluster(plane, assembled)


def _parts(cluster: Cluster, session: aiohttp.ClientSession) -> Parts:
    clock = asyncio.get_running_loop().time
    store, queue, identities = Store(), WorkQueue[Key](clock, lambda: 0.5), Identities(cluster)
    runtime = runtime_client(session, identities)
    observer = Observer(store, runtime.view, _now, lambda: 1e9)
    recorder = Recorder(cluster, "test", _now)
    once = MadeOnce(cluster, store, recorder, observer, _now, identities.forget)
    reconciler = Reconciler(cluster, store, queue, runtime, recorder, observer, INSTALLATION, once,
                            LostSlots(cluster, clock))  # fmt: skip
    return Parts(cluster, store, queue, Resync(cluster, store, queue, clock), reconciler)


def runtime_client(session: aiohttp.ClientSession, identities: Identities) -> RuntimeClient:
    """One whose news nobody hears."""
    return RuntimeClient(session, Surroundings(
        leader=Leader("test", 1), port=INSTALLATION.control_port, lost_grace_s=INSTALLATION.lost_grace_s,
        identity=identities.get, identity_failed=lambda _: None, changed=lambda *_: None,
        changed_after=lambda *_: None, venues_changed=lambda *_: None, clock=asyncio.get_running_loop().time,
        random=lambda: 0.5,
    ))  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)
