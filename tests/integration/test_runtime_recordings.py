"""Recordings as bad as they come: the bot quotes on what is good in them, and nothing is made up from the rest."""

import json
import time
from pathlib import Path

from harness.runtime_process import making, runtime
from harness.simulator import SimulatorProcess, book_ticker, until

FIRST_ID = 1_000
STEP_NS = 20_000_000
HOUR_NS = 3_600_000_000_000


def write(path: Path, frames: int, shift_ns: int = 0, cut_bytes: int = 0) -> Path:
    """A recording whose price rises a tick with each frame; its clock is moved in the middle, its end cut off."""
    lines = []
    for number in range(frames):
        moved_ns = shift_ns if number >= frames // 2 else 0
        bid, ask = f"{60_000 + number / 100:.2f}", f"{60_000 + (number + 1) / 100:.2f}"
        stamp = 1_723_161_253_000_000_000 + number * STEP_NS + moved_ns
        lines.append(f"{stamp} {json.dumps(book_ticker(FIRST_ID + number, (bid, '1'), (ask, '1')))}\n")
    text = "".join(lines).encode()
    path.write_bytes(text[: len(text) - cut_bytes])
    return path


def test_a_recording_whose_clock_goes_back_loses_no_frame(tmp_path: Path) -> None:
    recording = write(tmp_path / "back", frames=450, shift_ns=-HOUR_NS)
    started = time.monotonic()
    with SimulatorProcess("--recording", str(recording)) as simulator, runtime(tmp_path / "bot", simulator) as bot:
        bot.start().until_quoting()
        top = simulator.admin.state
        until(lambda: top()["counters"]["clockBack"] == 1, "the clock goes back", 20)
        until(lambda: top()["symbols"]["BTCUSDT"]["updateId"] == FIRST_ID + 449, "the last frame is played", 20)

        assert time.monotonic() - started < 30, "nothing waited for a clock that was wrong"
        assert bot.state()["halts"] == []
        assert bot.metric("tradingbot_frames_total", outcome="ok") >= 100


def test_a_recording_that_is_cut_in_the_middle_of_a_line_ends_there_and_the_quotes_are_withdrawn(
    tmp_path: Path,
) -> None:
    recording = write(tmp_path / "cut", frames=400, cut_bytes=40)
    spec = {"strategy": {"marketMaking": making(hysteresis={"ticks": 0, "quantityShare": "0"})}}
    with SimulatorProcess("--recording", str(recording)) as simulator, runtime(
        tmp_path / "bot", simulator, spec=spec
    ) as bot:  # fmt: skip
        bot.start()
        bot.until(lambda s: s["markets"] and s["markets"]["btc"]["quotes"], "it quotes")
        until(lambda: simulator.admin.state()["recording"]["running"] is False, "the recording ends", 20)
        until(lambda: not simulator.admin.open_orders(), "no market data, no quotes")

        assert simulator.admin.state()["counters"]["skippedLines"] == {"NotJson": 1}
        assert simulator.admin.state()["symbols"]["BTCUSDT"]["updateId"] == FIRST_ID + 398
        assert bot.running
        assert bot.terminate()[0] == 0
