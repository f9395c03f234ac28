"""Binance's limits and its shutdowns, by the venue's own word: what stops, in which order, and what never does."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.conformance_bench import Bench
from harness.conformance_kits import BinanceKit
from harness.runtime_process import runtime
from harness.simulator import SimulatorProcess, until
from tradingbot_runtime.clock import Clock
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.errors import VenueRefused

WEIGHT, ORDERS = 200, 20
WINDOW_PART_S = 7  # orders that are sent in this part are counted in one
STILL = ("--volatility", "0")


@pytest.fixture
def kit() -> Iterator[BinanceKit]:
    with SimulatorProcess(*STILL, "--weight-per-minute", str(WEIGHT), "--orders-per-10s", str(ORDERS)) as simulator:
        yield BinanceKit(simulator, {}, "")


def free(bench: Bench) -> tuple[int, int]:
    """Messages that may be sent now: orders, and of any kind."""
    now_ns = Clock().now_ns()
    return bench.budget.for_orders(now_ns), bench.budget.available(now_ns)


def test_questions_stop_before_the_weight_is_used_up_and_cancels_go_on(kit: BinanceKit) -> None:
    async def scenario() -> None:
        async with kit.open() as bench:
            bench.place("a", kit.prices.away, kit.prices.lots)
            await bench.until(lambda: bench.order("a").state is OrderState.OPEN, "it rests")
            for _ in range(WEIGHT):
                try:
                    await bench.gateway.balances(bench.instrument)
                except VenueRefused as refused:
                    stopped = str(refused)
                    break
            assert "for orders and cancels" in stopped, "by us, and not by the venue"
            bench.cancel("a")
            await bench.until(lambda: bench.order("a").state is OrderState.CANCELED, "a cancel weighs one")
            await bench.gateway.cancel(bench.instrument, bench.named["a"])

    asyncio.run(scenario())


def test_orders_are_held_before_the_venues_count_is_full_and_cancels_are_not(kit: BinanceKit) -> None:
    async def scenario() -> None:
        async with kit.open() as bench:
            await bench.until(lambda: time.time() % 10 < WINDOW_PART_S, "the beginning of the venue's ten seconds")
            assert free(bench)[0] > 0
            for number in range(ORDERS - 1):
                bench.place(f"{number}", kit.prices.away, kit.prices.lots)
            await bench.until(lambda: all(o.seen for o in bench.orders) and not free(bench)[0], "orders are held")
            assert free(bench)[1] > 0
            names = [f"{number}" for number in range(ORDERS - 1)]
            bench.cancel(*names)
            await bench.until(
                lambda: all(bench.order(n).state is OrderState.CANCELED for n in names), "all is canceled"
            )

    asyncio.run(scenario())


def test_a_running_bot_quotes_on_while_the_venue_shuts_its_servers_down_one_by_one(tmp_path: Path) -> None:
    limits = ("--orders-per-10s", "100000", "--weight-per-minute", "1000000")
    with SimulatorProcess(*STILL, *limits) as simulator, runtime(tmp_path, simulator) as bot:
        bot.start().until_quoting()
        before = {order["id"] for order in bot.market()["orders"]}
        simulator.admin.inject("shutdown", "*", delay_ms=3000)
        counters = simulator.admin.state()["counters"]
        old = counters["apiConnections"] + counters["streamConnections"]
        until(lambda: len(bot.logged("ConnectionRenewed")) >= 2, "orders and feed have a new connection")
        renewed = bot.logged("ConnectionRenewed")
        until(lambda: _connections(simulator) <= old, "the former ones are gone", 15)

        assert {entry["connection"] for entry in renewed} == {"simulator/orders", "simulator/BTCUSDT"}
        assert bot.logged("ConnectionLost") == []
        assert [e for e in bot.logged("StandingChanged") if e["state"] == "Reconciling"] == []
        assert {order["id"] for order in bot.market()["orders"]} == before, "nothing was withdrawn for it"


def _connections(simulator: SimulatorProcess) -> int:
    counters = simulator.admin.state()["counters"]
    return int(counters["apiConnections"] + counters["streamConnections"])
