"""Somebody deletes a bot's ServiceAccount: the operator makes it anew and replaces the pods, whose tokens are void."""

import pytest

from harness.bot_world import VENUE, World, manifest
from harness.operator_process import eventually
from tradingbot_operator.core.accounts import DRAIN_FOR_REPLACEMENT
from tradingbot_runtime.model.control import Drain
from tradingbot_runtime.model.events import TradingState

pytestmark = pytest.mark.controlplane
OPERATOR = {"RESYNC_S": "3600"}
SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")


def lose_account(world: World) -> None:
    before = world.get("ServiceAccount")
    assert before
    world.client.delete("v1", "ServiceAccount", world.namespace, "maker")
    eventually(lambda: (world.get("ServiceAccount") or before)["metadata"]["uid"] != before["metadata"]["uid"])


def replaced(world: World, pod: str, uid: str) -> bool:
    return pod in world.node.pods and world.node.pods[pod].uid != uid


def test_each_slot_is_drained_and_its_pod_replaced(world: World) -> None:
    world.apply(VENUE, manifest(symbols=SYMBOLS, replicas=2))
    world.condition("Ready", "True")
    before = {name: world.node.pods[name] for name in ("maker-0", "maker-1")}
    generation = (world.get("StatefulSet") or {})["metadata"]["generation"]

    lose_account(world)

    for name, runtime in before.items():
        eventually(lambda name=name, runtime=runtime: replaced(world, name, runtime.uid), 20)  # type: ignore[misc]  # of the loop
        drains = [message.reason for message in runtime.told if isinstance(message, Drain)]
        assert set(drains) == {DRAIN_FOR_REPLACEMENT}
        assert runtime.report
        assert runtime.report.state is TradingState.DRAINED
    world.condition("Ready", "True", within_s=15)
    assert (world.get("StatefulSet") or {})["metadata"]["generation"] == generation, "nothing was scaled or rolled out"
    assert [e["type"] for e in world.events() if e["reason"] == "ServiceAccountReplaced"] == ["Warning"]
    assert world.operator.metric("rest_client_requests_total", code="403") == 0


def test_a_slot_that_fences_itself_before_it_is_drained_is_replaced_all_the_same(world: World) -> None:
    """Its orders stay unconfirmed: the venue is away, and the Lease runs out meanwhile."""
    world.node.stubborn = True
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    runtime = world.node.pods["maker-0"]

    lose_account(world)
    eventually(lambda: any(isinstance(message, Drain) for message in runtime.told))
    world.condition("Ready", "False", "ServiceAccountReplaced")
    assert world.node.pods["maker-0"].uid == runtime.uid

    world.node.stubborn = False
    world.node.update("maker-0", state=TradingState.FENCED, reason="LeaseNotHeld", ready=False)

    eventually(lambda: replaced(world, "maker-0", runtime.uid))
    world.condition("Ready", "True", within_s=15)
