"""What cannot be read or written is one sentence and an exit code, never a traceback."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.runtime_process import RuntimeProcess
from harness.told_journal import told

WITHIN_S = 60
NOBODY = 65_534
FULL = "standard output cannot be written: the disk is full; make room on its volume, then start again"
# Who is root reads everything: the command is loaded, and then it is nobody.
AS_NOBODY = f"""
import os, sys
from tradingbot_runtime.command_line import obey
if os.getuid() == 0:
    os.setuid({NOBODY})
sys.exit(obey(sys.argv[1:]))
"""


def to_full(*arguments: object, errors: bool = False) -> tuple[int, str]:
    """The exit code and standard error of a command whose output, and where said its errors, no disk has room for."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-m", "tradingbot_runtime", *map(str, arguments)], check=False,
                              stdout=full, stderr=full if errors else subprocess.PIPE, text=True,
                              timeout=WITHIN_S)  # fmt: skip
    return done.returncode, done.stderr or ""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return told(tmp_path / "journal.sqlite3")


@pytest.mark.parametrize("command", ["audit", "audit -o json", "inspect", "inspect -o json"])
def test_what_was_to_be_read_and_has_no_room_is_said(command: str, journal: Path) -> None:
    name, *options = command.split()

    assert to_full(name, journal, *options) == (1, f"{FULL}\n")
    assert to_full(name, journal, *options, errors=True) == (1, "")


def test_so_it_is_of_a_look_at_a_bot(bot: RuntimeProcess) -> None:
    assert to_full("top", f"127.0.0.1:{bot.port}", "--once") == (1, f"{FULL}\n")


def test_tables_are_written_to_the_end_all_the_same(journal: Path, tmp_path: Path) -> None:
    assert to_full("export", journal, "--to", tmp_path / "tables") == (0, f"{FULL}\n")
    assert len(list((tmp_path / "tables").glob("*.csv"))) == 4


def below_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "journal"


def in_a_loop(folder: Path) -> Path:
    (folder / "loop").symlink_to("loop")
    return folder / "loop" / "journal"


def too_long(folder: Path) -> Path:
    return folder / ("x" * 300)


def in_a_closed_folder(folder: Path) -> Path:
    closed = folder / "closed"
    closed.mkdir()
    path = told(closed / "journal.sqlite3")
    closed.chmod(0)
    return path


@pytest.fixture
def open_again(tmp_path: Path) -> Iterator[None]:
    yield
    for folder in tmp_path.glob("closed"):
        folder.chmod(0o700)


@pytest.mark.usefixtures("open_again")
@pytest.mark.parametrize(("command", "place"), [
    *(("audit", place) for place in (below_a_file, in_a_loop, too_long, in_a_closed_folder)),
    *((command, in_a_closed_folder) for command in ("inspect", "export --to /tmp/nowhere", "resume", "cancel-all")),
    ("replay", too_long),
])  # fmt: skip
def test_a_journal_that_cannot_be_looked_at_is_one_line(
    command: str, place: Callable[[Path], Path], tmp_path: Path
) -> None:
    path = place(tmp_path)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.getuid() and "pytest" in parent.name:
            parent.chmod(0o755)
    tmp_path.chmod(0o755)
    name, *options = command.split()
    done = subprocess.run([sys.executable, "-c", AS_NOBODY, name, str(path), *options], check=False,
                          capture_output=True, text=True, timeout=WITHIN_S)  # fmt: skip

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr
    assert str(path) in done.stderr
