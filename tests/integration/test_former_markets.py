"""A start with other markets than the process before it had: what a crash has left there is not forgotten."""

from pathlib import Path

import pytest

from harness.runtime_process import MARKET, STILL, VENUE, RuntimeProcess, making, rows, runtime
from harness.simulator import Json, SimulatorProcess, trade, until

TWO = (*STILL, "--symbol", "BTCUSDT", "--symbol", "ETHUSDT")


def market(name: str, symbol: str) -> Json:
    place = {"venue": VENUE, "symbol": symbol}
    return {"name": name, "reference": place, "execution": place}


def crashed(bot: RuntimeProcess, *markets: Json) -> None:
    """Killed with four orders open in each market."""
    bot.spec = {"markets": list(markets), "strategy": {"marketMaking": making(sizes=["0.01", "0.02"])}}
    bot.start()
    bot.until(lambda s: quoting(s) == {m["name"]: ["Open"] * 4 for m in markets}, "every market is quoted")
    bot.kill()


def quoting(state: Json) -> dict[str, list[str]]:
    return {name: [order["state"] for order in found["orders"]] for name, found in state["markets"].items()}


def symbols(simulator: SimulatorProcess) -> set[str]:
    return {order["symbol"] for order in simulator.admin.open_orders()}


@pytest.mark.parametrize("after", [market("eth", "ETHUSDT"), market(MARKET, "ETHUSDT")], ids=["removed", "replaced"])
def test_orders_in_a_market_that_is_gone_are_withdrawn_before_anything_is_quoted(tmp_path: Path, after: Json) -> None:
    with SimulatorProcess(*TWO) as simulator, runtime(tmp_path, simulator) as bot:
        crashed(bot, market(MARKET, "BTCUSDT"))
        simulator.admin.play([trade(1, "59000.00", "0.01", buyer_is_maker=True)])  # one is filled meanwhile
        assert symbols(simulator) == {"BTCUSDT"}

        bot.spec = {**bot.spec, "markets": [after]}
        bot.launch()
        (told,) = bot.until_logged("FormerOrders")
        assert told["orders"] == {MARKET: 4}
        bot.until_logged("Ended")

        assert symbols(simulator) <= {"ETHUSDT"}
        assert rows(bot.journal, "SELECT count(*) FROM orders WHERE market = 'btc' AND closed = 0") == [(0,)]
        assert rows(bot.journal, "SELECT sum(quantity) FROM fills WHERE market = 'btc'") == [(1_000,)], (
            "and what was filled is known"
        )
        if after["name"] != MARKET:
            until(lambda: symbols(simulator) == {"ETHUSDT"}, "then the new one begins")


def test_a_venue_that_is_away_holds_the_new_configuration_up(tmp_path: Path) -> None:
    with SimulatorProcess(*TWO) as simulator, runtime(tmp_path, simulator) as bot:
        crashed(bot, market(MARKET, "BTCUSDT"))
        simulator.admin.inject("http-5xx", "*penOrders*", count=1_000_000)

        bot.spec = {**bot.spec, "markets": [market("eth", "ETHUSDT")]}
        bot.start().until(lambda s: "open orders" in s["message"], "it waits for the venue")
        assert symbols(simulator) == {"BTCUSDT"}

        simulator.admin.clear_faults()
        bot.until_logged("BarrierPassed")
        assert symbols(simulator) <= {"ETHUSDT"}


def test_another_instrument_under_the_same_name_is_refused(tmp_path: Path) -> None:
    with SimulatorProcess(*TWO) as simulator, runtime(tmp_path, simulator) as bot:
        bot.start().until_quoting()
        simulator.admin.play([trade(1, "59900.00", "5", buyer_is_maker=True)])
        bot.until(lambda s: s["markets"][MARKET]["position"] == "0.00300", "it has bought")
        assert bot.terminate()[0] == 0

        bot.spec = {"markets": [market(MARKET, "ETHUSDT")]}
        bot.launch()
        assert bot.wait() == 2
        assert "market btc is ETHUSDT at venue simulator, and this journal" in bot.errors()[-1]
        assert rows(bot.journal, "SELECT json_extract(CAST(instrument AS TEXT), '$.symbol') FROM markets") == [
            ("BTCUSDT",)
        ]

        bot.spec = {}
        bot.start().until_quoting()
        assert bot.market()["position"] == "0.00300"
