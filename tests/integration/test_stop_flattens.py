"""`onStop: Flatten` at a simulator: a stop by command closes the position, the end of a process never does."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from harness.live_risk import LIVE_RISK
from harness.runtime_process import STILL, RuntimeProcess, bought_at_venue, ours_at_venue, runtime
from harness.simulator import SimulatorProcess, trade

RISK = {**LIVE_RISK, "maxOrder": "0.003", "maxSlippageBps": "300"}


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(*STILL) as process:
        yield process


@pytest.fixture
def bot(simulator: SimulatorProcess, tmp_path: Path) -> Iterator[RuntimeProcess]:
    """It has bought 0.003 BTC, and goes on quoting."""
    with runtime(tmp_path, simulator, spec={"risk": RISK, "onStop": "Flatten"}) as made:
        made.start().until_quoting()
        simulator.admin.play([trade(1, "59900.00", "5", buyer_is_maker=True)])
        made.until(lambda s: s["markets"]["btc"]["position"] == "0.00300", "it has bought")
        yield made


def test_a_process_that_ends_withdraws_and_keeps_its_position(bot: RuntimeProcess) -> None:
    code, _ = bot.terminate()

    assert (code, ours_at_venue(bot)) == (0, set())
    assert f"{bought_at_venue(bot):.5f}" == "0.00300"


def test_a_bot_that_is_stopped_withdraws_closes_its_position_and_stays_flat(bot: RuntimeProcess) -> None:
    bot.kill()
    bot.spec = {**bot.spec, "desiredState": "Stopped"}
    bot.start()

    bot.until(lambda s: s["markets"].get("btc", {}).get("position") == "0.00000", "the position is closed", 30)
    bot.until(lambda s: not s["markets"]["btc"]["orders"], "and nothing is left in the market")

    assert bot.state()["state"] == "Stopped"
    assert (len(ours_at_venue(bot)), bought_at_venue(bot)) == (0, Decimal(0))
