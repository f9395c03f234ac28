"""What people, nodes and networks do to a running bot, and what the operator makes of it."""

import pytest

from harness.bot_world import VENUE, World, lists, manifest
from harness.operator_process import eventually
from tradingbot_runtime.model.control import Configure

pytestmark = pytest.mark.controlplane


def test_a_converged_bot_costs_no_write(world: World) -> None:
    world.apply(VENUE, manifest())
    world.converged()
    # A leader that is young looks at a Venue once more when its streams have had their time.
    eventually(lambda: _unchanged_for(world, 3), 40, "three resyncs without a write")
    assert _unchanged_for(world, 3), "and three more"


def _unchanged_for(world: World, resyncs: int) -> bool:
    before, sweeps = world.versions(), lists(world)
    eventually(lambda: lists(world) >= sweeps + resyncs, 10 + 3 * resyncs, "it sweeps")
    return world.versions() == before


def test_a_lease_that_somebody_deleted_stays_deleted(world: World) -> None:
    """Deleting it is a manual halt; one that came back would let the slot trade again."""
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    eventually(lambda: (world.get("TradingBot") or {})["status"]["slots"][0]["leaseUID"])

    world.client.delete("coordination.k8s.io/v1", "Lease", world.namespace, "maker-0")
    world.apply(manifest(strategy={"marketMaking": {"spreadBps": "9", "sizes": ["0.001"]}}))
    eventually(lambda: any(isinstance(m, Configure) for m in world.node.pods["maker-0"].told))
    sweeps = lists(world)
    eventually(lambda: lists(world) >= sweeps + 2)

    assert world.get("Lease", "maker-0") is None


def test_labels_that_somebody_has_taken_off_the_control_secret_come_back(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    before = world.get("Secret", "maker-control")
    assert before

    world.client.merge("v1", "Secret", world.namespace, "maker-control", {"metadata": {"labels": None}})
    eventually(lambda: _labels(world) == before["metadata"]["labels"], 20, lambda: f"labels; they are {_labels(world)}")


def _labels(world: World) -> dict[str, str]:
    secret = world.get("Secret", "maker-control") or {}
    return dict(secret.get("metadata", {}).get("labels") or {})


def test_a_bot_without_slots_and_resources_costs_no_write(world: World) -> None:
    """What is empty is owned as well, or it would be written for ever."""
    world.apply(VENUE, manifest(replicas=0, pod={"resources": {"limits": {}, "requests": {}}}))
    world.condition("Ready", "True")

    eventually(lambda: _quiet(world), 20, "two resyncs without a write")


def _quiet(world: World) -> bool:
    before, sweeps = world.versions(), lists(world)
    eventually(lambda: lists(world) >= sweeps + 2, what="two more resyncs")
    return world.versions() == before


def test_a_dead_process_is_noticed_and_its_return_is_enough(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")

    world.node.cut("maker-0")

    world.condition("Ready", "False", "RuntimeUnreachable", within_s=10)
    world.condition("Flat", "Unknown")
