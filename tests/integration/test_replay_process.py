"""A bot's recorded inputs, replayed: the same commands, also after a kill; a changed one is shown."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.runtime_process import RuntimeProcess, making, runtime
from harness.shown import Shown
from harness.simulator import SimulatorProcess, until
from tradingbot_runtime.__main__ import main
from tradingbot_runtime.inputs.folder import inputs_folder
from tradingbot_runtime.inputs.replay import replay
from tradingbot_runtime.inputs.segments import segments

COMMANDS = 30
FRAMES = 600
WITHIN_S = 30.0
LIVELY = ("--seed", "7", "--steps-per-second", "200", "--orders-per-10s", "100000", "--weight-per-minute", "1000000")


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(*LIVELY) as started:
        yield started


@pytest.fixture
def bot(tmp_path: Path, simulator: SimulatorProcess) -> Iterator[RuntimeProcess]:
    strategy = {"marketMaking": making(spreadBps="1", minSpreadBps="0.1", layers=3, stepBps="1")}
    with runtime(tmp_path / "bot", simulator, spec={"strategy": strategy}) as made:
        yield made


def trade(bot: RuntimeProcess) -> None:
    bot.start()
    until(
        lambda: (
            bot.metric("tradingbot_orders_total", outcome="OrderAccepted") >= COMMANDS
            and bot.metric("tradingbot_frames_total", outcome="ok") >= FRAMES
        ),
        f"{COMMANDS} orders and {FRAMES} frames",
        WITHIN_S,
    )


def test_every_command_of_a_life_is_decided_again(bot: RuntimeProcess, shown: Shown) -> None:
    trade(bot)
    assert bot.terminate()[0] == 0, bot.output()

    outcome = replay(inputs_folder(bot.journal))

    shown.at_least("a life's recorded inputs, replayed: commands", outcome.commands, "commands", 10)
    shown.at_most("a life's recorded inputs, replayed: commands that differ", len(outcome.differences), "commands", 0)
    assert outcome.unreadable == []
    assert outcome.missed == 0


def test_segments_go_on_where_the_one_before_ended(tmp_path: Path, simulator: SimulatorProcess) -> None:
    strategy = {"marketMaking": making(spreadBps="1", minSpreadBps="0.1", layers=3, hysteresis={"ticks": 5})}
    spec = {"mode": "Paper", "strategy": strategy, "storage": {"inputs": "1Mi"}}  # a segment is a sixteenth of it
    with runtime(tmp_path / "bot", simulator, spec=spec) as bot:
        bot.start()
        folder = inputs_folder(bot.journal)
        until(lambda: len(segments(folder)) >= 4, "four segments", WITHIN_S)
        assert bot.terminate()[0] == 0, bot.output()

        outcome = replay(folder)

        assert (outcome.differences, outcome.missed) == ([], 0), (
            "each begins with the state that the last one ended with"
        )
        assert sum(path.stat().st_size for path in segments(folder)) <= 2**20


def test_a_killed_process_has_recorded_all_but_its_last_moments(bot: RuntimeProcess) -> None:
    for _ in range(2):
        trade(bot)
        bot.kill()

    outcome = replay(inputs_folder(bot.journal))

    assert outcome.differences == []
    assert outcome.segments == 2
    assert outcome.commands >= 10


def test_a_command_that_the_engine_does_not_decide_is_a_difference(
    bot: RuntimeProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    trade(bot)
    assert bot.terminate()[0] == 0, bot.output()
    [segment] = segments(inputs_folder(bot.journal))
    lines = gzip.decompress(segment.read_bytes()).splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(b'{"type":"Sent"') and b'"price"' in line)
    sent = json.loads(lines[at])
    next(command for command in sent["commands"] if "price" in command)["price"] += 1
    lines[at] = json.dumps(sent).encode()
    segment.write_bytes(gzip.compress(b"\n".join(lines) + b"\n"))

    [difference] = replay(inputs_folder(bot.journal)).differences

    assert (difference.line, difference.what) == (at + 1, "commands")
    assert difference.recorded != difference.replayed
    assert main(["replay", str(bot.journal)]) == 1
    first, *_, last = capsys.readouterr().out.splitlines()
    assert ": 1 segment, " in first
    assert last == "1 difference"
