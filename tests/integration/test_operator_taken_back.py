"""A change that no slot gets ready with, at a real API server and with the real StatefulSet controller."""

import msgspec
import pytest

from harness.api_client import Object
from harness.bot_world import VENUE, World, lists, manifest
from harness.operator_process import eventually
from tradingbot_runtime.config import DesiredState
from tradingbot_runtime.model.control import QuotingReport

pytestmark = pytest.mark.controlplane

TWO: dict[str, object] = {"symbols": ("BTCUSDT", "ETHUSDT"), "replicas": 2}
ONE_EACH: dict[str, object] = {"symbols": ("BTCUSDT", "ADAUSDT"), "replicas": 2}  # so the hash has it
OF_TEN_S: dict[str, object] = {"rollout": {"progressDeadline": "10s"}}


def changed(image: str, **further: object) -> Object:
    spec = TWO | OF_TEN_S | {"pod": {"image": image}} | further
    return manifest(**spec)  # type: ignore[arg-type]  # fields of the spec


def stopped(world: World) -> set[str]:
    """Pods whose runtime has taken a configuration that says so."""
    return {name for name, pod in world.node.pods.items() if pod.config.desired_state is DesiredState.STOPPED}


def quoting(world: World, pod: str, markout: str) -> None:
    """The pod has had a hundred fills since it started, and reports what they have gained."""
    report = world.node.pods[pod].report
    assert report
    sums = QuotingReport(orders=200, refused=0, fills=100, turnover="10000", profit="0", marked=100,
                         marked_turnover="10000", markout=markout)  # fmt: skip
    world.node.update(pod, markets=tuple(msgspec.structs.replace(market, quoting=sums) for market in report.markets))


def uids(world: World) -> dict[str, str]:
    found = world.client.list("v1", "Pod", world.namespace)
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in found}


def quiet(world: World) -> bool:
    before, sweeps = world.versions(), lists(world)
    eventually(lambda: lists(world) >= sweeps + 2, what="two more resyncs")
    return world.versions() == before


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

    world.apply(changed("registry.example/broken:1", replicas=3))  # as an autoscaler does
    eventually(lambda: "maker-2" in uids(world), 30, "it is scaled")
    world.apply(changed("registry.example/broken:1", replicas=3, desiredState="Stopped"))
    eventually(lambda: stopped(world) == {"maker-0", "maker-1", "maker-2"}, 60, lambda: f"stopped: {stopped(world)}")
    assert world.spec("StatefulSet")["template"]["spec"] == template["spec"]
    world.condition("SpecAccepted", "False", "RolledBack")

    world.apply(changed("registry.example/good:1"))
    world.condition("Ready", "True", "Trading", within_s=60)
    found = world.get("TradingBot")
    assert found
    assert "rolledBack" not in found["status"]
    assert uids(world)["maker-0"] != before["maker-0"]


def test_a_first_slot_that_is_picked_off_where_the_other_is_not_takes_its_change_back_also_when_it_is_scaled(
    world: World,
) -> None:
    canary: dict[str, object] = {"rollout": {"canary": {"duration": "10m"}}}
    world.apply(VENUE, manifest(**ONE_EACH, **canary))  # type: ignore[arg-type]  # as above
    world.converged()
    before = uids(world)
    world.apply(manifest(**ONE_EACH, **canary, pod={"image": "registry.example/worse:1"}))  # type: ignore[arg-type]  # as above
    world.condition("Ready", "False", "CanaryRunning", within_s=40)
    eventually(lambda: "maker-1" in world.node.pods and world.node.pods["maker-1"].report is not None
               and uids(world)["maker-1"] == world.node.pods["maker-1"].uid, 20, "the first slot runs it")  # fmt: skip

    tries = uids(world)["maker-1"]
    world.apply(manifest(**ONE_EACH | {"replicas": 3}, **canary, pod={"image": "registry.example/worse:1"}))  # type: ignore[arg-type]  # as above
    eventually(
        lambda: "maker-2" in world.node.pods and world.node.pods["maker-2"].report is not None, 30, "it is scaled"
    )
    world.condition("Ready", "False", "CanaryRunning", within_s=40)
    eventually(lambda: quiet(world), 20, "nothing is on its way")
    assert {name: uid for name, uid in uids(world).items() if name != "maker-2"} == before | {"maker-1": tries}

    quoting(world, "maker-0", "1")
    quoting(world, "maker-1", "-5")

    world.condition("SpecAccepted", "False", "RolledBack", within_s=60)
    told = [event["message"] for event in world.events() if event["reason"] == "RolledBack"]
    assert any("slot 1, the first to run it: its markout after 10s in bps is -5, the other slots' 1" in t for t in told)
    world.condition("Available", "True", within_s=40)
    assert uids(world)["maker-0"] == before["maker-0"]
