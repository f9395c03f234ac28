"""`replay` on the command line: what was recorded, what differs, what was missed."""

import gzip
import subprocess
import sys
from pathlib import Path

import msgspec

from harness.engines import BTC, tick
from tradingbot_runtime.inputs.folder import inputs_folder
from tradingbot_runtime.inputs.lines import Handled, Line, Sent
from tradingbot_runtime.model import Cancel, OrderId

NOTHING = "0" * 32


def replay(path: Path) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "tradingbot_runtime", "replay", str(path))
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_nothing_recorded_is_one_line(tmp_path: Path) -> None:
    ended = replay(tmp_path / "journal.sqlite3")

    assert (ended.returncode, ended.stdout) == (2, "")
    folder = inputs_folder(tmp_path / "journal.sqlite3")
    assert ended.stderr == f"{folder}: no recorded inputs (*.jsonl.gz)\n"


def test_a_segment_that_does_not_begin_with_its_state_is_told_and_fails(tmp_path: Path) -> None:
    lines: list[Line] = [Handled(market=BTC.symbol, event=tick(1)), Sent(commands=(Cancel(order_id=OrderId(NOTHING)),))]
    text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    (tmp_path / "0000000001.jsonl.gz").write_bytes(gzip.compress(text))

    ended = replay(tmp_path)

    assert ended.returncode == 1
    assert "not replayed: 0000000001.jsonl.gz" in ended.stdout
