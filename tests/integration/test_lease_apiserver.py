"""The Lease at a real API server, with the rights of a slot's pod and nothing more."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.control_plane import ControlPlane, control_plane, namespace
from harness.operator_process import eventually
from harness.slot_account import ACCOUNT, LEASES, SLOT, create_slot, lease_of_slot, mount_account
from tradingbot_runtime.config import LeaseReference
from tradingbot_runtime.config.labels import bot_labels
from tradingbot_runtime.lease import (
    KubernetesLeases,
    LeaseConflict,
    LeaseLost,
    LeaseUnavailable,
    ReleaseOutcome,
    SlotLease,
)

__all__ = ["control_plane", "namespace"]  # fixtures
pytestmark = pytest.mark.controlplane

SECOND = 1_000_000_000
SHORT = LeaseReference(name=SLOT, duration_ns=15 * SECOND, renew_ns=5 * SECOND)


@dataclass
class Pod:
    """What a pod has: the API server's address, and a service account that may touch its own Lease."""

    api: ControlPlane
    namespace: str
    account: Path

    @asynccontextmanager
    async def leases(self) -> AsyncIterator[KubernetesLeases]:
        environment = {
            "KUBERNETES_SERVICE_HOST": self.api.client.host,
            "KUBERNETES_SERVICE_PORT": str(self.api.client.port),
        }
        async with (
            asyncio.timeout(60),
            KubernetesLeases.from_environment(environment, self.namespace, self.account, bot_labels("maker")) as leases,
        ):
            yield leases

    def lease(self) -> dict[str, Any]:
        return lease_of_slot(self.api.client, self.namespace)


@pytest.fixture
def pod(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Pod:
    create_slot(control_plane.client, namespace)
    mount_account(control_plane, namespace, tmp_path)
    return Pod(control_plane, namespace, tmp_path)


def as_pod(test: Callable[[Pod, KubernetesLeases], Awaitable[None]]) -> Callable[[Pod], None]:
    def run(pod: Pod) -> None:
        async def body() -> None:
            async with pod.leases() as leases:
                await test(pod, leases)

        asyncio.run(body())

    return run


async def _take(leases: KubernetesLeases, uid: str) -> SlotLease:
    lease = SlotLease(leases, SHORT, uid, margin_ns=5 * SECOND)
    await lease.acquire(lambda _whom, _seconds: None)
    return lease


@as_pod
async def test_a_slot_takes_gives_back_and_the_next_pod_takes_at_once(pod: Pod, leases: KubernetesLeases) -> None:
    first = await _take(leases, "pod-a")
    assert pod.lease()["spec"]["holderIdentity"] == "pod-a"
    assert pod.lease()["spec"]["leaseDurationSeconds"] == 15
    assert pod.lease()["metadata"]["labels"] == {"bot": "maker", **bot_labels("maker")}
    assert await first.release() is ReleaseOutcome.RELEASED
    assert "holderIdentity" not in pod.lease()["spec"]
    second = await _take(leases, "pod-b")
    assert second.transitions == first.transitions + 1 == pod.lease()["spec"]["leaseTransitions"]


@as_pod
async def test_labels_that_somebody_has_taken_off_are_back_with_the_next_renewal(
    pod: Pod, leases: KubernetesLeases
) -> None:
    """`kubectl delete lease -l tradingbot.dev/bot=maker` stops it without the operator."""
    lease = await _take(leases, "pod-a")
    pod.api.client.merge(LEASES, "Lease", pod.namespace, SLOT, {"metadata": {"labels": None}})
    keeping = asyncio.create_task(lease.keep())
    wanted = bot_labels("maker").items()
    await asyncio.to_thread(eventually, lambda: wanted <= pod.lease()["metadata"].get("labels", {}).items(), 20)
    keeping.cancel()


@as_pod
async def test_a_write_from_an_old_read_is_refused_by_the_api_server(pod: Pod, leases: KubernetesLeases) -> None:
    old = await leases.read(SLOT, 5.0)
    assert old is not None
    await _take(leases, "pod-a")
    with pytest.raises(LeaseConflict):
        await leases.replace(SLOT, {**old.document, "spec": {"holderIdentity": "pod-b"}}, 5.0)
    assert pod.lease()["spec"]["holderIdentity"] == "pod-a"


@as_pod
async def test_an_update_that_changes_nothing_keeps_the_version(pod: Pod, leases: KubernetesLeases) -> None:
    """The fact that `claimed` and `SlotLease` guard against."""
    await _take(leases, "pod-a")
    record = await leases.read(SLOT, 5.0)
    assert record is not None
    assert (await leases.replace(SLOT, record.document, 5.0)).version == record.version
    assert pod.lease()["metadata"]["resourceVersion"] == record.version


@as_pod
async def test_another_pods_lease_may_not_be_read(pod: Pod, leases: KubernetesLeases) -> None:
    pod.api.client.apply({"apiVersion": LEASES, "kind": "Lease", "metadata": {"name": "maker-1"}}, pod.namespace)
    with pytest.raises(LeaseUnavailable, match="403 Forbidden"):
        await leases.read("maker-1", 5.0)


@as_pod
async def test_a_deleted_lease_ends_the_slot_and_a_new_one_of_the_same_name_does_not_revive_it(
    pod: Pod, leases: KubernetesLeases
) -> None:
    lease = await _take(leases, "pod-a")
    pod.api.client.delete(LEASES, "Lease", pod.namespace, SLOT)
    pod.api.client.apply({"apiVersion": LEASES, "kind": "Lease", "metadata": {"name": SLOT}}, pod.namespace)
    assert await lease.keep() is LeaseLost.DELETED
    assert "holderIdentity" not in (pod.lease().get("spec") or {})


@as_pod
async def test_a_token_says_which_account_it_is_of_and_is_void_once_that_was_made_anew(
    pod: Pod, leases: KubernetesLeases
) -> None:
    client = pod.api.client
    assert leases.account_uid == "", "it has not been used yet"
    await leases.read(SLOT, 5.0)
    first = client.get("v1", "ServiceAccount", pod.namespace, ACCOUNT)
    assert first
    assert leases.account_uid == first["metadata"]["uid"]

    client.delete("v1", "ServiceAccount", pod.namespace, ACCOUNT)
    second = client.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}, pod.namespace)

    async def refused() -> bool:
        try:
            await leases.read(SLOT, 5.0)
        except LeaseUnavailable as error:
            return "401" in str(error)
        return False

    while not await refused():  # noqa: ASYNC110 - the API server remembers a good token for ten seconds
        await asyncio.sleep(0.2)
    assert leases.account_uid == first["metadata"]["uid"] != second["metadata"]["uid"]
