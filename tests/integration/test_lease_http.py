"""The Lease over real TLS and HTTP: the API server's answers, silence and lies, the token that rotates."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvloop

from harness.lease_server import NAMESPACE, Fault, LeaseServer
from harness.self_signed import Authority
from harness.waiting import met
from tradingbot_runtime.config import LeaseReference
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.lease import (
    KubernetesLeases,
    LeaseConflict,
    LeaseGone,
    LeaseLost,
    LeaseRecord,
    LeaseUnavailable,
    ReleaseOutcome,
    SlotLease,
)

SECOND = 1_000_000_000
LEASE_URL = r"no answer to GET https://127\.0\.0\.1:\d+/apis/coordination\.k8s\.io/v1/namespaces/trading/leases/bot-0: "
TIMEOUT_S = 5.0
SHORT = LeaseReference(name="bot-0", duration_ns=15 * SECOND, renew_ns=5 * SECOND)


@dataclass
class Cluster:
    server: LeaseServer
    leases: KubernetesLeases
    account: Path

    def rotate_token(self) -> None:
        (self.account / "token").write_text(secrets.token_urlsafe())


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    authority = Authority("cluster")
    authority.write_server(folder)
    (folder / "ca.crt").write_text(authority.pem)
    (folder / "token").write_text(secrets.token_urlsafe())
    server = LeaseServer(folder, folder / "token")
    server.create("bot-0")
    url = await server.start()
    try:
        async with asyncio.timeout(60), KubernetesLeases(url, NAMESPACE, folder) as leases:
            yield Cluster(server, leases, folder)
    finally:
        await server.stop()


def over_http(test: Callable[[Cluster], Awaitable[None]]) -> Callable[[Path], None]:
    def run(tmp_path: Path) -> None:
        async def body() -> None:
            async with cluster(tmp_path) as made:
                await test(made)

        uvloop.run(body())

    return run


def found(record: LeaseRecord | None) -> LeaseRecord:
    assert record is not None
    return record


@over_http
async def test_a_write_from_an_old_read_conflicts_and_changes_nothing(made: Cluster) -> None:
    old = found(await made.leases.read("bot-0", TIMEOUT_S))
    await made.leases.replace("bot-0", {**old.document, "spec": {"holderIdentity": "b"}}, TIMEOUT_S)
    with pytest.raises(LeaseConflict, match="409 Conflict"):
        await made.leases.replace("bot-0", {**old.document, "spec": {"holderIdentity": "a"}}, TIMEOUT_S)
    assert made.server.holder("bot-0") == "b"


@over_http
async def test_a_missing_lease_is_none_to_a_reader_and_gone_to_a_writer(made: Cluster) -> None:
    record = found(await made.leases.read("bot-0", TIMEOUT_S))
    made.server.leases.clear()
    assert await made.leases.read("bot-0", TIMEOUT_S) is None
    with pytest.raises(LeaseGone):
        await made.leases.replace("bot-0", record.document, TIMEOUT_S)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("500", "500 InternalError"),
        ("403", "403 Forbidden"),
        ("hang", LEASE_URL + "timed out after 0.2 s"),
        ("garbage", "not a Lease"),
        ("drop", LEASE_URL + "(the connection was closed without an answer|the other side cut the connection)"),
        ("404 of a proxy", "404"),
    ],
)
def test_an_answer_that_proves_nothing_is_unavailable_and_says_why(tmp_path: Path, fault: Fault, said: str) -> None:
    async def body() -> None:
        async with cluster(tmp_path) as made:
            made.server.faults.extend([fault] * (2 if fault == "drop" else 1))  # the client repeats a GET once
            with pytest.raises(LeaseUnavailable, match=said):
                await made.leases.read("bot-0", 0.2 if fault == "hang" else TIMEOUT_S)
            assert await made.leases.read("bot-0", TIMEOUT_S) is not None

    uvloop.run(body())


@over_http
async def test_a_rotated_token_is_used_from_the_next_request_on(made: Cluster) -> None:
    await made.leases.read("bot-0", TIMEOUT_S)
    made.rotate_token()
    assert await made.leases.read("bot-0", TIMEOUT_S) is not None


@over_http
async def test_a_server_of_another_authority_never_sees_the_token(made: Cluster) -> None:
    (made.account / "ca.crt").write_text(Authority("somebody else").pem)
    with pytest.raises(LeaseUnavailable, match=LEASE_URL + "its certificate is not accepted: "):
        await made.leases.read("bot-0", TIMEOUT_S)
    assert made.server.requests == []


@over_http
async def test_a_rotated_authority_counts_from_the_next_request_on(made: Cluster) -> None:
    await made.leases.read("bot-0", TIMEOUT_S)
    (made.account / "ca.crt").write_text(Authority("the next one").pem)
    with pytest.raises(LeaseUnavailable, match=LEASE_URL + "its certificate is not accepted: "):
        await made.leases.read("bot-0", TIMEOUT_S)


@pytest.mark.parametrize("name", ["token", "ca.crt"])
def test_a_missing_or_empty_account_file_is_unavailable_not_a_crash(tmp_path: Path, name: str) -> None:
    async def body() -> None:
        async with cluster(tmp_path) as made:
            (made.account / name).write_text("")
            with pytest.raises(LeaseUnavailable, match="is empty" if name == "ca.crt" else "401"):
                await made.leases.read("bot-0", TIMEOUT_S)
            (made.account / name).unlink()
            with pytest.raises(LeaseUnavailable, match=name):
                await made.leases.read("bot-0", TIMEOUT_S)

    uvloop.run(body())


@over_http
async def test_an_api_server_that_is_away_is_named_with_its_address(made: Cluster) -> None:
    await made.server.stop()
    with pytest.raises(LeaseUnavailable, match=LEASE_URL + "connection refused"):
        await made.leases.read("bot-0", TIMEOUT_S)


def test_outside_of_a_cluster_the_lease_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="KUBERNETES_SERVICE_HOST is not set"):
        KubernetesLeases.from_environment({}, NAMESPACE)


@over_http
async def test_a_slot_takes_renews_through_faults_and_releases(made: Cluster) -> None:
    lease = SlotLease(made.leases, SHORT, "pod-a", margin_ns=5 * SECOND)
    waited: list[str] = []
    made.server.faults.extend(["500", "drop", "500 after"])
    await lease.acquire(lambda whom, _seconds: waited.append(whom))
    assert (made.server.holder("bot-0"), lease.transitions) == ("pod-a", 1)
    assert len(waited) >= 2  # the client itself repeats a request whose kept connection was dropped
    assert all(whom.startswith("API server: ") for whom in waited)
    assert made.server.leases["bot-0"]["metadata"]["labels"] == {"bot": "x"}

    first_ns = lease.fenced_at_ns
    made.server.faults.extend(["500 after", "drop"])
    keeping = asyncio.create_task(lease.keep())
    await met(lambda: lease.fenced_at_ns > first_ns)
    keeping.cancel()
    assert made.server.holder("bot-0") == "pod-a"
    assert await lease.release() is ReleaseOutcome.RELEASED
    assert made.server.holder("bot-0") is None


@over_http
async def test_a_deleted_lease_is_noticed_at_the_next_renewal(made: Cluster) -> None:
    lease = SlotLease(made.leases, SHORT, "pod-a", margin_ns=5 * SECOND)
    await lease.acquire(lambda _whom, _seconds: None)
    made.server.leases.clear()
    assert await lease.keep() is LeaseLost.DELETED
    assert made.server.leases == {}
