"""When the operator's probes say no: nothing is reconciled, not everything is seen yet, or nobody leads."""

import asyncio
from collections.abc import Callable

import pytest
from kubernetes.aio.client import Configuration

from tradingbot_operator.app import utc_now
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.handlers import Intake
from tradingbot_operator.leadership import Leadership
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.reconcile import Key
from tradingbot_operator.recorder import Recorder
from tradingbot_operator.resync import CHILDREN, RESOURCES, Resync
from tradingbot_operator.settings import Election
from tradingbot_operator.store import Store
from tradingbot_operator.telemetry import Reconciliations, Telemetry
from tradingbot_operator.watches import Watches

BOT: Key = ("TradingBot", "n", "maker")
Prepare = Callable[[WorkQueue[Key]], None]


def probed(now: float, *, leading: bool = True, blind: int = 0, listed: float | None = 0.0) -> Telemetry:
    queue: WorkQueue[Key] = WorkQueue(lambda: 0.0, lambda: 0.5)
    cluster, store = Cluster(Configuration()), Store()
    leadership = Leadership(cluster, "me", Election("n"), lambda: now, utc_now, leading=leading)
    resync = Resync(cluster, store, queue, lambda: now, last_success=listed, blind_in_a_row=blind)
    recorder = Recorder(cluster, "me", utc_now)
    watches, tally = Watches(lambda: now, store), Reconciliations()
    return Telemetry(lambda: now, 100.0, leadership, queue, store, cluster, lambda: None, recorder, resync, watches,
                     tally)  # fmt: skip


def waits(queue: WorkQueue[Key]) -> None:
    queue.add(BOT, Priority.CHILD)


def works(queue: WorkQueue[Key]) -> None:
    waits(queue)
    asyncio.run(queue.take())


@pytest.mark.parametrize(("now", "blind", "prepare", "why"), [
    (10, 0, waits, ""), (361, 0, lambda _: None, "no successful LIST"), (61, 0, waits, "a key waits"),
    (181, 0, works, "a reconciliation takes"), (10, 3, lambda _: None, "the watches missed something"),
])  # fmt: skip
def test_the_probe_fails_when_reconciliations_do_not_happen(now: float, blind: int, prepare: Prepare, why: str) -> None:
    telemetry = probed(now, blind=blind)
    prepare(telemetry.queue)

    found = telemetry.unhealthy()

    assert found.startswith(why)
    assert bool(found) == bool(why)


def test_a_standby_has_nothing_to_prove() -> None:
    telemetry = probed(10_000, leading=False)
    waits(telemetry.queue)

    assert telemetry.unhealthy() == ""


def pod(name: str, version: int = 1) -> Manifest:
    return {"kind": "Pod", "metadata": {"namespace": "n", "name": name, "uid": name, "resourceVersion": str(version)}}


def test_a_leader_is_ready_when_its_watches_have_told_what_the_first_list_has_shown() -> None:
    telemetry = probed(10)
    store, watches = telemetry.store, telemetry.watches
    intake = Intake(store, telemetry.queue, lambda _: None, watches.hear)
    for name in ("one-0", "two-0", "three-0"):
        store.put("Pod", pod(name))
    watches.expect((*RESOURCES, *CHILDREN))

    assert telemetry.not_ready() == "not everything that is there was told by the watches of Pod"
    intake.take("Pod", None, pod("one-0"))  # no news, but proof
    intake.take("Pod", "MODIFIED", pod("two-0", 2))
    assert "Pod" in telemetry.not_ready()

    store.remove("Pod", pod("three-0"))  # between the LIST and the watch; a sweep has found that
    assert telemetry.not_ready() == ""
    assert telemetry.unhealthy() == ""


def test_a_leader_that_has_not_read_the_cluster_is_not_ready_and_one_that_stands_alone_is_neither() -> None:
    assert probed(10, listed=None).not_ready() == "reading the cluster"
    assert probed(10, leading=False).not_ready() == "neither leads nor sees a leader that lives"
