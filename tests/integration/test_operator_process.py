"""The operator's own life and death: restarts, the leader's Lease, signals, probes."""

from functools import partial
from pathlib import Path

import pytest

from harness.bot_world import KEYED, KEYS, LIVE, VENUE, World, lists, manifest
from harness.control_plane import ControlPlane
from harness.operator_process import FAST, NAMESPACE, OperatorProcess, eventually, install, kubeconfig_of_account
from tradingbot_runtime.model.control import Drain, Hello

pytestmark = pytest.mark.controlplane

LEASE = ("coordination.k8s.io/v1", "Lease", NAMESPACE, "tradingbot-operator")


def test_a_killed_operator_converges_without_a_write(world: World) -> None:
    world.apply(VENUE, manifest())
    world.converged()
    eventually(lambda: (world.get("TradingBot") or {})["status"]["configHash"]["applied"])
    before = world.get("TradingBot")
    world.operator.kill()

    world.operator.start()
    world.operator.wait_until_leading()
    hellos = [message for message in world.node.pods["maker-0"].told if isinstance(message, Hello)]
    eventually(lambda: world.operator.metric("tradingbot_operator_control_streams") == 1)
    sweeps = lists(world)
    eventually(lambda: lists(world) >= sweeps + 2)

    assert sum(world.operator.writes().values()) == 0
    assert world.get("TradingBot") == before
    assert hellos[-1].term >= hellos[0].term


def test_a_deletion_while_no_operator_runs_is_finished_by_the_next_one(world: World) -> None:
    world.apply(KEYS, KEYED, manifest(**LIVE))
    world.condition("Ready", "True")
    runtime = world.node.pods["maker-0"]
    world.operator.kill()
    world.delete()

    world.operator.start()
    world.operator.wait_until_leading()

    world.gone(within_s=10)
    assert any(isinstance(message, Drain) for message in runtime.told)


def test_a_pod_that_has_heard_a_later_leader_does_not_obey(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    runtime = world.node.pods["maker-0"]
    runtime.term = 2**31
    heard = len(runtime.told)

    world.apply(manifest(strategy={"marketMaking": {"spreadBps": "12", "sizes": ["0.001"]}}))

    name = "tradingbot_operator_control_stream_events_total"
    eventually(lambda: world.operator.metric(name, event="refused_StaleTerm") > 0)
    world.condition("Ready", "False")
    assert len(runtime.told) == heard
    runtime.term = 0
    world.condition("Ready", "True")


def test_an_operator_that_lost_the_lease_ends_at_once(world: World) -> None:
    world.client.merge(*LEASE, {"spec": {"holderIdentity": "somebody-else", "leaseTransitions": 2_000_000_000}})

    eventually(lambda: not world.operator.running, 5)

    assert world.operator.process
    assert world.operator.process.returncode == 1
    assert "another operator holds the Lease" in world.operator.log.read_text()
    world.client.delete(*LEASE)


def test_a_second_operator_waits_and_takes_over_with_a_higher_term(
    world: World, tradingbot_api: ControlPlane, tmp_path: Path
) -> None:
    install(tradingbot_api)
    first = world.client.get(*LEASE)
    standby = OperatorProcess(kubeconfig_of_account(tradingbot_api, tmp_path), tmp_path / "standby.log",
                              {"CONTROL_PORT": str(world.node.port)})  # fmt: skip
    standby.start()
    try:
        eventually(lambda: standby.get("/readyz")[0] == 200, 20)
        assert standby.metric("leader_election_master_status") == 0
        assert standby.get("/healthz")[0] == 200

        assert world.operator.stop() == 0

        standby.wait_until_leading()
        second = world.client.get(*LEASE)
        assert first
        assert second
        assert second["spec"]["leaseTransitions"] > first["spec"]["leaseTransitions"]
    finally:
        assert standby.stop() == 0


def test_a_standby_is_ready_when_it_has_seen_the_leader_renew_and_not_before(
    tradingbot_api: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    """Who holds the Lease may be dead: then nobody leads, until it has run out."""
    install(tradingbot_api)
    held = {"holderIdentity": "another", "leaseDurationSeconds": 600, "leaseTransitions": 5}
    lease = {"apiVersion": LEASE[0], "kind": "Lease", "metadata": {"name": LEASE[3]}, "spec": held}
    tradingbot_api.client.apply(lease, namespace)
    standby = OperatorProcess(kubeconfig_of_account(tradingbot_api, tmp_path), tmp_path / "standby.log",
                              namespace=namespace)  # fmt: skip
    standby.start()
    try:
        reads = partial(standby.metric, "rest_client_requests_total", kind="Lease", method="GET")
        eventually(lambda: reads() >= 3, 20, "it has looked at the Lease more than once")
        assert standby.get("/readyz") == (503, "neither leads nor sees a leader that lives")
        assert standby.get("/healthz")[0] == 200

        renewed = {"spec": {"renewTime": "2026-01-02T00:00:00.000000Z"}}
        tradingbot_api.client.merge(LEASE[0], "Lease", namespace, LEASE[3], renewed)
        eventually(lambda: standby.get("/readyz") == (200, "ok"))

        gone = {"spec": {"holderIdentity": "", "leaseDurationSeconds": 1}}
        tradingbot_api.client.merge(LEASE[0], "Lease", namespace, LEASE[3], gone)
        standby.wait_until_leading()
    finally:
        assert standby.stop() == 0


def test_the_operator_needs_no_right_that_its_manifests_do_not_give(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    world.delete()
    world.gone()

    assert world.operator.metric("rest_client_requests_total", code="403") == 0
    assert world.operator.forbidden() == []  # of kopf's own requests, too


def test_a_wrong_setting_ends_with_one_line_that_names_it(tmp_path: Path) -> None:
    operator = OperatorProcess(tmp_path / "none", tmp_path / "operator.log", FAST | {"WORKERS": "many"})

    operator.start()

    assert operator.process
    assert operator.process.wait(20) == 2
    assert operator.log.read_text() == "WORKERS='many': must be a whole number from 1 to 64\n"
