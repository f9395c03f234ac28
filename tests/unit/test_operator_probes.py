"""When the operator's probes say no: nothing is reconciled, not everything is seen yet, or nobody leads."""

import asyncio
from collections.abc import Callable

import pytest

from harness.operator_telemetry import telemetry
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.handlers import Intake
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.reconcile import Key
from tradingbot_operator.resync import CHILDREN, RESOURCES

BOT: Key = ("TradingBot", "n", "maker")
Prepare = Callable[[WorkQueue[Key]], None]


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
    shown = telemetry(now, blind=blind)
    prepare(shown.queue)

    found = shown.unhealthy()

    assert found.startswith(why)
    assert bool(found) == bool(why)


def test_a_standby_has_nothing_to_prove() -> None:
    shown = telemetry(10_000, leading=False)
    waits(shown.queue)

    assert shown.unhealthy() == ""


def pod(name: str, version: int = 1) -> Manifest:
    return {"kind": "Pod", "metadata": {"namespace": "n", "name": name, "uid": name, "resourceVersion": str(version)}}


def test_a_leader_is_ready_when_its_watches_have_told_what_the_first_list_has_shown() -> None:
    shown = telemetry(10)
    store, watches = shown.store, shown.watches
    intake = Intake(store, shown.queue, lambda _: None, watches.hear)
    for name in ("one-0", "two-0", "three-0"):
        store.put("Pod", pod(name))
    watches.expect((*RESOURCES, *CHILDREN))

    assert shown.not_ready() == "not everything that is there was told by the watches of Pod"
    intake.take("Pod", None, pod("one-0"))  # no news, but proof
    intake.take("Pod", "MODIFIED", pod("two-0", 2))
    assert "Pod" in shown.not_ready()

    store.remove("Pod", pod("three-0"))  # between the LIST and the watch; a sweep has found that
    assert shown.not_ready() == ""
    assert shown.unhealthy() == ""


def test_a_leader_that_has_not_read_the_cluster_is_not_ready_and_one_that_stands_alone_is_neither() -> None:
    assert telemetry(10, listed=None).not_ready() == "reading the cluster"
    assert telemetry(10, leading=False).not_ready() == "neither leads nor sees a leader that lives"
