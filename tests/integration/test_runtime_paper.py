"""Mode Paper, end to end: real market data, orders that never leave the process."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from harness.runtime_process import STILL, RuntimeProcess, making, rows, runtime
from harness.simulator import Json, SimulatorProcess, trade, until

LATER = 10**12  # ids of trades after all that the market makes up itself
LIVELY = ("--volatility", "6", "--seed", "5", "--steps-per-second", "40")
TIGHT = making(spreadBps="0.2", minSpreadBps="0.1", stepBps="0.2", hysteresis={"ticks": 20, "quantityShare": "0.2"})


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(*LIVELY) as process:
        yield process


@pytest.fixture
def bot(simulator: SimulatorProcess, tmp_path: Path) -> Iterator[RuntimeProcess]:
    """Without keys: Paper needs none."""
    keys = {"TRADINGBOT_SIMULATOR_API_KEY": "", "TRADINGBOT_SIMULATOR_SECRET_KEY": ""}
    spec = {"mode": "Paper", "strategy": {"marketMaking": TIGHT}}
    with runtime(tmp_path, simulator, spec=spec, environment=keys) as process:
        yield process


def test_paper_quotes_fills_and_moves_its_position_and_the_venue_hears_nothing_of_it(bot: RuntimeProcess) -> None:
    bot.start()
    bot.until(lambda s: s["markets"] and s["markets"]["btc"]["quotes"], "it quotes", 15)
    state = bot.until(lambda s: Decimal(s["markets"]["btc"]["traded"]) > 0, "an order fills", 30)

    assert state["state"] == "Active"
    assert bot.simulator.admin.all_orders() == []
    assert bot.terminate()[0] == 0
    assert rows(bot.journal, "SELECT count(*) FROM orders WHERE closed = 0") == [(0,)]


def test_a_paper_position_survives_a_kill_and_never_becomes_a_real_one(bot: RuntimeProcess) -> None:
    bot.start()
    bot.until(lambda s: s["markets"] and Decimal(s["markets"]["btc"]["traded"]) > 0, "an order fills", 30)
    bot.kill()
    filled = _filled(bot)
    assert filled > 0

    bot.start()
    bot.until(lambda s: s["state"] == "Active" and Decimal(s["markets"]["btc"]["traded"]) >= filled, "it goes on", 15)
    assert bot.terminate()[0] == 0

    bot.environment = {}
    bot.spec = {"desiredState": "Paused"}  # mode Live, and nothing to reduce
    bot.start()
    market = bot.until(lambda s: s["state"] == "Reducing", "it trades for real", 15)["markets"]["btc"]
    assert Decimal(market["position"]) == 0
    assert market["orders"] == []


def test_a_paper_order_fills_by_what_is_traded_at_its_price_and_by_no_more(tmp_path: Path) -> None:
    with SimulatorProcess(*STILL) as simulator, runtime(tmp_path, simulator, spec={"mode": "Paper"}) as bot:
        bot.start()
        market = bot.until(_all_rest, "its orders have arrived", 15)["markets"]["btc"]
        best = max(Decimal(order["price"]) for order in market["orders"] if order["side"] == "buy")
        until(lambda: simulator.admin.state()["counters"]["streamConnections"] == 2, "book and trades are read")

        simulator.admin.play([trade(LATER + 1, str(best), "0.0004", buyer_is_maker=True)])
        bot.until(lambda s: Decimal(s["markets"]["btc"]["position"]) == Decimal("0.0004"), "a part of it fills")
        simulator.admin.play([trade(LATER + 2, str(best), "0.0002", buyer_is_maker=False)])
        simulator.admin.play([trade(LATER + 3, str(best), "0.0001", buyer_is_maker=True)])
        bot.until(
            lambda s: Decimal(s["markets"]["btc"]["position"]) == Decimal("0.0005"), "a buyer's trade fills no bid"
        )


def _all_rest(state: Json) -> bool:
    orders = state["markets"]["btc"]["orders"] if state["markets"] else []
    return len(orders) == 4 and all(order["state"] == "Open" for order in orders)


def _filled(bot: RuntimeProcess) -> Decimal:
    return Decimal(rows(bot.journal, "SELECT coalesce(sum(quantity), 0) FROM fills")[0][0]) / 100_000
