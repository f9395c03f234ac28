"""Liveness says no when news is not reconciled any more, and only then: not when the API server is away."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.api_proxy import ApiProxy
from harness.bot_world import KEYED, VENUE
from harness.control_plane import REPOSITORY, ControlPlane
from harness.operator_process import OperatorProcess, eventually, install, kubeconfig_of_account

pytestmark = pytest.mark.controlplane
# A leader that outlives an API server that is away for some seconds; nothing may move for two.
PATIENT = {"LEASE_DURATION_S": "60", "LEASE_RENEW_DEADLINE_S": "50", "LEASE_RETRY_S": "0.3", "STUCK_AFTER_S": "2",
           "RESYNC_S": "1", "WORKERS": "2", "PYTHONPATH": str(REPOSITORY / "tests/harness/faults")}  # fmt: skip
CANARY = "tradingbot_operator_canary_reconcile_age_seconds"


@pytest.fixture
def proxy(tradingbot_api: ControlPlane, tmp_path: Path) -> ApiProxy:
    install(tradingbot_api)
    folder = tmp_path / "proxy"
    folder.mkdir()
    return ApiProxy(kubeconfig_of_account(tradingbot_api, tmp_path), folder)


@pytest.fixture
def many_venues(operator: OperatorProcess, tradingbot_api: ControlPlane, namespace: str) -> None:
    """Their Secret is not there, and is asked for again and again: by more keys than there are workers."""
    for number in range(int(PATIENT["WORKERS"]) + 3):
        tradingbot_api.client.apply(KEYED | {"metadata": {"name": f"venue-{number}"}}, namespace)
    eventually(lambda: operator.metric("rest_client_requests_total", code="404", kind="Secret") > 5, 20)


@pytest.fixture
def operator(proxy: ApiProxy, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    """Leads by a Lease in the test's own namespace, is ready, and its canary has been round once."""
    with proxy.through() as kubeconfig:
        started = OperatorProcess(kubeconfig, tmp_path / "operator.log", PATIENT, namespace)
        started.start()
        started.wait_until_leading()
        try:
            eventually(lambda: CANARY in started.get("/metrics")[1].replace(f"# HELP {CANARY}", "").replace(
                f"# TYPE {CANARY}", ""), 20, "the canary came back")  # fmt: skip
            assert started.get("/healthz") == (200, "ok")
            yield started
        finally:
            started.kill()


def says_no(operator: OperatorProcess, why: str, within_s: float = 20) -> None:
    eventually(lambda: operator.get("/healthz")[0] == 503, within_s, lambda: str(operator.get("/healthz")))
    status, told = operator.get("/healthz")
    assert status == 503
    assert why in told
    assert operator.running


def test_a_watch_that_does_not_tell_of_what_a_sweep_has_found_is_dead(
    proxy: ApiProxy, operator: OperatorProcess, tradingbot_api: ControlPlane, namespace: str
) -> None:
    eventually(lambda: any(asked.watch and asked.path.endswith("/venues") for asked in proxy.asked), 20, "it watches")
    proxy.silent = frozenset({"venues"})
    tradingbot_api.client.apply(VENUE, namespace)

    says_no(operator, "the watch of Venue does not tell of what a sweep has found")


def test_watches_that_fall_silent_where_nothing_happens_are_found_by_the_canary(
    proxy: ApiProxy, operator: OperatorProcess
) -> None:
    proxy.silent = frozenset({"leases"})

    says_no(operator, "the canary has not come back")


def test_workers_that_all_hang_are_found_where_nothing_else_happens(
    operator: OperatorProcess, tradingbot_api: ControlPlane, namespace: str
) -> None:
    assert operator.process
    operator.process.send_signal(signal.SIGRTMIN)
    for name in ("one", "two"):
        tradingbot_api.client.apply(VENUE | {"metadata": {"name": name}}, namespace)

    says_no(operator, "keys wait, and no worker has taken one")


def test_one_worker_that_hangs_is_found_while_the_others_work(
    operator: OperatorProcess, tradingbot_api: ControlPlane, namespace: str
) -> None:
    assert operator.process
    operator.process.send_signal(signal.SIGRTMIN + 1)
    tradingbot_api.client.apply(VENUE, namespace)

    says_no(operator, "a reconciliation takes")


def test_an_event_loop_that_is_blocked_does_not_answer_the_probe(operator: OperatorProcess) -> None:
    assert operator.process
    operator.process.send_signal(signal.SIGRTMIN + 2)

    eventually(lambda: operator.get("/healthz", within_s=1)[0] == 0, 5, "the probe times out")
    assert [operator.get("/healthz", within_s=1)[0] for _ in range(3)] == [0, 0, 0], "as often as kubelet asks"
    assert operator.running


@pytest.mark.usefixtures("many_venues")
@pytest.mark.parametrize("how", [ApiProxy.drop_all, ApiProxy.answer_nothing])
def test_an_api_server_that_is_away_is_no_reason_for_a_restart(
    how: Callable[[ApiProxy], None], proxy: ApiProxy, operator: OperatorProcess
) -> None:
    """For longer than any of the bounds, and with work to do; when it is back, so is the operator."""
    assert operator.process
    process, waiting = operator.process.pid, 0.0
    how(proxy)
    seen: list[tuple[int, str]] = []

    def long_away() -> bool:
        nonlocal waiting
        seen.append(operator.get("/healthz"))
        waiting = max(waiting, operator.metric("workqueue_depth"))
        # A request that is refused at once holds no worker. One without an answer does, when the Secrets are due again.
        has_work = waiting > 0 or how is ApiProxy.drop_all
        return has_work and operator.metric("tradingbot_operator_sweep_last_success_age_seconds") > 25

    eventually(long_away, 90, "away for 25 s, and keys wait")
    assert set(seen) == {(200, "ok")}

    proxy.come_back()
    eventually(lambda: operator.metric("tradingbot_operator_sweep_last_success_age_seconds") < 3, 40, "it is read")
    eventually(lambda: operator.metric(CANARY) < 2, 40, "the canary's watch is back")
    # The others try again within `EndlessBackoff`'s longest pause: shorter than the usual bounds, not than the test's.
    eventually(lambda: operator.get("/healthz") == (200, "ok"), 40, "and so are the others")
    assert operator.process.pid == process
    assert operator.running
