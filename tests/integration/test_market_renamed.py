"""A market that is renamed begins at zero, and what it held under its former name is told."""

from pathlib import Path

from harness.runtime_process import STILL, VENUE, runtime
from harness.simulator import SimulatorProcess, trade


def test_the_position_under_the_former_name_is_told_and_none_is_where_there_is_none(tmp_path: Path) -> None:
    symbol = {"venue": VENUE, "symbol": "BTCUSDT"}
    with SimulatorProcess(*STILL) as simulator, runtime(tmp_path, simulator) as bot:
        bot.start().until_quoting()
        simulator.admin.play([trade(1, "59900.00", "5", buyer_is_maker=True)])
        bot.until(lambda s: s["markets"]["btc"]["position"] == "0.00300", "it has bought")
        assert bot.terminate()[0] == 0
        bot.start().until_quoting()
        assert bot.terminate()[0] == 0
        assert bot.logged("PositionLeftBehind") == [], "it is its own"

        bot.spec = {"markets": [{"name": "renamed", "reference": symbol, "execution": symbol}]}
        bot.start().until(lambda s: s["state"] == "Active", "it trades")

        (told,) = bot.until_logged("PositionLeftBehind")
        assert (told["former"], told["market"], told["position"]) == ("btc", "renamed", "0.00300 BTC")
        assert bot.state()["markets"]["renamed"]["position"] == "0.00000"
