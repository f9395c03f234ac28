"""Defects of a public market-making bot that show only in a process beside a venue; the others are next door."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.defect_count import DEFECTS, names_in_files, numbers_in
from harness.runtime_process import RuntimeProcess, ours_at_venue, rows, runtime
from harness.simulator import SimulatorProcess, until

TICKER = "btcusdt@bookTicker"
STALE_AFTER_S = 1.0  # as the manifest has it


@pytest.fixture
def bot(simulator: SimulatorProcess, tmp_path: Path) -> Iterator[RuntimeProcess]:
    with runtime(tmp_path, simulator) as process:
        yield process


def test_every_defect_has_its_test() -> None:
    names = names_in_files(Path(__file__).parent)
    assert len(names) == len(set(names))
    assert numbers_in(names) == list(range(1, DEFECTS + 1))


def test_defect_01_a_cancel_changes_local_state_only_and_sigterm_leaves_orders_resting(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    bot.start().until_quoting()
    assert len(ours_at_venue(bot)) == 4
    code, _ = bot.terminate()

    assert (code, ours_at_venue(bot)) == (0, set())
    canceled_here = {row[0] for row in rows(bot.journal, "SELECT order_id FROM orders WHERE state = 'Canceled'")}
    there = {o["clientOrderId"]: o["status"] for o in simulator.admin.all_orders()}
    assert len(canceled_here) >= 4
    assert {there[order_id] for order_id in canceled_here} == {"CANCELED"}


def test_defect_02_a_ticker_is_stamped_when_it_is_parsed_and_never_gets_old(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    bot.start().until_quoting()
    simulator.admin.inject("silence", TICKER, seconds=4)  # connection and pongs live on
    started = time.monotonic()
    until(lambda: not ours_at_venue(bot), "the quotes are withdrawn")

    assert STALE_AFTER_S - 0.2 <= time.monotonic() - started <= STALE_AFTER_S + 1
    assert bot.metric("tradingbot_feed_age_seconds") >= STALE_AFTER_S


@pytest.mark.parametrize(
    ("fault", "target", "told"),
    [
        ("drop", "userDataStream.subscribe.signature", "ConnectionLost"),
        ("http-5xx", "GET /api/v3/account", "BarrierStepFailed"),
    ],
)
def test_defect_18_trading_goes_on_when_the_account_stream_or_the_balances_cannot_be_had(
    simulator: SimulatorProcess, bot: RuntimeProcess, fault: str, target: str, told: str
) -> None:
    before = simulator.admin.state()["ordersPlaced"]
    simulator.admin.inject(fault, target, seconds=60)
    bot.start()
    bot.until(lambda _: len(bot.logged(told)) >= 2, "it has tried twice in vain", 20)
    assert bot.state()["state"] == "Starting"
    assert simulator.admin.state()["ordersPlaced"] == before

    simulator.admin.clear_faults()
    bot.until_quoting(within_s=30)
