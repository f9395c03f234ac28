"""A configuration that comes while the start barrier runs knows this process' own epoch, which is no sign of a loss."""

import pytest

from harness.pod_process import PodProcess
from harness.simulator import SimulatorProcess
from harness.slots import config
from tradingbot_runtime.model import TradingState
from tradingbot_runtime.model.control import Configure

pytestmark = pytest.mark.controlplane


def test_the_epoch_of_this_process_in_a_hot_configuration_betrays_no_loss(
    pod: PodProcess, simulator: SimulatorProcess
) -> None:
    pod.start().until_logged("BarrierPassed")
    pod.kill()
    simulator.admin.inject("http-5xx", "*", seconds=60)
    pod.start().until_logged("BarrierStepFailed")
    epoch = pod.report().epoch
    wider = {"marketMaking": {"spreadBps": "20", "sizes": ["0.01"]}}
    seen = pod.mounted.model_copy(update={"strategy": config(strategy=wider).strategy, "generation": 1, "epoch": epoch})
    pod.report(Configure(term=1, document=seen.document()), until=lambda r: r.config_hash == seen.config_hash())

    simulator.admin.clear_faults()
    pod.until_logged("BarrierPassed")
    traded = pod.report(until=lambda report: any(market.open_orders for market in report.markets))

    assert (epoch, traded.state, traded.halts) == (2, TradingState.ACTIVE, ())
    assert "JournalBehind" not in pod.output(), "where trades cannot be told by their ids, it would be a halt"


def test_an_epoch_that_the_configuration_knew_before_the_start_halts(pod: PodProcess) -> None:
    pod.start().until_logged("BarrierPassed")
    pod.terminate()
    pod.config = pod.config.model_copy(update={"epoch": 7})

    pod.start().until_logged("BarrierPassed")
    report = pod.report(until=lambda report: bool(report.halts))

    assert [halt.reason for halt in report.halts] == ["JournalLost"]
    assert report.epoch == 8
