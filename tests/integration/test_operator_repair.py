"""What people, nodes and networks do to a running bot, and what the operator makes of it."""

from functools import partial

import pytest

from harness.bot_world import VENUE, World, lists, manifest
from harness.operator_process import conditions, eventually
from tradingbot_runtime.model.control import Configure

pytestmark = pytest.mark.controlplane


def test_a_converged_bot_costs_no_write(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    eventually(lambda: conditions(world.get("TradingBot"))["Reconciling"][0] == "False")
    before, sweeps = world.operator.writes(), lists(world)

    eventually(lambda: lists(world) >= sweeps + 3, what="three more resyncs")

    assert world.operator.writes() == before


CHILDREN = (
    ("StatefulSet", "maker"), ("ConfigMap", "maker-slots"), ("Secret", "maker-control"), ("Service", "maker"),
    ("ServiceAccount", "maker"), ("Role", "maker"), ("RoleBinding", "maker"),
)  # fmt: skip


def test_a_child_that_somebody_deleted_comes_back(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")

    for kind, name in CHILDREN:
        before = world.get(kind, name)
        assert before
        uid = before["metadata"]["uid"]
        world.client.delete(before["apiVersion"], kind, world.namespace, name)
        eventually(partial(_another, world, kind, name, uid), what=f"{kind} {name} again")


def _another(world: World, kind: str, name: str, uid: str) -> bool:
    found = world.get(kind, name)
    return found is not None and found["metadata"]["uid"] != uid


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


def test_an_edit_by_hand_is_put_right(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")

    world.client.merge("apps/v1", "StatefulSet", world.namespace, "maker", {"spec": {"replicas": 3}})
    world.client.merge("v1", "ConfigMap", world.namespace, "maker-slots", {"data": {"slot-0.json": "{}"}})

    eventually(lambda: world.spec("StatefulSet")["replicas"] == 1)
    eventually(lambda: (world.get("ConfigMap", "maker-slots") or {})["data"]["slot-0.json"] != "{}")


def test_a_dead_process_is_noticed_and_its_return_is_enough(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")

    world.node.cut("maker-0")

    world.condition("Ready", "False", "RuntimeUnreachable", within_s=10)
    world.condition("Flat", "Unknown")
