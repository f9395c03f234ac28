"""`cancel-all` with a journal that cannot be read: its orders may be in the market all the same."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from harness.told_journal import MARKET, told
from tradingbot_runtime.__main__ import main
from tradingbot_runtime.errors import JournalDamaged, JournalError
from tradingbot_runtime.journal.opening import MOVE_ASIDE
from tradingbot_runtime.journal.reading import JournalReader

PAGE = 4096


def test_what_goes_without_the_journal_is_named_and_what_a_start_would_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = told(tmp_path / "journal.sqlite3")
    whole = journal.read_bytes()
    journal.write_bytes(whole[:PAGE] + b"\xa5" * (len(whole) - PAGE))

    assert main(["cancel-all", str(journal)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{journal}: cannot be read: database disk image is malformed: ")
    assert "--slot-config DIR --slot N" in line
    assert line.endswith(MOVE_ASIDE)


def test_a_journal_is_called_damaged_for_what_is_in_it_alone(tmp_path: Path) -> None:
    """Nobody moves one aside because a disk or another program was in the way for a moment."""
    with JournalReader(told(tmp_path / "journal.sqlite3")) as reader, pytest.raises(JournalError) as failed:
        reader.rows("SELECT * FROM what_is_not_there")

    assert not isinstance(failed.value, JournalDamaged)


def test_an_order_in_a_state_that_there_is_not_is_damage_and_no_closed_order(tmp_path: Path) -> None:
    journal = told(tmp_path / "journal.sqlite3")
    with closing(sqlite3.connect(journal)) as database, database:
        database.execute("UPDATE orders SET state = 'Opne' WHERE closed = 0")

    with JournalReader(journal) as reader, pytest.raises(JournalDamaged, match="Opne"):
        reader.orders_not_closed(MARKET)
