"""The objects that protect a bot's pods, at a real API server: made, owned, put right, and gone with the bot."""

import pytest

from harness.bot_world import VENUE, World, manifest
from harness.operator_process import eventually

pytestmark = pytest.mark.controlplane
LABELS = {"app.kubernetes.io/managed-by": "tradingbot-operator", "tradingbot.dev/bot": "maker"}


@pytest.fixture
def trading(world: World) -> World:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True", "Trading")
    return world


def test_an_eviction_takes_one_slot_at_a_time_and_waits_for_no_pod_that_is_ill(trading: World) -> None:
    spec = trading.spec("PodDisruptionBudget")

    assert (spec["maxUnavailable"], spec["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
    assert spec["selector"]["matchLabels"] == LABELS


def test_the_control_stream_is_the_operators_and_metrics_are_the_clusters(trading: World) -> None:
    spec = trading.spec("NetworkPolicy")
    control, metrics = spec["ingress"]

    assert (spec["podSelector"]["matchLabels"], spec["policyTypes"]) == (LABELS, ["Ingress"])
    (operator,) = control["from"]
    assert operator["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "tradingbot-operator"}
    assert operator["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "tradingbot-system"}
    assert metrics["from"] == [{"namespaceSelector": {}}]
    (stateful_set,) = [trading.spec("StatefulSet")["template"]["spec"]["containers"][0]["ports"]]
    ports = {port["name"]: port["containerPort"] for port in stateful_set}
    assert [rule["ports"][0]["port"] for rule in spec["ingress"]] == [ports["control"], ports["http"]]


@pytest.mark.parametrize(("kind", "edit"), [
    ("PodDisruptionBudget", {"spec": {"maxUnavailable": 2}}), ("NetworkPolicy", {"spec": {"ingress": []}}),
])  # fmt: skip
def test_an_edit_by_hand_is_put_right(trading: World, kind: str, edit: dict[str, object]) -> None:
    before = trading.get(kind)
    assert before
    trading.client.merge(before["apiVersion"], kind, trading.namespace, "maker", edit)

    eventually(lambda: trading.spec(kind) == before["spec"], 15, f"the {kind} is as it was")
