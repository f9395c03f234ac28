"""Halts of a real process at a real venue: what makes them, how they are released, and that nothing else does."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from harness.halt_times import CONFIRMED_WITHIN_S, until_a_loss_halts, until_empty
from harness.live_risk import LIVE_RISK
from harness.operator_line import Line, line_to_quoting
from harness.runtime_process import STILL, RuntimeProcess, ours_at_venue, rows, runtime
from harness.shown import Shown
from harness.simulator import Json, SimulatorProcess, book_ticker, trade, until
from tradingbot_runtime.model.control import (
    CommandRefused,
    HaltTrading,
    Resume,
)

STALE_AFTER_S = 1.0  # of the bot that the harness makes
WITHDRAWN_WITHIN_S = 0.25
COMMAND_S = 60.0  # a Python starts slowly on a busy machine


@pytest.fixture
def bot(simulator: SimulatorProcess, tmp_path: Path) -> Iterator[RuntimeProcess]:
    with runtime(tmp_path, simulator) as process:
        yield process


@pytest.fixture
def line(bot: RuntimeProcess) -> Line:
    return line_to_quoting(bot)


def halts(bot: RuntimeProcess) -> list[str]:
    return [halt["id"] for halt in bot.state()["halts"]]


def test_a_feed_that_falls_silent_has_its_quotes_withdrawn_within_the_limit_and_a_quarter_second(
    line: Line, shown: Shown
) -> None:
    """From the venue's silence to its last cancel, by the venue's own clock; the last tick came up to 50 ms before."""
    bot, took_s = line.bot, []
    for _ in range(3):
        bot.until_quoting()
        silent_ms = bot.simulator.admin.state()["timeMs"]
        bot.simulator.admin.inject("silence", "btcusdt@bookTicker", seconds=2.5)
        until_empty(bot)
        orders = [o for o in bot.simulator.admin.all_orders() if o["clientOrderId"].startswith(bot.prefix)]
        took_s.append((max(o["updateTime"] for o in orders if o["status"] == "CANCELED") - silent_ms) / 1000)
    what = f"feed silent -> all quotes cancelled at the venue (staleAfter {STALE_AFTER_S:.0f} s)"
    shown.at_most(what, max(took_s), "s", STALE_AFTER_S + WITHDRAWN_WITHIN_S)
    assert min(took_s) >= STALE_AFTER_S - 0.1
    assert halts(bot) == [], "a stale feed pauses and never latches"


def test_a_halted_bot_that_is_stopped_resumed_in_its_journal_and_started_again_trades(bot: RuntimeProcess) -> None:
    bot.start().until_quoting()
    (bot.folder / "HALT").write_text("looks wrong")
    until(lambda: bool(halts(bot)), "the file halts it")
    (halt_id,) = halts(bot)
    (bot.folder / "HALT").unlink()
    command = (sys.executable, "-m", "tradingbot_runtime", "resume", str(bot.journal), halt_id)

    running = subprocess.run(command, check=False, capture_output=True, text=True, timeout=COMMAND_S)
    assert (running.returncode, "its bot runs: stop it first" in running.stderr) == (2, True), running
    bot.terminate()
    bot.start()
    assert halts(bot) == [halt_id], "a restart resumes nothing"
    bot.terminate()
    stopped = subprocess.run(command, check=False, capture_output=True, text=True, timeout=COMMAND_S)
    assert (stopped.returncode, stopped.stderr) == (0, ""), stopped
    bot.start().until_quoting()
    assert halts(bot) == []


def test_a_lower_term_halts_nothing(line: Line) -> None:
    line.say(Resume(term=7, halt_id="none", by="ann"))

    assert isinstance(line.say(HaltTrading(term=1, by="old")), CommandRefused)
    assert line.bot.state()["state"] == "Active"


def test_a_file_stops_it_its_removal_and_a_restart_do_not_resume(line: Line, tmp_path: Path, shown: Shown) -> None:
    bot = line.bot
    (tmp_path / "HALT").write_text("fills look wrong", encoding="utf-8")
    written = time.monotonic()
    until_empty(bot)
    shown.at_most("kill-switch file -> venue empty", time.monotonic() - written, "s", CONFIRMED_WITHIN_S)
    (halt,) = bot.state()["halts"]
    assert halt["message"] == "fills look wrong"
    assert line.say(Resume(term=1, halt_id=halt["id"], by="ann")).done  # type: ignore[union-attr]  # asserted below
    bot.until(lambda s: s["halts"] and s["halts"][0]["id"] != halt["id"], "it halts again while the file is there")

    (tmp_path / "HALT").unlink()
    (again,) = halts(bot)
    placed = bot.simulator.admin.state()["ordersPlaced"]
    bot.terminate()
    bot.start().until(lambda s: s["state"] == "Halted", "it starts halted")
    assert halts(bot) == [again]
    assert bot.simulator.admin.state()["ordersPlaced"] == placed
    assert line.say(Resume(term=1, halt_id=again, by="ann")).done  # type: ignore[union-attr]  # as above
    bot.until_quoting()


def test_a_file_that_is_there_before_the_start_lets_no_order_out(
    bot: RuntimeProcess, line: Line, tmp_path: Path
) -> None:
    bot.terminate()
    (tmp_path / "HALT").touch()
    placed = bot.simulator.admin.state()["ordersPlaced"]
    bot.start().until(lambda s: s["state"] == "Halted", "it is halted")
    bot.until(lambda s: s["markets"] and s["markets"]["btc"]["referenceBid"], "it sees the market")

    assert bot.simulator.admin.state()["ordersPlaced"] == placed
    assert line.bot is bot


@pytest.fixture
def own_simulator() -> Iterator[SimulatorProcess]:
    """For a test after which the market is not what it was."""
    with SimulatorProcess(*STILL) as process:
        yield process


def test_a_loss_halts_and_flattening_closes_the_position(own_simulator: SimulatorProcess, tmp_path: Path) -> None:
    risk = {**LIVE_RISK, "maxDailyLoss": "0.5", "onBreach": "Flatten", "maxOrder": "0.003", "maxSlippageBps": "300"}
    with runtime(tmp_path, own_simulator, spec={"risk": risk}) as bot:
        bot.start().until_quoting()
        until_a_loss_halts(bot)
        bot.until(lambda s: s["markets"]["btc"]["position"] == "0.00000", "the position is closed", 20)
        assert bot.state()["state"] == "Halted"
        assert not ours_at_venue(bot)


def test_a_stricter_policy_is_carried_out_while_a_milder_halt_holds(
    own_simulator: SimulatorProcess, tmp_path: Path
) -> None:
    risk = {**LIVE_RISK, "maxDailyLoss": "0.5", "onBreach": "ReduceOnly", "maxOrder": "0.003", "maxSlippageBps": "300"}
    with runtime(tmp_path, own_simulator, spec={"risk": risk}) as bot:
        bot.start().until_quoting()
        own_simulator.admin.play([trade(1, "59900.00", "5", buyer_is_maker=True)])
        bot.until(lambda s: s["markets"]["btc"]["position"] != "0.00000", "it has bought")
        own_simulator.admin.play([book_ticker(10**9, ("59300.00", "5"), ("59300.01", "5"))])
        bot.until(lambda s: s["state"] == "Reducing", "it only reduces")
        (milder,) = bot.state()["halts"]
        until(lambda: bool(rows(bot.journal, "SELECT opening FROM days")), "the next life knows what was lost today")
        bot.terminate()

        bot.spec = {"risk": {**risk, "onBreach": "Flatten"}}
        bot.start()
        ids = count(10**9 + 1)

        def halted(state: Json) -> bool:
            """The market goes on where it was left: a feed that begins needs a tick."""
            own_simulator.admin.play([book_ticker(next(ids), ("59300.00", "5"), ("59300.01", "5"))])
            return bool(state["state"] == "Halted")

        bot.until(halted, "it halts", 20)
        first, second = bot.state()["halts"]
        assert (first, second["reason"]) == (milder, milder["reason"])
        bot.until(lambda s: s["markets"]["btc"]["position"] == "0.00000", "the position is closed", 20)


def test_a_clock_that_is_off_halts_before_the_first_order(own_simulator: SimulatorProcess, tmp_path: Path) -> None:
    risk = {**LIVE_RISK, "maxClockDrift": "2s"}
    own_simulator.admin.inject("clock-step", step_ms=-5_000)
    with runtime(tmp_path, own_simulator, spec={"risk": risk}) as bot:
        bot.start().until(lambda s: s["state"] == "Halted", "it halts")

        assert bot.state()["reason"] == "ClockSkew"
        assert own_simulator.admin.state()["ordersPlaced"] == 0


def test_two_sources_of_the_price_that_disagree_let_no_order_out_and_halt(tmp_path: Path) -> None:
    """The second source is the same venue's other symbol: it is nowhere near."""
    symbol = {"venue": "simulator", "symbol": "BTCUSDT"}
    other = {"venue": "simulator", "symbol": "ETHUSDT"}
    market = {"name": "btc", "reference": symbol, "execution": symbol, "crossCheck": other}
    risk = {**LIVE_RISK, "maxDivergenceBps": "100", "haltAfter": "1s"}
    with (
        SimulatorProcess(*STILL, "--symbol", "BTCUSDT", "--symbol", "ETHUSDT") as simulator,
        runtime(tmp_path, simulator, spec={"risk": risk, "markets": [market]}) as bot,
    ):
        bot.start().until(lambda s: s["state"] == "Halted", "it halts", 20)

        assert bot.state()["reason"] == "FeedDivergence"
        assert simulator.admin.state()["ordersPlaced"] == 0


def test_the_best_result_and_the_days_messages_survive_a_kill(line: Line) -> None:
    bot = line.bot
    query = "SELECT value FROM meta WHERE key = 'risk btc'"
    until(lambda: bool(rows(bot.journal, query)), "it is written down")
    until(lambda: json.loads(rows(bot.journal, query)[0][0])["messages"] >= 4, "with its messages")
    before = json.loads(rows(bot.journal, query)[0][0])
    bot.kill()
    bot.start().until_quoting()
    until(lambda: json.loads(rows(bot.journal, query)[0][0])["messages"] > before["messages"], "it counts on")

    after = json.loads(rows(bot.journal, query)[0][0])
    assert (after["capital"], after["day"]) == (before["capital"], before["day"])
    assert after["best"] >= before["best"]


def test_beside_another_bots_orders_a_bot_that_is_to_be_alone_says_so_until_it_halts_and_names_them(
    simulator: SimulatorProcess, bot: RuntimeProcess, tmp_path: Path
) -> None:
    """Never for a lack of balance: the account was asked, and holds enough."""
    with runtime(tmp_path / "other", simulator) as other:
        other.start().until_quoting()
        bot.spec = {"risk": {**LIVE_RISK, "maxPosition": "0.5", "foreignOrders": "Halt", "haltAfter": "5s"}}
        bot.start()
        said = bot.until(lambda state: state["reason"] == "AccountMismatch", "it says what is wrong")
        bot.until(lambda state: state["state"] == "Halted", "it halts")

        (halt,) = bot.state()["halts"]
        assert (said["state"], halt["reason"]) == ("Active", "ReconciliationMismatch")
        theirs = sorted(str(o["orderId"]) for o in simulator.admin.open_orders())
        for message in (said["message"], halt["message"]):
            assert f"4 open orders of others ({', '.join(theirs[:3])}, ...)" in message
        assert set(bot.market()["refused"]) == {"AccountMismatch"}
        assert ours_at_venue(bot) == set()
