"""When the operator's probes say no: nothing is reconciled, not everything is seen yet, or nobody leads."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.operator_telemetry import telemetry
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.handlers import Intake
from tradingbot_operator.health import Health
from tradingbot_operator.queue import Priority
from tradingbot_operator.reconcile import Key
from tradingbot_operator.resync import CHILDREN, RESOURCES

BOT: Key = ("TradingBot", "n", "maker")
Prepare = Callable[[Health], None]


def nothing(_: Health) -> None:
    pass


def waits(health: Health) -> None:
    health.queue.add(BOT, Priority.CHILD)


def works(health: Health) -> None:
    waits(health)
    asyncio.run(health.queue.take())


def waits_while_others_are_taken(health: Health) -> None:
    waits(health)
    health.queue.machine.add(("Venue", "n", "venue"), Priority.HALT, health.clock())
    health.queue.machine.take(health.clock())


def missed(health: Health) -> None:
    health.watches.store.put("Pod", pod("maker-0"))
    since = replace(health.watches, clock=lambda: 0.0)  # the same memory, at another time
    since.miss("Pod", ("n", "maker-0"))


def missed_and_told(health: Health) -> None:
    missed(health)
    health.watches.hear("Pod", ("n", "maker-0"))


def missed_and_gone(health: Health) -> None:
    missed(health)
    health.watches.store.remove("Pod", pod("maker-0"))


def missed_and_told_of_another(health: Health) -> None:
    """A watch that talks and loses things is no better than a dead one."""
    missed(health)
    health.watches.hear("Pod", ("n", "maker-1"))


PROBED: tuple[tuple[float, Prepare, str], ...] = (
    (10, waits, ""),
    (61, waits, "keys wait, and no worker has taken one for 61 s"),
    (599, waits_while_others_are_taken, ""),
    (601, waits_while_others_are_taken, "a key waits for 601 s"),
    (180, works, ""),
    (181, works, "a reconciliation takes 181 s"),
    (360, nothing, ""),
    (361, nothing, "no sweep has ended for 361 s"),
    (60, missed, ""),
    (61, missed, "the watch of Pod does not tell of what a sweep has found, for 61 s"),
    (61, missed_and_told_of_another, "the watch of Pod does not tell of what a sweep has found, for 61 s"),
    (300, missed_and_told, ""),
    (300, missed_and_gone, ""),
)


@pytest.mark.parametrize(("now", "prepare", "why"), PROBED)
def test_the_probe_fails_when_reconciliations_do_not_happen(now: float, prepare: Prepare, why: str) -> None:
    health = telemetry(now, listed=0.0 if prepare is nothing else now).health
    prepare(health)

    assert health.unhealthy() == why


@pytest.mark.parametrize("answering", [None, (560.0, 610.0), (0.0, 50.0)], ids=["away", "back", "said nothing since"])
@pytest.mark.parametrize("prepare", [waits, missed])
def test_what_waits_for_an_api_server_that_is_away_is_no_reason_for_a_restart(
    answering: tuple[float, float] | None, prepare: Prepare
) -> None:
    health = telemetry(610, answering=answering, listed=600).health
    prepare(health)

    assert health.unhealthy() == ""


def test_a_standby_has_nothing_to_prove() -> None:
    health = telemetry(10_000, leading=False).health
    waits(health)

    assert health.unhealthy() == ""


def pod(name: str, version: int = 1) -> Manifest:
    return {"kind": "Pod", "metadata": {"namespace": "n", "name": name, "uid": name, "resourceVersion": str(version)}}


def test_a_leader_is_ready_when_its_watches_have_told_what_the_first_list_has_shown() -> None:
    shown = telemetry(10)
    health = shown.health
    store, watches = shown.store, health.watches
    intake = Intake(store, health.queue, lambda _: None, watches.hear)
    for name in ("one-0", "two-0", "three-0"):
        store.put("Pod", pod(name))
    watches.expect((*RESOURCES, *CHILDREN))

    assert health.not_ready() == "not everything that is there was told by the watches of Pod"
    intake.take("Pod", None, pod("one-0"))  # no news, but proof
    intake.take("Pod", "MODIFIED", pod("two-0", 2))
    assert "Pod" in health.not_ready()

    store.remove("Pod", pod("three-0"))  # between the LIST and the watch; a sweep has found that
    assert health.not_ready() == ""
    assert health.unhealthy() == ""


def test_a_leader_that_has_not_read_the_cluster_is_not_ready_and_one_that_stands_alone_is_neither() -> None:
    assert telemetry(10, listed=None).health.not_ready() == "reading the cluster"
    assert telemetry(10, leading=False).health.not_ready() == "neither leads nor sees a leader that lives"
