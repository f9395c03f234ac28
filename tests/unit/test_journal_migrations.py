"""Migrations go forward only: from every released schema, with everything that was in it, or not at all."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.journal import Journal, opening
from tradingbot_runtime.journal.schema import KIND, MIGRATIONS
from tradingbot_runtime.model import OrderId
from tradingbot_runtime.model.control import Halt

NAME = "journal.sqlite3"
FILL = (
    b'{"type":"OrderFilled","time_ns":5,"order_id":"a","trade_id":"t1","side":"buy","price":100,"quantity":3,"fee":1,'
    b'"fee_asset":"BTC","maker":true}'
)
ORDERS = "order_id, market, side, price, quantity, filled, state, venue_order_id, closed, created_ns"
FILLS = "seq, venue, account, symbol, trade_id, market, order_id, quantity, payload"
# What version 1 has written; later versions had at least this.
ROWS = (
    ("INSERT INTO meta VALUES (?, ?)", ("kind", KIND)),
    ("INSERT INTO meta VALUES (?, ?)", ("bot", "default/ada")),
    ("INSERT INTO meta VALUES (?, ?)", ("epoch", "4")),
    ("INSERT INTO events (time_ns, market, kind, payload) VALUES (?, ?, ?, ?)", (5, "m", "OrderFilled", FILL)),
    (
        f"INSERT INTO orders ({ORDERS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - names
        ("a", "m", "buy", 100, 10, 0, "Open", "v1", 0, 7),
    ),
    (
        f"INSERT INTO fills ({FILLS}) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - names
        ("sim", "account", "BTCUSDT", "t1", "m", "a", 3, FILL),
    ),
    ("INSERT INTO latches (id, reason, message, at_ns) VALUES (?, ?, ?, ?)", ("h1", "RiskBreachMaxLoss", "m", 3)),
    ("INSERT INTO days (market, day, opening) VALUES (?, ?, ?)", ("m", 19_000, 5)),
)


def journal_of(version: int, folder: Path) -> Path:
    """A journal as a program wrote it whose newest schema was `version`."""
    path = folder / NAME
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript(f"BEGIN; {' '.join(MIGRATIONS[:version])} PRAGMA user_version={version}; COMMIT;")
        for statement, values in ROWS:
            database.execute(statement, values)
    return path


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_every_released_schema_is_taken_over_with_all_that_is_in_it(version: int, tmp_path: Path) -> None:
    path = journal_of(version, tmp_path)
    for _ in range(2):
        with Journal(path) as journal:
            assert journal.meta("bot") == "default/ada"
            [order] = journal.orders_not_closed("m")
            assert (order.id, order.filled, order.state) == ("a", 3, OrderState.OPEN)
            assert journal.order(OrderId("a")) == order
            assert [(f.trade_id, f.quantity) for f in journal.fills("m")] == [("t1", 3)]
            assert journal.latches.held() == [Halt(id="h1", reason="RiskBreachMaxLoss", message="m", at_ns=3)]
            assert journal.day("m") == (19_000, 5)
    with Journal(path) as journal:
        assert journal.next_epoch(0) > 4


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_before_a_migration_there_is_a_backup_which_is_kept(version: int, tmp_path: Path) -> None:
    path = journal_of(version, tmp_path)
    backup = tmp_path / f"{NAME}.v{version}"
    Journal(path).close()

    with closing(sqlite3.connect(f"file:{backup}?mode=ro", uri=True)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (version,)
        assert database.execute("SELECT order_id, price FROM orders").fetchall() == [("a", 100)]
    assert backup.stat().st_mode & 0o777 == 0o600
    before = backup.read_bytes()
    path.unlink()
    Path(f"{path}.lock").unlink()
    with closing(sqlite3.connect(journal_of(version, tmp_path))) as database:
        database.execute("DELETE FROM fills")
        database.commit()
    Journal(path).close()
    assert backup.read_bytes() == before, "the first one is the one that a person may need"
    assert not list(tmp_path.glob("*.partial"))


def test_a_journal_of_this_version_is_not_backed_up(tmp_path: Path) -> None:
    Journal(journal_of(len(MIGRATIONS), tmp_path)).close()

    assert not list(tmp_path.glob(f"{NAME}.v*"))


def test_a_migration_that_fails_half_way_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = journal_of(len(MIGRATIONS), tmp_path)
    later = (*MIGRATIONS, "CREATE TABLE half (name TEXT);", "CREATE TABLE meta (name TEXT);")
    monkeypatch.setattr(opening, "MIGRATIONS", later)  # a later version's mistake: a table that exists

    with pytest.raises(JournalError, match="table meta already exists"):
        Journal(path)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_schema")}
    assert "half" not in tables
    monkeypatch.undo()
    with Journal(path) as journal:
        assert journal.meta("bot") == "default/ada"
