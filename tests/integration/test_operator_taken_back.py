"""A change that no slot gets ready with, at a real API server and with the real StatefulSet controller."""

import pytest

from harness.api_client import Object
from harness.bot_world import VENUE, World, manifest
from harness.operator_process import eventually

pytestmark = pytest.mark.controlplane

TWO: dict[str, object] = {"symbols": ("BTCUSDT", "ETHUSDT"), "replicas": 2}
OF_TEN_S: dict[str, object] = {"rollout": {"progressDeadline": "10s"}}


def changed(image: str) -> Object:
    return manifest(**TWO, **OF_TEN_S, pod={"image": image})  # type: ignore[arg-type]  # fields of the spec


def uids(world: World) -> dict[str, str]:
    found = world.client.list("v1", "Pod", world.namespace)
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in found}


def test_it_is_taken_back_and_the_other_slot_is_not_touched(world: World) -> None:
    world.apply(VENUE, manifest(**TWO, **OF_TEN_S))  # type: ignore[arg-type]  # as above
    world.converged()
    template, before = world.spec("StatefulSet")["template"], uids(world)

    world.node.silent = True  # whatever starts from now on answers nobody
    world.apply(changed("registry.example/broken:1"))
    eventually(lambda: uids(world).get("maker-1") not in (before["maker-1"], None), 30, "a slot is restarted")
    world.condition("SpecAccepted", "False", "RolledBack", within_s=40)
    world.node.silent = False

    world.condition("Available", "True", within_s=40)
    assert world.spec("StatefulSet")["template"] == template
    assert uids(world)["maker-0"] == before["maker-0"]
    world.condition("Ready", "False", "RolledBack")
    world.condition("Stalled", "True", "RolledBack")
    told = [event for event in world.events() if event["reason"] == "RolledBack"]
    assert told
    assert told[0]["type"] == "Warning"

    world.apply(changed("registry.example/good:1"))
    world.condition("Ready", "True", "Trading", within_s=60)
    found = world.get("TradingBot")
    assert found
    assert "rolledBack" not in found["status"]
    assert uids(world)["maker-0"] != before["maker-0"]
