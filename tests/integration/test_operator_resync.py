"""What a watch lost is found by the next LIST. In this process, against a real API server."""

import asyncio
from datetime import UTC, datetime

import pytest

from harness.bot_model import bot
from harness.bot_world import API, VENUE, manifest
from harness.control_plane import ControlPlane
from harness.in_process import with_cluster
from tradingbot_operator.api_errors import Conflict, NotFound
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.outcome import Announcement
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.reconcile import Key
from tradingbot_operator.recorder import Recorder
from tradingbot_operator.resync import Resync
from tradingbot_operator.store import Store

pytestmark = pytest.mark.controlplane


def test_a_ghost_is_swept_and_its_bot_is_looked_at(tradingbot_api: ControlPlane, namespace: str) -> None:
    """After a 410 kopf never says what was deleted in between (measured): the store would keep it for ever."""
    tradingbot_api.client.apply(VENUE, namespace)
    tradingbot_api.client.apply(manifest(), namespace)
    ghost = {"metadata": {"namespace": namespace, "name": "maker-7", "uid": "gone", "resourceVersion": "1",
                          "labels": {"tradingbot.dev/bot": "maker"}}}  # fmt: skip

    async def work(cluster: Cluster) -> tuple[Store, WorkQueue[Key], Resync]:
        clock = asyncio.get_running_loop().time
        store, queue = Store(), WorkQueue[Key](clock, lambda: 0.5)
        resync = Resync(cluster, store, queue, clock)
        await resync.sweep()
        store.put("Pod", ghost)
        await resync.sweep()
        return store, queue, resync

    store, queue, resync = with_cluster(tradingbot_api, work, namespace)  # elsewhere other tests' objects go

    assert store.get("Pod", (namespace, "maker-7")) is None
    assert resync.counters["ghosts"] == 1
    assert queue.machine.depth()[Priority.CHILD] >= 1


def test_a_stale_resource_version_never_overwrites_a_finalizer(tradingbot_api: ControlPlane, namespace: str) -> None:
    tradingbot_api.client.apply(VENUE, namespace)
    old = tradingbot_api.client.apply(manifest(), namespace)
    tradingbot_api.client.merge(API, "TradingBot", namespace, "maker", {"metadata": {"finalizers": ["example.com/x"]}})

    async def work(cluster: Cluster) -> None:
        with pytest.raises(Conflict):
            await cluster.set_finalizers(old, ["tradingbot.dev/drain"])
        gone = old | {"metadata": old["metadata"] | {"name": "gone"}}
        with pytest.raises(NotFound):
            await cluster.set_finalizers(gone, [])

    with_cluster(tradingbot_api, work)
    tradingbot_api.client.merge(API, "TradingBot", namespace, "maker", {"metadata": {"finalizers": []}})


def test_an_object_with_another_uid_is_not_deleted(tradingbot_api: ControlPlane, namespace: str) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "maker", "namespace": namespace}}
    tradingbot_api.client.apply(account, namespace)

    async def work(cluster: Cluster) -> None:
        await cluster.delete("ServiceAccount", namespace, "maker", "another")

    with_cluster(tradingbot_api, work)

    assert tradingbot_api.client.get("v1", "ServiceAccount", namespace, "maker")


def test_the_same_event_is_counted_and_not_repeated(tradingbot_api: ControlPlane, namespace: str) -> None:
    announcement = Announcement(Reason.DRAIN_TIMED_OUT, "something is left", warning=True)

    async def work(cluster: Cluster) -> None:
        recorder = Recorder(cluster, "test", lambda: datetime.now(UTC))
        for _ in range(3):
            recorder.tell(bot(namespace=namespace), announcement)
        await recorder.post_waiting()

    with_cluster(tradingbot_api, work)

    events = tradingbot_api.client.list("v1", "Event", namespace)
    (event,) = [found for found in events if found["reason"] == "DrainTimedOut"]
    assert (event["count"], event["type"], event["involvedObject"]["name"]) == (3, "Warning", "maker")
