"""A `Flatten` that is in force is carried out: whatever came between, whenever it was ordered, and after a kill."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from harness.live_risk import LIVE_RISK
from harness.operator_line import Line, line_to_quoting
from harness.runtime_process import STILL, RuntimeProcess, bought_at_venue, making, ours_at_venue, runtime
from harness.simulator import Json, SimulatorProcess, trade
from tradingbot_runtime.inputs.folder import inputs_folder
from tradingbot_runtime.inputs.replay import replay
from tradingbot_runtime.model.control import HaltAnswered, HaltTrading

RISK = {**LIVE_RISK, "maxOrder": "0.001", "maxSlippageBps": "300"}
LAYERS = 5
BOUGHT = "0.00500"
FEED = "btcusdt@bookTicker"
LONGER_THAN_IT_TRIES_S = 25  # what leads to nothing: ten steps of two seconds
FLAT_WITHIN_S = 60.0


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(*STILL) as process:
        yield process


@pytest.fixture
def line(simulator: SimulatorProcess, tmp_path: Path) -> Iterator[Line]:
    """To a bot that has bought what five steps close."""
    strategy = {"marketMaking": making(layers=LAYERS, sizes=["0.001"])}
    with runtime(tmp_path, simulator, spec={"risk": RISK, "strategy": strategy}) as bot:
        made = line_to_quoting(bot, 2 * LAYERS)
        simulator.admin.play([trade(1, "59500.00", "5", buyer_is_maker=True)])
        bot.until(lambda s: position(s) == BOUGHT, "it has bought")
        yield made


def position(state: Json) -> str:
    return str(state["markets"].get("btc", {}).get("position"))


def halt(line: Line) -> str:
    answer = line.say(HaltTrading(term=1, by="ann", message="out", flatten=True))
    assert isinstance(answer, HaltAnswered)
    return answer.halt_id


def until_flat(bot: RuntimeProcess) -> None:
    bot.until(lambda s: position(s) == "0.00000" and not s["markets"]["btc"]["orders"], "it is flat", FLAT_WITHIN_S)
    assert bot.state()["state"] == "Halted"
    assert (bought_at_venue(bot), ours_at_venue(bot)) == (Decimal(0), set())


def test_it_goes_on_after_a_kill_and_what_was_recorded_of_both_lives_replays_to_the_same_commands(line: Line) -> None:
    bot = line.bot
    halt_id = halt(line)
    bot.until(lambda s: position(s) != BOUGHT, "it has begun")
    bot.kill()
    assert 0 < bought_at_venue(bot) < Decimal(BOUGHT), "killed on the way"

    bot.start()
    until_flat(bot)
    assert [held["id"] for held in bot.state()["halts"]] == [halt_id]
    bot.terminate()
    outcome = replay(inputs_folder(bot.journal))
    assert (outcome.differences, outcome.unreadable) == ([], [])


def test_ordered_while_the_bot_starts_it_waits_for_the_barrier_and_says_so(line: Line) -> None:
    bot = line.bot
    bot.kill()
    bot.simulator.admin.inject("silence", FEED, seconds=600)
    bot.start().until(lambda s: "feeds" in s["message"], "it waits for its feeds")
    halt(line)
    bot.until(lambda s: s["state"] == "Halted" and "the start waits for the feeds" in s["message"], "it says so")
    assert position(bot.state()) == BOUGHT

    bot.simulator.admin.clear_faults()
    until_flat(bot)


PLACING = "order.place"


def test_the_venues_word_to_wait_delays_it(line: Line) -> None:
    line.bot.simulator.admin.inject("429", PLACING, seconds=1, retry_after_s=LONGER_THAN_IT_TRIES_S)
    halt(line)

    until_flat(line.bot)


def test_a_market_that_is_suspended_for_a_while_delays_it_and_it_says_so(line: Line) -> None:
    line.bot.simulator.admin.inject("market-closed", PLACING, seconds=LONGER_THAN_IT_TRIES_S)
    halt(line)
    line.bot.until(lambda s: "Market is closed" in s["message"], "the halt says why the position stays", FLAT_WITHIN_S)
    assert line.bot.until_logged("PositionNotClosed")[0]["reason"] == "BackingOff"

    until_flat(line.bot)


def test_a_day_whose_messages_are_used_up_does_not_stop_it(line: Line) -> None:
    bot = line.bot
    bot.kill()
    bot.spec = {**bot.spec, "risk": {**RISK, "maxMessagesPerDay": 1}}
    bot.start().until(lambda s: s["state"] == "Active", "it is past its barrier")
    bot.until(lambda s: set(s["markets"]["btc"]["refused"]) == {"DailyMessages"}, "it may not quote")
    halt(line)

    until_flat(bot)


def test_an_order_of_unknown_fate_keeps_only_that_open_which_its_fill_could_turn_over(line: Line) -> None:
    bot = line.bot
    bot.simulator.admin.inject("http-5xx", PLACING, count=1)  # it may have been taken; it was not
    halt(line)
    closed = bot.until(lambda s: position(s) == "0.00100", "all but one step's worth is closed")
    assert [order["state"] for order in closed["markets"]["btc"]["orders"]] == ["Unknown"], "beside it"

    until_flat(bot)
