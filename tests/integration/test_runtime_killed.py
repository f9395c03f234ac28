"""SIGKILL while quoting: after the restart nothing is doubled, nothing is forgotten, nothing is counted twice."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from harness.runtime_process import (
    MARKET,
    RuntimeProcess,
    bought_at_venue,
    making,
    manifest,
    ours_at_venue,
    rows,
    runtime,
)
from harness.simulator import Json, SimulatorProcess, until

KILLS = 10
SEED = 20_240_808
QUOTING_WITHIN_S = 15.0
# Fast enough that orders are placed, cancelled and filled all the time.
RESTLESS = (
    "--volatility",
    "15",
    "--steps-per-second",
    "60",
    "--seed",
    "3",
    "--orders-per-10s",
    "100000",
    "--weight-per-minute",
    "1000000",
)
LAYERS = 2


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(*RESTLESS) as process:
        yield process


@pytest.fixture
def bot(simulator: SimulatorProcess, tmp_path: Path) -> Iterator[RuntimeProcess]:
    tight = making(spreadBps="1", minSpreadBps="0.5", layers=LAYERS, stepBps="1",
                   hysteresis={"ticks": 50, "quantityShare": "0.1"})  # fmt: skip
    with runtime(tmp_path, simulator, documents=manifest(simulator, strategy={"marketMaking": tight})) as process:
        yield process


def test_ten_kills_at_random_instants_leave_no_duplicate_and_no_orphan(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    instants = random.Random(SEED)  # noqa: S311 - a seeded list of instants, nothing secret
    back_after_s = []
    bot.start()
    for kill in range(1, KILLS + 1):
        _until_both_sides_rest(simulator, bot)
        busy = simulator.admin.state()["ordersPlaced"] + instants.randint(1, 30)
        until(lambda busy=busy: simulator.admin.state()["ordersPlaced"] >= busy, "orders go on")  # type: ignore[misc]
        bot.kill()
        started = time.monotonic()
        bot.start()
        assert bot.state()["epoch"] == kill + 1
        _until_both_sides_rest(simulator, bot)
        back_after_s.append(time.monotonic() - started)
        _until_they_agree(simulator, bot)

    placed = Counter(order["clientOrderId"] for order in simulator.admin.all_orders())
    print(f"{KILLS} kills, {len(placed)} orders; quoting again after {max(back_after_s):.1f} s at most")  # noqa: T201
    assert max(placed.values()) == 1, "an id was sent twice"
    assert max(back_after_s) <= QUOTING_WITHIN_S


def test_orders_and_fills_of_a_dead_process_are_taken_up_by_the_next_one(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    """While nobody watches, orders fill: the position is the venue's afterwards, down to the last lot."""
    bot.start()
    _until_both_sides_rest(simulator, bot)
    bot.kill()
    filled = simulator.admin.state()["fills"]
    until(lambda: simulator.admin.state()["fills"] > filled, "an order of the dead process fills", 20)

    bot.start()
    _until_both_sides_rest(simulator, bot)
    _until_they_agree(simulator, bot)
    assert bot.terminate()[0] == 0
    assert Decimal(_journalled(bot)) == bought_at_venue(simulator)


def _until_both_sides_rest(simulator: SimulatorProcess, bot: RuntimeProcess) -> None:
    def resting() -> bool:
        assert bot.running, bot.output()[-2000:]
        sides = Counter(order["side"] for order in simulator.admin.open_orders())
        return bot.state()["state"] == "Active" and sides == {"BUY": LAYERS, "SELL": LAYERS}

    until(resting, f"both sides rest; the state: {bot.state()}", QUOTING_WITHIN_S + 5)


def _until_they_agree(simulator: SimulatorProcess, bot: RuntimeProcess) -> None:
    """Between two moves of the market: the venue's open orders are ours, one for each quote, and so is the position."""
    last: list[object] = []

    def agree() -> bool:
        before = ours_at_venue(simulator)
        market: Json = bot.market()
        position = bought_at_venue(simulator)
        last[:] = [before, market, position]
        orders = [order for order in market["orders"] if order["id"] in before]
        prices = Counter((order["side"], order["price"]) for order in orders)
        return (
            before == ours_at_venue(simulator)
            and before == {order["id"] for order in market["orders"]}
            and len(prices) == len(orders) == 2 * LAYERS
            and Decimal(market["position"]) == position
        )

    try:
        until(agree, f"venue and {MARKET} agree", 15)
    except AssertionError as failure:
        raise AssertionError(f"{failure}: {last}") from None


def _journalled(bot: RuntimeProcess) -> str:
    """The position that the journal's fills add up to, in the base asset."""
    lots = rows(
        bot.journal,
        "SELECT coalesce(sum(f.quantity * CASE o.side WHEN 'buy' THEN 1 ELSE -1 END), 0) FROM fills f"
        " JOIN orders o USING (order_id)",
    )[0][0]
    return f"{lots}e-5"
