"""SIGKILL while quoting: after the restart nothing is doubled, nothing is forgotten, nothing is counted twice."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from harness.runtime_process import (
    MARKET,
    STILL,
    RuntimeProcess,
    bought_at_venue,
    making,
    manifest,
    ours_at_venue,
    rows,
    runtime,
)
from harness.shown import Shown
from harness.simulator import Json, SimulatorProcess, until

KILLS = 10
SEED = 20_240_808
# Of the 15 s from a kill to both sides resting: a process needs two to listen on a quiet machine, and an order that
# died on its way is proved absent after ten. Counted from when it listens, because on a busy machine Python's own start
# took seven (the whole way is measured with a real pod in tests/cluster).
QUOTING_WITHIN_S = 13.0
PATIENT_S = 60.0
LAYERS = 2
# Fast enough that orders are placed, cancelled and filled all the time.
RESTLESS = ("--volatility", "10", "--steps-per-second", "40", "--seed", "3", "--orders-per-10s", "100000",
            "--weight-per-minute", "1000000")  # fmt: skip
TIGHT = making(spreadBps="1", minSpreadBps="0.5", layers=LAYERS, stepBps="1",
               hysteresis={"ticks": 50, "quantityShare": "0.1"})  # fmt: skip


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(*RESTLESS) as process:
        yield process


@pytest.fixture
def bot(simulator: SimulatorProcess, tmp_path: Path) -> Iterator[RuntimeProcess]:
    risk = manifest(simulator)[1]["spec"]["risk"] | {"staleAfter": "300ms"}
    with runtime(tmp_path, simulator, spec={"strategy": {"marketMaking": TIGHT}, "risk": risk}) as process:
        yield process


@dataclass(frozen=True)
class Wrong:
    """How many, once nothing moves any more."""

    orphans: int = 0
    ghosts: int = 0
    positions: int = 0
    there_was: str = field(default="", compare=False)  # for whoever looks at a test that failed

    def and_now(self, more: "Wrong") -> "Wrong":
        return Wrong(self.orphans + more.orphans, self.ghosts + more.ghosts, self.positions + more.positions)


def test_ten_kills_at_random_instants_leave_no_duplicate_and_no_orphan(
    simulator: SimulatorProcess, bot: RuntimeProcess, shown: Shown
) -> None:
    instants = random.Random(SEED)  # noqa: S311 - a seeded list of instants, nothing secret
    back_after_s, wrong = [], Wrong()
    bot.start()
    _until_both_sides_rest(bot)
    for kill in range(1, KILLS + 1):
        _until_orders_were_placed(simulator, instants.randint(1, 30))
        bot.kill()
        bot.start()
        started = time.monotonic()
        assert bot.state()["epoch"] == kill + 1
        _until_both_sides_rest(bot)
        back_after_s.append(time.monotonic() - started)
        wrong = wrong.and_now(_wrong(bot))

    placed = Counter(order["clientOrderId"] for order in simulator.admin.all_orders())
    told = "SIGKILL at random instants"
    shown.at_least(f"{told}: kills", len(back_after_s), "kills", KILLS)
    shown.seen(f"{told}: orders placed", len(placed), "orders")
    shown.at_most(f"{told}: orders sent twice", sum(placed.values()) - len(placed), "orders", 0)
    shown.at_most(f"{told}: orphans", wrong.orphans, "orders", 0)
    shown.at_most(f"{told}: orders only we believe in", wrong.ghosts, "orders", 0)
    shown.at_most(f"{told}: wrong positions", wrong.positions, "positions", 0)
    shown.at_most(f"{told}: listening -> quoting again", max(back_after_s), "s", QUOTING_WITHIN_S)


def test_fills_of_orders_whose_process_is_dead_are_taken_up_by_the_next_one(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    """While nobody watches, orders fill: the position is the venue's afterwards, down to the last lot."""
    bot.start()
    _until_both_sides_rest(bot)
    bot.kill()
    filled = simulator.admin.state()["fills"]
    until(lambda: simulator.admin.state()["fills"] > filled, "an order of the dead process fills", 20)

    bot.start()
    _until_both_sides_rest(bot)
    assert _wrong(bot) == Wrong()
    assert bot.terminate()[0] == 0
    assert _journalled(bot) == bought_at_venue(bot)


@pytest.mark.parametrize("on_their_way", [1, 3])
def test_orders_that_were_on_their_way_when_the_process_died_are_not_placed_twice(
    tmp_path: Path, on_their_way: int
) -> None:
    """The venue takes them up only after the kill: one order for each quote, whatever the instant."""
    with SimulatorProcess(*STILL, "--latency-ms", "150") as simulator, runtime(tmp_path, simulator) as bot:
        bot.start()
        sent = "SELECT count(*) FROM orders WHERE state = 'Submitting'"
        until(lambda: rows(bot.journal, sent)[0][0] >= on_their_way, "orders are on their way")
        bot.kill()

        bot.start().until_quoting(within_s=20)
        resting = Counter((order["side"], order["price"]) for order in simulator.admin.open_orders())
        assert len(resting) == 2 * LAYERS
        assert max(resting.values()) == 1
        assert ours_at_venue(bot) == {order["id"] for order in bot.market()["orders"]}


def _until_orders_were_placed(simulator: SimulatorProcess, more: int) -> None:
    enough = simulator.admin.state()["ordersPlaced"] + more
    until(lambda: simulator.admin.state()["ordersPlaced"] >= enough, f"{more} orders more are placed", 20)


def _until_both_sides_rest(bot: RuntimeProcess) -> None:
    def resting(state: Json) -> bool:
        sides = Counter(order["side"] for order in bot.simulator.admin.open_orders())
        return bool(state["state"] == "Active" and sides["BUY"] >= LAYERS and sides["SELL"] >= LAYERS)

    bot.until(resting, "both sides rest", PATIENT_S)  # at one moment, in a market that takes them all the time


def _wrong(bot: RuntimeProcess) -> Wrong:
    """Without market data all is withdrawn: an order that is left at the venue then is an orphan."""
    bot.simulator.admin.inject("silence", "btcusdt@bookTicker", seconds=60)
    found = [Wrong()]

    def agree() -> bool:
        left, market, bought = ours_at_venue(bot), bot.market(), bought_at_venue(bot)
        differs = Decimal(market["position"]) != bought
        found[0] = Wrong(len(left), len(market["orders"]), int(differs), f"{left}, {market}, bought {bought}")
        return found[0] == Wrong()

    with suppress(AssertionError):  # what is wrong is counted
        until(agree, f"venue and {MARKET} agree", 15)
    bot.simulator.admin.clear_faults()
    return found[0]


def _journalled(bot: RuntimeProcess) -> Decimal:
    """The position that the journal's fills add up to, in the base asset."""
    query = (
        "SELECT coalesce(sum(f.quantity * CASE o.side WHEN 'buy' THEN 1 ELSE -1 END), 0)"
        " FROM fills f JOIN orders o USING (order_id)"
    )
    return Decimal(rows(bot.journal, query)[0][0]) / 100_000
