"""A journal's files on the disk: whose they are, and what is said where there can be none."""

import os
import stat
from pathlib import Path

import pytest

from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.journal import ConfigApplied, Journal
from tradingbot_runtime.model import Nanos

RECORD = ConfigApplied(time_ns=Nanos(1), config_hash="h", document="{}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slot" / "journal.sqlite3"


def test_all_files_of_a_journal_are_its_owners_alone_and_so_is_a_folder_that_it_makes(path: Path) -> None:
    before = os.umask(0o022)
    try:
        with Journal(path) as journal:
            journal.write("m", [RECORD], [])
            files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)

    assert files == dict.fromkeys([f"{path.name}{end}" for end in ("", "-wal", "-shm", ".lock")], 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_journal_that_was_readable_to_all_is_made_private_and_a_folder_of_somebody_else_is_left_alone(
    path: Path,
) -> None:
    path.parent.mkdir(mode=0o755)
    Journal(path).close()
    for end in ("", ".lock"):
        path.with_name(f"{path.name}{end}").chmod(0o644)
    path.with_name(f"{path.name}-wal").touch(0o644)  # what a crash leaves
    with Journal(path):
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755


def test_a_path_that_cannot_be_a_journal_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place, words in ((tmp_path, "is a folder; name a file"), (tmp_path / "file/j", "a part of the path is a file")):
        with pytest.raises(JournalError, match=f"^{place}: {words}"):
            Journal(place)
