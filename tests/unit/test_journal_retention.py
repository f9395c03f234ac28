"""The journal does not grow without end, and what positions and halts hang on stays."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from harness.told_journal import MARKET, START, decided, told
from tradingbot_runtime.config import SlotConfig, Storage
from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.journal import ConfigApplied, Journal
from tradingbot_runtime.journal.retention import NEWEST, OF_VOLUME, PIECE, most_bytes, used
from tradingbot_runtime.model import Cancel, Nanos, OrderId

MOST = 4_000_000


def write_decisions(journal: Journal, first: int, count: int) -> None:
    cancels = [Cancel(order_id=OrderId(f"{number:032}")) for number in range(20)]
    journal.write(MARKET, [decided(START + number, *cancels) for number in range(first, first + count)], [])


def test_the_oldest_events_go_and_orders_fills_halts_and_configurations_stay(tmp_path: Path) -> None:
    path = told(tmp_path / "journal.sqlite3")
    with Journal(path) as journal:
        journal.write("", [ConfigApplied(time_ns=Nanos(1), config_hash="h", document="{}")], [])
        for first in range(0, 6_000, 40):
            write_decisions(journal, first, 40)
            journal.trim(MOST)
        assert used(journal._db) <= MOST + 200_000  # noqa: SLF001 - what the file holds
    with Journal(path) as journal:
        assert sum(1 for _ in journal.fills(MARKET)) == 2
        assert len(journal.latches.held()) == 1
        assert len(journal.orders_not_closed(MARKET)) == 2
    with closing(sqlite3.connect(path)) as database:
        kinds = dict(database.execute("SELECT kind, count(*) FROM events GROUP BY kind"))
        newest = database.execute("SELECT max(time_ns) FROM events").fetchone()[0]
    assert kinds["ConfigApplied"] == 1
    assert newest == START + 5_999
    assert path.stat().st_size < 1.5 * MOST


def events(journal: Journal) -> int:
    return int(journal._db.execute("SELECT count(*) FROM events").fetchone()[0])  # noqa: SLF001 - as above


def test_a_journal_within_its_limit_loses_nothing_and_a_pass_takes_a_piece(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite3") as journal:
        write_decisions(journal, 0, NEWEST + 300)
        journal.trim(2**30)
        assert events(journal) == NEWEST + 300
        journal.trim(1)
        assert events(journal) == NEWEST + 300 - PIECE


def test_the_newest_events_stay_whatever_the_limit_and_the_journal_opens_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with Journal(path) as journal:
        write_decisions(journal, 0, NEWEST + 10)
        for _ in range(5):
            journal.trim(1)
        assert events(journal) == NEWEST
    with Journal(path) as journal:  # the mark knows the last number
        write_decisions(journal, 10_000, 1)
        assert events(journal) == NEWEST + 1
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT max(seq) FROM events").fetchone() == (NEWEST + 11,)


def test_a_small_volume_is_not_filled_by_its_journal(tmp_path: Path) -> None:
    assert most_bytes(1_000, tmp_path / "j") == 1_000
    assert most_bytes(2**70, tmp_path / "j") < 2**70 // OF_VOLUME


def test_the_limit_is_the_manifests() -> None:
    assert Storage().history == "512Mi"
    assert SlotConfig.model_fields["history"].default == Storage().history


def test_a_journal_that_cannot_be_trimmed_says_so(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite3") as journal:
        write_decisions(journal, 0, NEWEST + 1)
        journal._db.execute("PRAGMA query_only=1")  # noqa: SLF001 - as a volume that has become read-only
        with pytest.raises(JournalError, match="cannot be written"):
            journal.trim(1)
