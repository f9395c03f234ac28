"""A journal, read: while its bot runs, after it ended, or as a copy. Never written to, never locked.

Rows are fetched in pieces, each a short read of its own: a reader that held one open would keep SQLite from starting
the write-ahead log over, and the volume would fill.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.config.kept import as_kept
from tradingbot_runtime.core.carried import CarriedAccount, booked
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.errors import JournalDamaged, JournalError
from tradingbot_runtime.journal.records import Decided
from tradingbot_runtime.journal.schema import KIND, MIGRATIONS
from tradingbot_runtime.model import Instrument, Lots, OrderFilled, OrderId, Side, Ticks
from tradingbot_runtime.os_errors import in_words

PIECE = 5_000  # rows
Row = dict[str, Any]
T = TypeVar("T")
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)  # the latter where the damage is in a message of SQLite's own


class JournalReader:
    """Raises JournalError, in one line that names the path, for whatever cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if not path.is_file():
                raise JournalError(f"{path}: there is no such journal")
            self._db = self._opened()
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            kind = self.meta("kind") if version else None
        except UNREADABLE as error:
            raise self._unreadable(error) from error
        except OSError as error:
            raise JournalError(f"{path}: {in_words(error)}") from error
        if kind != KIND:
            raise JournalError(f"{path}: is no journal but {kind or 'a database of something else'}")
        if version > len(MIGRATIONS):
            raise JournalError(f"{path}: was written by a newer program: version {version}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._db.close()

    def meta(self, key: str) -> str | None:
        found = self.rows("SELECT value FROM meta WHERE key = ?", key)
        return str(found[0]["value"]) if found else None

    def rows(self, query: str, *parameters: object) -> list[Row]:
        try:
            return [dict(row) for row in self._db.execute(query, parameters)]
        except UNREADABLE as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> JournalError:
        passes = isinstance(error, sqlite3.OperationalError)  # the disk's, or another program's
        return (JournalError if passes else JournalDamaged)(f"{self.path}: cannot be read: {error}")

    def decoded(self, content: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._unreadable(error) from error

    def in_order(self, table: str, where: str = "1", *parameters: object) -> Iterator[Row]:
        """The rows of a table that has a `seq`, in its order."""
        after = 0
        while True:
            found = self.rows(
                f"SELECT * FROM {table} WHERE seq > ? AND ({where}) ORDER BY seq LIMIT {PIECE}",  # noqa: S608 - ours
                after,
                *parameters,
            )
            yield from found
            if len(found) < PIECE:
                return
            after = found[-1]["seq"]

    def tables(self) -> dict[str, int]:
        """Rows by table."""
        names = [row["name"] for row in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        return {n: self.rows(f'SELECT count(*) AS rows FROM "{n}"')[0]["rows"] for n in names}  # noqa: S608 - its own

    def instruments(self) -> dict[str, Instrument]:
        """By market; a market from before instruments were kept is not in it."""
        return self._of_markets("instrument")

    def references(self) -> dict[str, Instrument]:
        """By market, the instrument that its reference price comes from."""
        return self._of_markets("reference")

    def _of_markets(self, column: str) -> dict[str, Instrument]:
        if not self.rows("SELECT 1 FROM sqlite_schema WHERE name = 'markets'"):
            return {}
        found = self.rows(f"SELECT market, {column} FROM markets")  # noqa: S608 - one of the two above
        return {row["market"]: self.decoded(row[column], Instrument) for row in found}

    def orders_not_closed(self, market: str) -> list[Order]:
        """Orders that may be in the market. In a journal of an early version one that has a name there was there."""
        found = self.rows("SELECT * FROM orders WHERE market = ? AND closed = 0", market)
        try:
            return [
                Order(
                    OrderId(row["order_id"]), Side(row["side"]), Ticks(row["price"]), Lots(row["quantity"]),
                    Lots(row["filled"]), OrderState(row["state"]), row["venue_order_id"],
                    seen=bool(row.get("seen", row["venue_order_id"])),
                )
                for row in found
            ]  # fmt: skip
        except ValueError as error:
            raise self._unreadable(error) from error

    def config(self) -> SlotConfig | None:
        """The configuration in effect; None in a journal from before it was kept. Raises JournalError."""
        document = self.meta("config")
        try:
            return as_kept(document) if document else None
        except ValueError as error:
            raise JournalError(f"{self.path}: its configuration is of another version: {error}") from error

    def account(self, market: str, position: Position) -> Position:
        """`position` after all fills of a market, and what came from other slots in between."""
        found = self.in_order("fills", "market = ?", market)
        fills = ((row["seq"], self.decoded(row["payload"], OrderFilled)) for row in found)
        carried = [(row["after_fill"], self.decoded(row["account"], CarriedAccount))
                   for row in self.carried() if row["market"] == market and row["account"]]  # fmt: skip
        return booked(position, fills, carried)

    def carried(self) -> list[Row]:
        """What came from other slots, in order; a journal of an earlier version has nothing of the kind."""
        has_any = self.rows("SELECT 1 FROM sqlite_schema WHERE name = 'carried'")
        return self.rows("SELECT * FROM carried ORDER BY seq") if has_any else []

    def latches(self) -> list[Row]:
        """All halts, oldest first; `resumed_ns` and `resumed_by` are None while one holds."""
        unreleased = {"resumed_ns": None, "resumed_by": None}  # what the first version had no columns for
        return [{**unreleased, **row} for row in self.rows("SELECT * FROM latches ORDER BY at_ns")]

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._open("mode=ro")
        except sqlite3.OperationalError:  # a volume that is read-only: SQLite cannot make its index of the log
            log = self.path.with_name(f"{self.path.name}-wal")
            if log.exists() and log.stat().st_size:
                why = f"{self.path}: ended without being closed; copy it and its -wal to a folder that can be written"
                raise JournalError(why) from None
            return self._open("immutable=1")

    def _open(self, option: str) -> sqlite3.Connection:
        db = sqlite3.connect(f"{self.path.resolve().as_uri()}?{option}", uri=True)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA query_only=1")
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return db


def read_decisions(path: Path) -> Iterator[Decided]:
    """Every decision in a journal, in order."""
    with JournalReader(path) as reader:
        yield from (reader.decoded(row["payload"], Decided) for row in reader.in_order("events", "kind = 'Decided'"))
