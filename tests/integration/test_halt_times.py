"""How soon a halt has its orders cancelled. It runs without neighbours (`make integration`)."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.halt_times import (
    CONFIRMED_WITHIN_S,
    SENT_WITHIN_MS,
    HaltTimes,
    decided_ns,
    halt_times,
    latched_ns,
    show_halts,
    until_a_loss_halts,
    until_empty,
)
from harness.live_risk import LIVE_RISK
from harness.operator_line import Line, line_to_quoting
from harness.runtime_process import STILL, RuntimeProcess, making, rows, runtime
from harness.shown import Shown
from harness.simulator import Json, SimulatorProcess, book_ticker, trade
from tradingbot_runtime.model.control import HaltAnswered, HaltTrading, Resume

HALTS = 5
BY_A_PERSON = "halt by a person"


@pytest.fixture
def own_simulator() -> Iterator[SimulatorProcess]:
    """For a test after which the market is not what it was."""
    with SimulatorProcess(*STILL) as process:
        yield process


def held(bot: RuntimeProcess) -> list[Json]:
    return list(bot.state()["halts"])


def test_by_the_control_stream_it_stops_within_the_tick_and_a_resume_names_the_halt(
    simulator: SimulatorProcess, tmp_path: Path, shown: Shown
) -> None:
    with runtime(tmp_path, simulator) as bot:
        line = line_to_quoting(bot)

        def halt() -> int:
            answer = line.say(HaltTrading(term=1, by="ann"))
            assert isinstance(answer, HaltAnswered)
            shown.at_most(f"{BY_A_PERSON} answered -> venue seen empty", until_empty(bot), "s", CONFIRMED_WITHIN_S)
            return latched_ns(bot, answer.halt_id)

        def halted(_: int) -> HaltTimes:
            took = halt_times(bot, halt)
            assert bot.state()["reason"] == "ManualHalt"
            resume(line)
            return took

        show_halts(shown, BY_A_PERSON, halted, HALTS)
        trail = rows(bot.journal, "SELECT halted_by, resumed_by, resumed_ns > at_ns FROM latches")
        assert set(trail) == {("ann", "bob", 1)}


def resume(line: Line) -> None:
    """By the halt's own id, and by no other."""
    (halt_id,) = [halt["id"] for halt in held(line.bot)]
    wrong = line.say(Resume(term=1, halt_id=f"{halt_id}0", by="bob"))
    assert isinstance(wrong, HaltAnswered)
    assert (wrong.done, wrong.halts) == (False, (halt_id,))
    assert line.bot.state()["state"] == "Halted"
    line.say(Resume(term=1, halt_id=halt_id, by="bob"))
    line.bot.until_quoting()


def test_a_limit_that_the_market_breaks_has_all_cancels_at_the_venue_and_confirmed_in_time_every_time(
    own_simulator: SimulatorProcess, tmp_path: Path, shown: Shown
) -> None:
    """The market dips and comes back, and no quote is near enough to fill; a resumed drawdown begins anew."""
    risk = {**LIVE_RISK, "maxDrawdown": "0.0001"}
    strategy = {"marketMaking": making(spreadBps="200", maxSpreadBps="500", sizes=["0.05"])}
    with runtime(tmp_path, own_simulator, spec={"risk": risk, "strategy": strategy}) as bot:
        line = line_to_quoting(bot)
        own_simulator.admin.play([trade(1, "58000.00", "5", buyer_is_maker=True)])
        bot.until(lambda s: s["markets"]["btc"]["position"] != "0.00000", "it has bought")

        def halt() -> int:
            own_simulator.admin.play([book_ticker(update_id_soon(own_simulator), ("59600.00", "5"), ("59600.01", "5"))])
            bot.until(lambda s: s["state"] == "Halted", "it halts")
            until_empty(bot)
            return decided_ns(bot, latched_ns(bot, held(bot)[0]["id"]))

        def halted(_: int) -> HaltTimes:
            bot.until_quoting()
            bot.until(lambda s: s["markets"]["btc"]["referenceBid"] == "60000.00", "the market is back")
            took = halt_times(bot, halt)
            assert held(bot)[0]["reason"] == "RiskBreachMaxDrawdown"
            line.say(Resume(term=1, halt_id=held(bot)[0]["id"], by="ann"))
            return took

        show_halts(shown, "breach by the market", halted, HALTS)


def update_id_soon(simulator: SimulatorProcess) -> int:
    """One that the venue's own frames, some sixty ids a second, come to within a second."""
    with urllib.request.urlopen(f"{simulator.rest}/api/v3/depth?symbol=BTCUSDT", timeout=5) as answer:  # noqa: S310 - on loopback
        return int(json.load(answer)["lastUpdateId"]) + 40


def test_a_loss_halts_in_the_tick_that_brings_it(own_simulator: SimulatorProcess, tmp_path: Path, shown: Shown) -> None:
    risk = {**LIVE_RISK, "maxDailyLoss": "0.5", "maxOrder": "0.003"}
    with runtime(tmp_path, own_simulator, spec={"risk": risk}) as bot:
        bot.start().until_quoting()
        loss = until_a_loss_halts(bot)
        at_ns = latched_ns(bot, loss["id"])
        took_ms = (at_ns - decided_ns(bot, at_ns)) / 10**6
        shown.at_most("breaching tick -> cancels sent and halt latched", took_ms, "ms", SENT_WITHIN_MS)
