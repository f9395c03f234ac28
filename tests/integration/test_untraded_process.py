"""What a real process says of whether its slot has ever sent an order, while it lives and when it ends."""

from datetime import UTC, datetime

import pytest

from harness.pod_process import PodProcess
from harness.simulator import SimulatorProcess
from harness.slots import config
from harness.trading_pod import simulated
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.pod_trouble import ended_untraded, trouble
from tradingbot_runtime.model import TradingState
from tradingbot_runtime.model.control import Drain

pytestmark = pytest.mark.controlplane
LAST_BYTES = 2048  # of its log, that kubelet puts into the pod's status
DRAIN = Drain(term=1, reason="deleted")


def ended(pod: PodProcess) -> Manifest:
    """The status of its pod, as kubelet writes it, after the process has ended by itself."""
    assert pod.process
    code = pod.process.wait(30)
    end = {"exitCode": code, "reason": "Error", "message": pod.output()[-LAST_BYTES:]}
    return {"containerStatuses": [{"name": "runtime", "image": "runtime:1", "ready": False, "restartCount": 1,
                                   "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                                   "lastState": {"terminated": end}}]}  # fmt: skip


def test_a_slot_that_waits_for_a_venue_which_refuses_its_key_has_never_traded(pod: PodProcess) -> None:
    pod.environment = {"TRADINGBOT_SIM_API_KEY": "wrong", "TRADINGBOT_SIM_SECRET_KEY": "wrong"}
    pod.start().until_logged("BarrierStepFailed")

    before = pod.report()
    assert (before.state, before.never_traded, before.draining) == (TradingState.STARTING, True, False)
    after = pod.report(DRAIN, until=lambda report: report.draining)
    assert (after.state, after.never_traded) == (TradingState.STARTING, True)


def test_a_slot_that_may_trade_has_traded_for_good(pod: PodProcess, simulator: SimulatorProcess) -> None:
    pod.start().until_logged("BarrierPassed")
    assert not pod.report().never_traded
    pod.kill()

    simulator.admin.inject("http-5xx", "*", seconds=60)
    pod.start().until_logged("BarrierStepFailed")
    assert not pod.report(DRAIN, until=lambda report: report.draining).never_traded


def test_what_is_traded_on_paper_was_never_sent_to_a_venue(pod: PodProcess, simulator: SimulatorProcess) -> None:
    pod.config = config(venues=simulated(simulator), mode="Paper")
    pod.start().until_logged("BarrierPassed")
    traded = pod.report(until=lambda report: any(market.open_orders for market in report.markets))

    assert (traded.state, traded.never_traded) == (TradingState.ACTIVE, True)


def test_a_journal_that_was_lost_with_its_volume_is_betrayed_by_the_lease(
    pod: PodProcess, simulator: SimulatorProcess
) -> None:
    """The configuration was lost as well, or it would know of the epochs."""
    for life in range(2):
        pod.start().until_logged("BarrierPassed")
        pod.terminate()
        pod.uid = f"pod-{life}"
    for file in pod.folder.glob("journal.*"):
        if file.is_file():
            file.unlink()
    simulator.admin.inject("http-5xx", "*", seconds=60)

    pod.start().until_logged("BarrierStepFailed")

    assert pod.report().epoch == 1
    assert not pod.report(DRAIN, until=lambda report: report.draining).never_traded


def test_a_runtime_that_refuses_to_start_says_so_in_its_last_words(
    pod: PodProcess, simulator: SimulatorProcess
) -> None:
    pod.config = config(venues=simulated(simulator, "Testnet"))

    status = ended(pod.start())

    assert ended_untraded(status)
    found = trouble(status, datetime.now(UTC))
    assert found
    assert (found.reason, found.hopeless) == (Reason.START_REFUSED, True)
    assert found.message.endswith("environment is Testnet, but the venue says that it is the simulator 'tradingbot'")


def test_a_configuration_that_cannot_be_used_is_told_with_path_value_and_what_is_allowed(pod: PodProcess) -> None:
    """And proves nothing: the journal was not even opened. Its Lease does, if nobody ever took it."""
    pod.documents = {"desiredState": "Runing", "generation": -1}

    status = ended(pod.start())

    assert not ended_untraded(status)
    found = trouble(status, datetime.now(UTC))
    assert found
    assert (found.reason, found.hopeless) == (Reason.START_REFUSED, True)
    assert "slot-0.json: desiredState: 'Runing': must be 'Running', 'Paused' or 'Stopped'" in found.message
    assert "slot-0.json: generation: -1: must be" in found.message
    assert pod.holder == ""
