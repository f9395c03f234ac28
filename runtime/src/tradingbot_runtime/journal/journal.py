"""The journal: SQLite in WAL mode on the slot's volume. What is not in here has not happened.

An intent is committed before it is sent. With `synchronous=NORMAL` a commit survives the process; an fsync of the WAL
follows within `durability.FSYNC_WITHIN_S`, off the tick path, so that a lost node loses no more than that (and the
venue's own order list, by client id, closes that gap at the start barrier).
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from msgspec.structs import replace

from tradingbot_runtime.core.order_ids import MAX_EPOCH
from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.errors import JournalError, JournalLocked
from tradingbot_runtime.journal.accounts import Accounts
from tradingbot_runtime.journal.durability import WalSync
from tradingbot_runtime.journal.files import keep_private, lock_where_there_is_room
from tradingbot_runtime.journal.latches import Latches
from tradingbot_runtime.journal.mark import boot_id, read_mark, write_mark
from tradingbot_runtime.journal.opening import connect, verify
from tradingbot_runtime.journal.records import AnyRecord, ConfigApplied
from tradingbot_runtime.journal.retention import Retention
from tradingbot_runtime.journal.room import in_words_of
from tradingbot_runtime.journal.rows import ORDERS, order_of
from tradingbot_runtime.metric_families import Histogram
from tradingbot_runtime.model import Instrument, OrderFilled, OrderId

BEHIND, CONFIG, EPOCH, UID = "behind", "config", "epoch", "uid"  # keys in `meta`


class Journal:
    """One process owns it: the lock file beside it stands in for the slot's Lease where there is no cluster."""

    def __init__(self, path: Path) -> None:
        """Raises JournalError when another process has it, or it is damaged or newer than this program.

        A journal that is refused is left as it is, byte by byte; SQLite's index of its log holds none of it.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = lock_where_there_is_room(path)
        except JournalLocked:
            raise
        except (OSError, JournalError) as error:
            raise JournalError(f"{path}: {in_words_of(error)}") from error
        try:
            found = verify(path, mark := read_mark(self._lock))
            keep_private(path)
            self._db = connect(path)
            self._wal = WalSync(Path(f"{path}-wal"))
            if found.behind:  # remembered until the start barrier has settled it; epochs go on above the lost ones
                floor = max(found.epoch_floor, mark.epoch)
                rows = ((BEHIND, found.behind), (EPOCH, str(floor)), *([(UID, mark.uid)] if mark.uid else []))
                self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
            epoch = max(found.knows.epoch, mark.epoch)
            self._mark = replace(found.knows, epoch=epoch, boot=boot_id(), uid=mark.uid)
            write_mark(self._lock, self._mark)
        except (sqlite3.Error, OSError, ValueError, JournalError) as error:
            os.close(self._lock)
            said = in_words_of(error)
            said = f"is damaged: {error}" if isinstance(error, ValueError) else said  # no UTF-8, no number
            raise JournalError(f"{path}: {said}") from error
        self.path = path
        self._encode = msgspec.json.Encoder().encode
        self.commits = Histogram()
        self.latches = Latches(self._db, lambda *change: self._change(*change) is not None)
        self.accounts = Accounts(path, self._db, self._change)
        self._retention = Retention(self._db)
        self.is_abandoned = False
        self._failed = ""  # why a write failed, first

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with suppress(sqlite3.Error, JournalError):  # a full volume: the next process reads the WAL
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            self._keep_mark(closed=not busy)
        self._wal.close()
        self._db.close()
        os.close(self._lock)

    # -- durability ----------------------------------------------------------------------------------------------

    async def durable(self) -> None:
        """Return when all that has been committed survives the node. Raises JournalError when the disk says no.

        Concurrent callers share one fsync. What a venue cannot find by our id is sent after this, never before.
        """
        if not self.is_abandoned:
            await self._wal.durable()

    def check(self) -> None:
        """Raises JournalError when an fsync or a write has failed, whoever heard of it then.

        A halt that the volume has no room for must end the process, and not only the command.
        """
        if self._wal.failure is not None and not self.is_abandoned:
            raise JournalError(f"the journal's fsync failed: {self._wal.failure}") from self._wal.failure
        if self._failed and not self.is_abandoned:
            raise JournalError(self._failed)

    def _keep_mark(self, **changes: int | str) -> None:
        """Raises JournalError."""
        self._mark = replace(self._mark, **changes)
        with self._failing_loudly("the journal's mark"):
            write_mark(self._lock, self._mark)

    # -- identity ------------------------------------------------------------------------------------------------

    def pin(self, key: str, value: str) -> None:
        """Bind the journal to `value`; JournalError when it is bound to another one."""
        kept = self.meta(key)
        if kept is None:
            self.put(key, value)
        elif kept != value:
            raise JournalError(f"the journal belongs to {key} {kept}, not {value}: it holds another one's orders")

    def meta(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def put(self, key: str, value: str) -> None:
        self._change("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def keep(self, key: str, value: str) -> str:
        """The value of the first time: `value` now, and the same ever after."""
        kept = self.meta(key)
        if kept is None:
            self.put(key, value)
        if key == UID and self._mark.uid != (kept or value):
            self._keep_mark(uid=kept or value)
        return kept or value

    @property
    def behind(self) -> str:
        """Why this journal knows less than there has been; empty: it knows all, or that was settled."""
        return self.meta(BEHIND) or ""

    def settle_behind(self) -> None:
        """What was missing has been rebuilt, or a halt holds because of it."""
        self._change("DELETE FROM meta WHERE key = ?", (BEHIND,))

    @property
    def last_epoch(self) -> int:
        """Of the latest process; 0: there was none."""
        return int(self.meta(EPOCH) or 0)

    def next_epoch(self, floor: int) -> int:
        """A number greater than `floor` and than every one given before; part of every order id."""
        epoch = max(floor, self.last_epoch) + 1
        if epoch > MAX_EPOCH:
            raise JournalError("the epochs are used up: start with a new volume")
        self.put(EPOCH, str(epoch))
        self._keep_mark(epoch=epoch)
        return epoch

    # -- writing -------------------------------------------------------------------------------------------------

    def write(self, market: str, records: Iterable[AnyRecord], orders: Iterable[Order]) -> None:
        """Commit records and the state of the orders that they touched, in one transaction. Raises JournalError."""
        if self.is_abandoned:
            return
        started = time.perf_counter_ns()
        with self._failing_loudly():
            last = self._commit(market, records, orders)
        if last:
            self._keep_mark(events=last)
        self.commits.observe(time.perf_counter_ns() - started)
        self._wal.soon()

    def _commit(self, market: str, records: Iterable[AnyRecord], orders: Iterable[Order]) -> int:
        """The number of the last record; 0 when there was none."""
        db, encode, last = self._db, self._encode, 0
        db.execute("BEGIN IMMEDIATE")
        for record in records:
            cursor = db.execute(
                "INSERT INTO events (time_ns, market, kind, payload) VALUES (?, ?, ?, ?)",
                (record.time_ns, market, type(record).__name__, encode(record)),
            )
            last = cursor.lastrowid or 0
            if isinstance(record, ConfigApplied):
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (CONFIG, record.document))
        for order in orders:
            db.execute(
                "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (order_id) DO UPDATE SET"
                " filled = excluded.filled, state = excluded.state, venue_order_id = excluded.venue_order_id,"
                " closed = excluded.closed, seen = excluded.seen, venue_time_ns = excluded.venue_time_ns",
                (order.id, market, order.side, order.price, order.quantity, order.filled, order.state,
                 order.venue_order_id, order.is_closed, time.time_ns(), order.replaces, order.seen,
                 order.venue_time_ns),
            )  # fmt: skip
        db.execute("COMMIT")
        return last

    def _change(self, statement: str, parameters: tuple[object, ...]) -> int | None:
        """Commit one statement; None when it changed nothing. Raises JournalError.

        Else the number of the row that was inserted last, into a table that numbers its rows; 0: none so far.
        """
        if self.is_abandoned:
            return None
        with self._failing_loudly():
            cursor = self._db.execute(statement, parameters)
        if cursor.rowcount != 1:
            return None
        self._wal.soon()
        return cursor.lastrowid or 0

    @contextmanager
    def _failing_loudly(self, what: str = "the journal") -> Iterator[None]:
        """What cannot be journalled must not be sent: the error ends the process."""
        self.check()
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self._failed = f"{what} cannot be written: {self.path}: {in_words_of(error)}"
            raise JournalError(self._failed) from error

    def trim(self, most_bytes: int) -> None:
        """Drop a piece of the oldest while the journal holds more than this. Called by a timer. Raises JournalError."""
        if not self.is_abandoned:
            with self._failing_loudly():
                self._retention.trim(most_bytes)

    def abandon(self) -> None:
        """Write no more: after a failed write all that is left is to cancel, which must not fail for it as well.

        The next process asks the venue about every order that is not closed in here.
        """
        self.is_abandoned = True

    def keep_fill(self, market: str, account: str, instrument: Instrument, fill: OrderFilled) -> bool:
        """Remember a trade; False when it was known, which makes a fill apply once across restarts."""
        row = (instrument.venue, account, instrument.symbol, fill.trade_id, market, fill.order_id, fill.quantity,
               self._encode(fill))  # fmt: skip
        if self.is_abandoned:
            return True
        last = self._change(
            "INSERT OR IGNORE INTO fills (venue, account, symbol, trade_id, market, order_id, quantity, payload)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        if last:
            self._keep_mark(fills=last)
        return bool(last)

    def keep_market(self, market: str, instrument: Instrument, reference: Instrument) -> None:
        """What the integers of this market's rows mean."""
        row = (market, self._encode(instrument), self._encode(reference))
        self._change("INSERT OR REPLACE INTO markets VALUES (?, ?, ?)", row)

    def keep_day(self, market: str, day: int, opening: int) -> None:
        self._change("INSERT OR IGNORE INTO days VALUES (?, ?, ?)", (market, day, opening))

    # -- reading -------------------------------------------------------------------------------------------------

    def orders_not_closed(self, market: str) -> list[Order]:
        """Orders that may be in the market; what is filled of them is counted from their fills."""
        rows = self._db.execute(f"{ORDERS} WHERE market = ? AND closed = 0", (market,))
        return [order_of(row) for row in rows]

    def has_orders_but(self, account: str) -> bool:
        """Whether there has ever been one that is not filed under `account` (`live.ledger_of`)."""
        query = "SELECT 1 FROM orders WHERE market NOT LIKE ? LIMIT 1"
        return self._db.execute(query, (f"%/{account}",)).fetchone() is not None

    def order(self, order_id: OrderId) -> Order | None:
        row = self._db.execute(f"{ORDERS} WHERE order_id = ?", (order_id,)).fetchone()
        return order_of(row) if row else None

    def order_named(self, market: str, venue_order_id: str) -> OrderId | None:
        """Our id of the order that the venue calls so."""
        query = "SELECT order_id FROM orders WHERE market = ? AND venue_order_id = ? AND venue_order_id != ''"
        row = self._db.execute(query, (market, venue_order_id)).fetchone()
        return OrderId(row[0]) if row else None

    def fills(self, market: str) -> Iterator[OrderFilled]:
        """All of a market's, in their order. Raises JournalError at one that is damaged."""
        return (fill for _, fill in self.accounts.fills(market))

    def day(self, market: str) -> tuple[int, int] | None:
        """The latest day and its opening profit."""
        query = "SELECT day, opening FROM days WHERE market = ? ORDER BY day DESC LIMIT 1"
        row: tuple[int, int] | None = self._db.execute(query, (market,)).fetchone()
        return row
