"""A pod that is stopped gives its slot's Lease back, at whatever point of its start: the next pod need not wait.

A container that was killed leaves the Lease with its pod; the next one of this pod holds it from its first moment.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.control_plane import ControlPlane
from harness.pod_process import PodProcess, pod_process
from harness.slot_account import ACCOUNT, create_slot
from harness.slots import config
from tradingbot_operator.core.accounts import REFUSED
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import TradingState

pytestmark = pytest.mark.controlplane


@pytest.fixture
def pod(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[PodProcess]:
    """Its venue cannot be reached: it stays in its start. It has the Lease from a container that was killed."""
    create_slot(control_plane.client, namespace)
    with pod_process(control_plane, namespace, tmp_path, "pod-a", config(mode="Paper")) as made:
        made.start().until_it_holds_the_lease().kill()
        assert made.holder == "pod-a"
        yield made


def assert_given_back(pod: PodProcess) -> None:
    code = pod.terminate()

    assert pod.holder == "", pod.output()
    assert code == 0, pod.output()
    assert "Traceback" not in pod.output()


@pytest.mark.parametrize("until", [
    PodProcess.until_it_holds_sigterm_back,
    lambda pod: pod.until_logged("HttpListening"),
    lambda pod: pod.until_logged("LeaseAcquired"),
    lambda pod: pod.until_logged("BarrierStepFailed"),
], ids=["before it has read its configuration", "before it has asked for the Lease", "with the Lease",
        "while the venue does not answer"])  # fmt: skip
def test_a_pod_that_is_stopped_while_it_starts_gives_its_lease_back(
    pod: PodProcess, until: Callable[[PodProcess], PodProcess]
) -> None:
    until(pod.start())

    assert_given_back(pod)


def test_also_while_it_waits_for_a_journal_that_another_process_has(pod: PodProcess) -> None:
    with Journal(pod.journal):
        pod.start().until_logged("JournalAwaited")
        assert_given_back(pod)


def test_a_runtime_that_refuses_to_start_holds_nothing_for_its_successor(pod: PodProcess) -> None:
    """Kubelet waits for minutes before it starts the container again; whoever mends the bot replaces the pod."""
    with Journal(pod.journal) as journal:
        journal.put("bot", "default/another")
    assert pod.start().process
    assert pod.process
    assert pod.process.wait(30) == 2

    assert pod.holder == "", pod.output()


def test_the_lease_of_another_pod_is_left_alone(pod: PodProcess) -> None:
    pod.uid = "pod-b"
    pod.start().until_logged("HttpListening")
    code = pod.terminate()

    assert (code, pod.holder) == (0, "pod-a"), pod.output()


def test_a_pod_reports_whose_token_it_uses_and_asks_in_vain_once_that_account_was_made_anew(pod: PodProcess) -> None:
    """By the uid the operator knows that the token is void; the pod itself goes on waiting, whoever starts it again."""
    client = pod.plane.client
    first = client.get("v1", "ServiceAccount", pod.namespace, ACCOUNT)
    assert first
    pod.start().until_logged("LeaseAcquired")
    assert pod.report().account_uid == first["metadata"]["uid"]
    pod.kill()

    client.delete("v1", "ServiceAccount", pod.namespace, ACCOUNT)
    client.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}, pod.namespace)
    pod.until_its_token_is_void()
    pod.start().until_logged("ControlStreamListening")

    void = pod.report(until=lambda report: REFUSED in report.message)
    assert (void.state, void.account_uid) == (TradingState.STARTING, first["metadata"]["uid"])
