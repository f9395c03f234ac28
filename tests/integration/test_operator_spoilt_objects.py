"""One object that somebody has spoilt, at a real API server: the operator lives, and another bot's halt reaches it."""

import pytest

from harness.api_client import Object
from harness.bot_world import API, VENUE, World, lists, manifest
from harness.operator_process import conditions, eventually
from tradingbot_runtime.model.control import Halt, HaltTrading
from tradingbot_runtime.model.events import TradingState

pytestmark = pytest.mark.controlplane
STOP: Object = {"apiVersion": API, "kind": "TradingHalt", "metadata": {"name": "stop"}, "spec": {"reason": "audit"}}
SPOILT = [{"held": "x"}, {"releasing": "junk", "held": "5"}]


def trading(world: World) -> None:
    world.apply(VENUE, manifest(), manifest("other", symbols=("ETHUSDT",)))
    for name in ("maker", "other"):
        world.condition("Ready", "True", "Trading", name=name)


@pytest.mark.parametrize("annotations", SPOILT, ids=str)
def test_a_spoilt_configmap_ends_nobodys_halts_and_is_put_right(world: World, annotations: dict[str, str]) -> None:
    trading(world)
    process = world.operator.process
    spoilt = {f"tradingbot.dev/{name}": text for name, text in annotations.items()}
    world.client.merge("v1", "ConfigMap", world.namespace, "maker-slots", {"metadata": {"annotations": spoilt}})

    world.apply(STOP)

    for name in ("other", "maker"):
        world.condition("Halted", "True", "GlobalHalt", name=name)
        assert any(isinstance(message, HaltTrading) for message in world.node.pods[f"{name}-0"].told)
    assert (world.operator.running, world.operator.process) == (True, process)
    eventually(lambda: (world.get("ConfigMap", "maker-slots") or {})["metadata"]["annotations"].get(
        "tradingbot.dev/releasing") == "{}", 15)  # fmt: skip


def test_an_operator_that_starts_with_one_spoilt_configmap_leads_and_halts(world: World) -> None:
    trading(world)
    world.operator.stop()
    data = {"accepted.json": "5", "slot-0.json": "[" * 9000, "closed.json": "{}"}
    annotations = {"tradingbot.dev/held": "x", "tradingbot.dev/releasing": "[1]"}
    spoilt = {"metadata": {"annotations": annotations}, "data": data}
    world.client.merge("v1", "ConfigMap", world.namespace, "maker-slots", spoilt)
    world.apply(STOP)

    world.operator.start()
    world.operator.wait_until_leading()

    for name in ("other", "maker"):
        world.condition("Halted", "True", "GlobalHalt", name=name, within_s=30)
    before = lists(world)
    eventually(lambda: lists(world) > before + 1, 20)
    assert world.operator.running


def test_a_runtimes_junk_is_that_bots_and_its_halt_can_be_resumed(world: World) -> None:
    trading(world)
    runtime = world.node.pods["maker-0"]
    runtime.volume.latch(Halt(id="a, b" * 30, reason="R" * 100, at_ns=0, message="m" * 2000, policy="Zork",
                              by="b" * 400, value="9" * 100))  # fmt: skip
    world.node.update("maker-0", state=TradingState.HALTED, ready=False, bot_number="x" * 100, epoch=-1,
                      halts=tuple(runtime.volume.held.values()))  # fmt: skip

    world.condition("Halted", "True")
    (halt,) = (world.get("TradingBot") or {})["status"]["halts"]
    resume = {"metadata": {"annotations": {"tradingbot.dev/resume": halt["id"]}}}
    world.client.merge(API, "TradingBot", world.namespace, "maker", resume)

    eventually(lambda: not runtime.volume.held, 10, "its own name of the halt was in the Resume")
    assert conditions(world.get("TradingBot", "other"))["Ready"] == ("True", "Trading")
    assert halt["policy"] == "CancelAll"


def test_somebodys_pod_with_the_bots_labels_is_no_slot(world: World) -> None:
    trading(world)
    labels = {"app.kubernetes.io/managed-by": "tradingbot-operator", "tradingbot.dev/bot": "maker"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stranger-0", "labels": labels},
           "spec": {"containers": [{"name": "x", "image": "x"}]}}  # fmt: skip
    world.apply(pod)

    world.apply(STOP)

    world.condition("Halted", "True", "GlobalHalt")
    (slot,) = (world.get("TradingBot") or {})["status"]["slots"]
    assert slot["pod"] == "maker-0"


def test_a_slot_that_says_unasked_that_it_is_drained_drains_nobody(world: World) -> None:
    world.apply(VENUE, manifest(replicas=3, symbols=("BTCUSDT", "ETHUSDT", "ADAUSDT")))
    world.condition("Ready", "True", "Trading", within_s=20)
    uids = {name: runtime.uid for name, runtime in world.node.pods.items()}

    world.node.update("maker-0", state=TradingState.DRAINED, reason="Ending", message="SIGTERM", ready=False)

    world.condition("Available", "False", "SlotsUnavailable")
    before = lists(world)
    eventually(lambda: lists(world) > before + 1, 20)
    assert world.spec("StatefulSet")["replicas"] == 3
    assert {name: runtime.uid for name, runtime in world.node.pods.items()} == uids
