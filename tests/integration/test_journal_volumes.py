"""Volumes that fail: full, read-only. One clear line, the documented exit code, and nothing overwritten."""

import errno
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from harness.journal_files import write_open_orders
from harness.lives import finding_the_harness
from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.journal.room import LEAST
from tradingbot_runtime.os_errors import in_words

MANIFEST = Path(__file__).parents[2] / "manifests/samples/bot-paper.yaml"
WITHIN_S = 30
PAGE = Path(__file__).parents[2] / "docs/reference/journal.md"
FULL = "the disk is full; make room on its volume, then start again"
KILLED = """\
import os, signal, sys
from pathlib import Path
from harness.journal_files import write_open_orders
from tradingbot_runtime.journal import Journal
write_open_orders(Journal(Path(sys.argv[1])))
os.kill(os.getpid(), signal.SIGKILL)
"""


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
        write_open_orders(journal)


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


@pytest.mark.parametrize("former", ["ended in order", "killed", "none"])
@pytest.mark.parametrize("left_free", [0, 64 * 1024])
def test_a_full_volume_is_one_line_and_exit_code_2_and_changes_nothing_until_there_is_room(
    tmp_path: Path, former: str, left_free: int
) -> None:
    """With a little room, or the room within a log that was not closed, some of what a start writes would fit."""
    with volume(tmp_path / "volume", "size=3m") as folder:
        path = folder / "journal"
        if former == "ended in order":
            written(path)
        elif former == "killed":
            subprocess.run((sys.executable, "-c", KILLED, str(path)), check=False, env=finding_the_harness())
        fill(folder / "rest", left_free)
        before = digests(folder)

        ended = run_bot(path)

        assert ended.returncode == 2
        assert ended.stderr.splitlines() == [
            f"{path}: {FULL} ({left_free // 1024} KiB are free, a start wants {LEAST // 1024})"
        ]
        assert digests(folder) == before
        (folder / "rest").unlink()
        with Journal(path) as journal:
            assert journal.last_epoch == 0
            assert len(journal.orders_not_closed("m")) == (0 if former == "none" else 50)


def test_a_journal_that_another_process_has_is_told_of_before_a_full_volume(tmp_path: Path) -> None:
    with volume(tmp_path / "volume", "size=3m") as folder:
        path = folder / "journal"
        with Journal(path):
            fill(folder / "rest", 0)
            ended = run_bot(path)
            assert ended.returncode == 2
            assert ended.stderr.splitlines() == [f"{path}: another process trades with this journal"]
        (folder / "rest").unlink()
        written(path)
        fill(folder / "rest", 0)
        for _ in range(2):
            with pytest.raises(JournalError, match="the disk is full"):
                Journal(path)
        (folder / "rest").unlink()
        Journal(path).close()  # whoever found no room does not hold the lock


def fill(rest: Path, left_free: int) -> None:
    with suppress(OSError), rest.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    os.truncate(rest, rest.stat().st_size - left_free)


def test_the_page_quotes_what_is_said_of_a_volume() -> None:
    [row] = [line for line in PAGE.read_text().splitlines() if line.startswith("| `the file system is read-only`")]
    quoted = re.findall(r"`([^`]+)`", row.split("|")[1])
    said = [in_words(OSError(number, "")).split(";")[0] for number in (errno.EROFS, errno.ENOSPC)]

    assert quoted == said


def test_a_volume_that_fills_up_later_is_named_as_well(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        journal._db.execute("PRAGMA max_page_count=1")  # noqa: SLF001 - SQLite says the same of a volume
        with pytest.raises(JournalError) as raised:
            journal.put("key", "x" * 2**20)

    assert str(raised.value) == f"the journal cannot be written: {path}: {FULL}"
