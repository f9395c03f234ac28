"""The loss rate of a real process, over kills, resumes and another window."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from harness.live_risk import LIVE_RISK
from harness.operator_line import Line, line_to_quoting
from harness.runtime_process import MARKET, STILL, RuntimeProcess, making, rows, runtime
from harness.shown import Shown
from harness.simulator import Json, SimulatorProcess, book_ticker, trade
from tradingbot_runtime.inputs.folder import inputs_folder
from tradingbot_runtime.inputs.replay import replay
from tradingbot_runtime.model.control import APPLIED, ConfigAnswered, Configure, HaltAnswered, Resume

LOSS_RATE = "RiskBreachLossRate"
RISK = {**LIVE_RISK, "maxPosition": "0.2", "maxLossRate": {"loss": "100", "within": "1h"}}
BEST = "SELECT value ->> 'best' FROM meta WHERE key = 'risk btc'"
MONEY_UNITS = 10**8


@dataclass
class Holder:
    """A bot that has bought 0.2 BTC far below the market, and quotes too far from it to trade again."""

    line: Line
    update_ids: Iterator[int] = field(default_factory=lambda: count(10**9))

    @property
    def bot(self) -> RuntimeProcess:
        return self.line.bot

    def sees(self, price: int) -> Json:
        """The market is at `price`, and the bot has valued it: a dollar is 0.2 of profit."""
        bid = f"{price}.00"

        def seen(state: Json) -> bool:
            self._tick(price)
            begun = state["state"] in ("Active", "Halted")
            return begun and bool(state["markets"][MARKET]["referenceBid"] == bid)

        return self.bot.until(seen, f"it sees {bid}")

    def halts(self, price: int, but: str = "") -> str:
        """The halt that `price` brings; `but`: another than this one."""

        def halted(state: Json) -> bool:
            self._tick(price)
            return [halt["id"] for halt in state["halts"]] not in ([], [but])

        (halt,) = self.bot.until(halted, "it halts")["halts"]
        assert halt["reason"] == LOSS_RATE
        return str(halt["id"])

    def has_written(self, profit: float) -> None:
        """The next process knows of the best result."""

        def written(_: Json) -> bool:
            return bool(rows(self.bot.journal, BEST)) and rows(self.bot.journal, BEST)[0][0] >= profit * MONEY_UNITS

        self.bot.until(written, "the best is in the journal")

    def resumes(self, halt_id: str) -> None:
        answer = self.line.say(Resume(term=1, halt_id=halt_id, by="ann"))
        assert isinstance(answer, HaltAnswered)
        assert answer.done

    def is_killed(self) -> None:
        self.bot.kill()
        self.bot.start()

    def _tick(self, price: int) -> None:
        self.bot.simulator.admin.play([book_ticker(next(self.update_ids), (f"{price}.00", "5"), (f"{price}.01", "5"))])


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Holder]:
    strategy = {"marketMaking": making(spreadBps="200", maxSpreadBps="500", sizes=["0.1"])}
    with (
        SimulatorProcess(*STILL, "--balance", "USDT=1000000", "--balance", "BTC=10") as simulator,
        runtime(tmp_path / "bot", simulator, spec={"risk": RISK, "strategy": strategy}) as bot,
    ):
        line = line_to_quoting(bot)
        simulator.admin.play([trade(1, "58000.00", "5", buyer_is_maker=True)])
        bot.until(lambda s: s["markets"][MARKET]["position"] == "0.20000", "it has bought")
        yield Holder(line)


def test_losses_between_kills_and_while_nobody_looked_add_up_and_a_resume_halts_again(holder: Holder) -> None:
    best = float(holder.sees(60_300)["markets"][MARKET]["profit"])
    holder.has_written(best)
    holder.is_killed()
    assert holder.sees(60_100)["state"] == "Active", "40 of the 100 are lost, half of that before it looked"
    holder.is_killed()
    assert holder.sees(59_900)["state"] == "Active", "80 are"
    holder.is_killed()
    first = holder.halts(59_750)

    holder.resumes(first)
    second = holder.halts(59_750, but=first)
    holder.is_killed()
    holder.resumes(second)
    holder.halts(59_750, but=second)


def test_another_window_goes_on_with_what_is_known_and_a_replay_decides_the_same(holder: Holder, shown: Shown) -> None:
    holder.sees(60_300)
    assert holder.sees(59_900)["state"] == "Active"
    ((document,),) = rows(holder.bot.journal, "SELECT value FROM meta WHERE key = 'config'")
    changed = json.loads(document)
    changed["risk"]["maxLossRate"]["within"] = "2h"
    answer = holder.line.say(Configure(term=1, document=json.dumps(changed)))
    assert isinstance(answer, ConfigAnswered)
    assert answer.outcome == APPLIED, answer.message
    holder.halts(59_750)
    assert holder.bot.terminate()[0] == 0, holder.bot.output()

    outcome = replay(inputs_folder(holder.bot.journal))
    shown.at_most("another window of maxLossRate, replayed: commands that differ", len(outcome.differences),
                  "commands", 0)  # fmt: skip
    assert outcome.commands >= 4
