"""Limits that are tightened while orders rest, over the operator's line to a real bot."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.operator_line import Line, line_to_quoting
from harness.runtime_process import STILL, RuntimeProcess, making, ours_at_venue, rows, runtime
from harness.shown import Shown
from harness.simulator import SimulatorProcess, until
from tradingbot_runtime.inputs.folder import inputs_folder
from tradingbot_runtime.inputs.replay import replay
from tradingbot_runtime.model.control import APPLIED, ConfigAnswered, Configure


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[RuntimeProcess]:
    """Quotes 0.1 BTC twice on each side."""
    spec = {"strategy": {"marketMaking": making(sizes=["0.1"])}}
    with (
        SimulatorProcess(*STILL, "--balance", "USDT=100000", "--balance", "BTC=10") as simulator,
        runtime(tmp_path / "bot", simulator, spec=spec) as process,
    ):
        yield process


def configure(line: Line, **risk: object) -> None:
    """The configuration in effect, with other limits."""
    ((document,),) = rows(line.bot.journal, "SELECT value FROM meta WHERE key = 'config'")
    changed = json.loads(document)
    changed["risk"] |= risk
    answer = line.say(Configure(term=1, document=json.dumps(changed)))
    assert isinstance(answer, ConfigAnswered)
    assert answer.outcome == APPLIED, answer.message


def test_what_rests_beyond_new_limits_is_withdrawn_and_a_replay_decides_the_same(
    bot: RuntimeProcess, shown: Shown
) -> None:
    line = line_to_quoting(bot)
    configure(line, maxPosition="0.15")
    until(lambda: len(ours_at_venue(bot)) == 2, "the outer orders are withdrawn, and the inner ones stay")
    configure(line, maxPosition="0.01", maxOrder="0.01", maxOpenOrders=1)
    until(lambda: not ours_at_venue(bot), "all of them are withdrawn")
    assert bot.metric("tradingbot_risk_refused_total", reason="MaxOrder") > 0, "what is wanted is refused as ever"
    assert bot.terminate()[0] == 0, bot.output()

    outcome = replay(inputs_folder(bot.journal))
    shown.at_most("limits tightened while orders rest, replayed: commands that differ", len(outcome.differences),
                  "commands", 0)  # fmt: skip
    assert outcome.commands >= 4 + 2 + 2
