"""Volumes that fail: full, read-only. One clear line, the documented exit code, and nothing overwritten."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import Lots, OrderId, Side, Ticks

MANIFEST = Path(__file__).parents[2] / "manifests/samples/bot-paper.yaml"
WITHIN_S = 30


@contextmanager
def volume(folder: Path, options: str) -> Iterator[Path]:
    """A small volume of its own; for root only."""
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False,
                          capture_output=True)  # fmt: skip
    if made.returncode:
        pytest.skip("this user may not mount a volume")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def run_bot(journal: Path) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "tradingbot_runtime", "run", str(MANIFEST), "--journal", str(journal),
               "--http-port", "0")  # fmt: skip
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=WITHIN_S)


def written(path: Path) -> None:
    with Journal(path) as journal:
        for number in range(50):
            order = Order(OrderId(f"o{number}"), Side.BUY, Ticks(1), Lots(1), Lots(0), OrderState.OPEN, "v1")
            journal.write("m", [], [order])


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def test_a_read_only_volume_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    with volume(tmp_path / "volume", "size=8m") as folder:
        written(folder / "journal")
        before = digests(folder)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)

        ended = run_bot(folder / "journal")

        assert ended.returncode == 2
        assert ended.stderr.splitlines() == [
            f"{folder / 'journal'}: the file system is read-only; name a path that can be written"
        ]
        assert digests(folder) == before


def test_a_full_volume_is_one_line_and_exit_code_2_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with volume(tmp_path / "volume", "size=4m") as folder:
        written(folder / "journal")
        before = digests(folder)
        with suppress(OSError), (folder / "rest").open("wb", buffering=0) as rest:
            while rest.write(b"x" * 4096):
                pass

        ended = run_bot(folder / "journal")

        assert ended.returncode == 2
        [line] = ended.stderr.splitlines()
        assert line.startswith(f"{folder / 'journal'}: ")
        assert {name: digests(folder)[name] for name in before if not name.endswith(".lock")} == {
            name: digest for name, digest in before.items() if not name.endswith(".lock")
        }
        (folder / "rest").unlink()
        with Journal(folder / "journal") as journal:
            assert len(journal.orders_not_closed("m")) == 50
