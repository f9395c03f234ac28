"""The round over the control Secrets: ours by name and no other one, whatever the API server says meanwhile."""

import asyncio

import pytest

from harness.api_client import Object
from harness.control_plane import ControlPlane
from harness.in_process import with_cluster
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.control_secrets import ControlSecrets
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.reconcile import Key
from tradingbot_operator.store import Store, slim

pytestmark = pytest.mark.controlplane
WITHIN_S = 0.5


def secret(name: str, bot: str = "") -> Object:
    labels = {"tradingbot.dev/bot": bot} if bot else {}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": labels},
            "stringData": {"token": "t"}}  # fmt: skip


def looks(cluster: Cluster) -> int:
    return sum(count for (_, verb, kind), count in cluster.requests.items() if (verb, kind) == ("GET", "Secret"))


def rounds(cluster: Cluster, *known: Object) -> tuple[ControlSecrets, Store, WorkQueue[Key]]:
    clock = asyncio.get_running_loop().time
    store, queue = Store(), WorkQueue[Key](clock, lambda: 0.5)
    for manifest in known:
        store.put("Secret", slim("Secret", manifest))
    return ControlSecrets(cluster, store, queue, clock, round_s=WITHIN_S), store, queue


def test_only_what_is_ours_is_asked_for_and_what_is_as_it_was_wakes_nobody(
    tradingbot_api: ControlPlane, namespace: str
) -> None:
    client = tradingbot_api.client
    ours = [client.apply(secret(f"{bot}-control", bot), namespace) for bot in ("a", "b", "c", "d", "e")]
    client.apply(secret("keys-of-a-person"), namespace)

    async def work(cluster: Cluster) -> float:
        secrets, _, queue = rounds(cluster, *ours)
        started = secrets.clock()
        await secrets.round()
        assert looks(cluster) == len(ours)
        assert sum(queue.machine.depth().values()) == 0
        return secrets.clock() - started

    assert with_cluster(tradingbot_api, work) >= WITHIN_S, "the looks are spread over the round"


def test_a_secret_that_is_gone_and_one_that_was_changed_have_their_bots_looked_at(
    tradingbot_api: ControlPlane, namespace: str
) -> None:
    client = tradingbot_api.client
    gone, changed = (client.apply(secret(f"{bot}-control", bot), namespace) for bot in ("gone", "changed"))
    client.delete("v1", "Secret", namespace, "gone-control")
    annotated = {"metadata": {"annotations": {"tradingbot.dev/renew-after": ""}}}
    client.merge("v1", "Secret", namespace, "changed-control", annotated)

    async def work(cluster: Cluster) -> None:
        secrets, store, queue = rounds(cluster, gone, changed)
        await secrets.round()

        assert store.get("Secret", (namespace, "gone-control")) is None
        woken = {await queue.take(), await queue.take()}
        assert woken == {(("TradingBot", namespace, bot), Priority.CHILD) for bot in ("gone", "changed")}

    with_cluster(tradingbot_api, work)


def test_no_answer_proves_nothing_and_the_rounds_go_on(tradingbot_api: ControlPlane, namespace: str) -> None:
    ours = tradingbot_api.client.apply(secret("a-control", "a"), namespace)

    async def work(cluster: Cluster) -> None:
        cluster.configuration.host = "https://127.0.0.1:1"
        secrets, store, queue = rounds(cluster, ours)
        await secrets.round()

        assert store.get("Secret", (namespace, "a-control"))
        assert sum(queue.machine.depth().values()) == 0

    with_cluster(tradingbot_api, work)
