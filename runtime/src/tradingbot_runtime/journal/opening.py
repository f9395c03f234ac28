"""Opening a journal: look before touching, refuse what is damaged and leave it as it is, migrate forward or not at all.

Everything is checked through a read-only connection: a writing one would copy the write-ahead log into a damaged
file when it is closed. Formats: https://www.sqlite.org/fileformat2.html, sections 1.3 and 4.
"""

import os
import sqlite3
import struct
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.journal.files import PRIVATE
from tradingbot_runtime.journal.mark import Mark, boot_id
from tradingbot_runtime.journal.schema import KIND, MIGRATIONS

LOCKED_WITHIN_S = 1.0  # another process' write transaction is waited for; longer would be a stall in the market
_MAGIC = b"SQLite format 3\0"
_HEADER = 100  # bytes
_WAL_HEADER = 32
_FRAME_HEADER = struct.Struct(">6I")  # page, size of the database after a commit, two salts, two checksums
_LARGEST_PAGE = 65_536
LIVES_AFTER_A_COPY = 256
COPIES_PLACES = 2_048  # so that a journal may be put back some thirty times before its epochs are used up
MOVE_ASIDE = "put the whole journal back, or move it and its -wal aside to start without it, halted"


class Found(NamedTuple):
    """What there was when the journal was opened."""

    knows: Mark = Mark()  # how far the journal has come
    behind: str = ""  # why it knows less than there has been; empty: it is the latest
    epoch_floor: int = 0  # its epochs go on above this


class Pages(NamedTuple):
    """Where a database's pages are, by the headers alone."""

    size: int  # of a page, in bytes
    total: int  # that the database has
    whole: int  # in the file itself, complete
    logged: frozenset[int]  # in the write-ahead log

    @property
    def missing(self) -> int:
        """How many pages are in neither; 0 for a file that is whole."""
        return sum(1 for page in range(self.whole + 1, self.total + 1) if page not in self.logged)


def verify(path: Path, mark: Mark) -> Found:
    """Look at the journal's files without changing them. Raises JournalError, whose message does not name the path."""
    log = path.with_name(f"{path.name}-wal")
    size = path.stat().st_size if path.exists() else 0
    if size == 0:
        if log.exists() and log.stat().st_size:
            raise JournalError(f"is missing or empty, but its {log.name} is there: {MOVE_ASIDE}")
        if path.exists() and not mark.is_blank:
            raise JournalError(f"is empty, and had {mark.events} events: {MOVE_ASIDE}")
        return _new(mark, "is missing")
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if not header.startswith(_MAGIC[: len(header)]):
        raise JournalError("is no journal: not a SQLite database")
    if len(header) < _HEADER or (missing := pages(size, header, log).missing):
        lacks = "its header" if len(header) < _HEADER else f"{missing} of its pages"
        raise JournalError(f"is damaged, {lacks} cut off: {MOVE_ASIDE}")
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=LOCKED_WITHIN_S)) as db:
        return _judge(db, mark)


def pages(size: int, header: bytes, log: Path) -> Pages:
    """Which pages there are, from a database of `size` bytes that begins with `header`, and its write-ahead log."""
    page_size, total = struct.unpack_from(">H", header, 16)[0], struct.unpack_from(">I", header, 28)[0]
    page_size = _LARGEST_PAGE if page_size == 1 else max(page_size, 512)
    logged: set[int] = set()
    pending: set[int] = set()
    for page, commit in _frames(log, page_size):
        pending.add(page)
        if commit:
            logged, pending, total = logged | pending, set(), commit
    return Pages(page_size, total, size // page_size, frozenset(logged))


def _frames(log: Path, page_size: int) -> list[tuple[int, int]]:
    """(page, size after a commit or 0) of the frames of the log's latest generation."""
    if not log.exists():
        return []
    found = []
    with log.open("rb") as file:
        salts = file.read(_WAL_HEADER)[16:24]
        while len(head := file.read(_FRAME_HEADER.size)) == _FRAME_HEADER.size and head[8:16] == salts:
            page, commit, *_ = _FRAME_HEADER.unpack(head)
            if len(file.read(page_size)) < page_size:
                break
            found.append((page, commit))
    return found


def _judge(db: sqlite3.Connection, mark: Mark) -> Found:
    if (verdict := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise JournalError(f"is damaged: {' '.join(verdict.split())}")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise JournalError(f"was written by a newer program: version {version}, known here: {len(MIGRATIONS)}")
    if version == 0:
        if db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise JournalError("is no journal: a SQLite database of something else")
        return _new(mark, "is empty")
    if (kind := _meta(db, "kind")) not in (KIND, None):  # none: ended between its creation and its first row
        raise JournalError(f"is no journal but a {kind}")
    has = Mark(epoch=int(_meta(db, "epoch") or 0), events=_last(db, "events"), fills=_last(db, "fills"))
    short = [f"{name} {getattr(has, name)} of {getattr(mark, name)}" for name in ("epoch", "events", "fills")
             if getattr(has, name) < getattr(mark, name)]  # fmt: skip
    if short and mark.binds(boot_id()):
        raise JournalError(f"was cut short or replaced by an older copy ({', '.join(short)}): {MOVE_ASIDE}")
    if has.epoch and mark.is_blank:
        copy = "the journal lies here without its lock file: it may be an older copy"
        return Found(has, copy, has.epoch + _copies_stride())
    # The epoch is durable long before the first order leaves: a lost node explains missing events, not this.
    return Found(has, f"the journal is an older copy ({', '.join(short)})" if has.epoch < mark.epoch else "")


def _copies_stride() -> int:
    """Over the lives that a copy does not know, and over those of other copies, put to use in another minute."""
    return LIVES_AFTER_A_COPY + int(time.time() // 60) % COPIES_PLACES


def _new(mark: Mark, what: str) -> Found:
    return Found(behind="" if mark.is_blank else f"the journal {what}; its mark knows {mark.events} events")


def _meta(db: sqlite3.Connection, key: str) -> str | None:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


def _last(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT coalesce(max(seq), 0) FROM {table}").fetchone()[0])  # noqa: S608 - a name above


def connect(path: Path) -> sqlite3.Connection:
    """The writing connection to a journal that `verify` found good; migrated. Raises sqlite3.Error and OSError."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=True, timeout=LOCKED_WITHIN_S)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        migrate(db, path)
        db.execute("INSERT OR IGNORE INTO meta VALUES ('kind', ?)", (KIND,))  # now there is a WAL
        _sync_folder(path.parent)  # a new file's name must survive the node as well
    except BaseException:
        db.close()
        raise
    return db


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """All missing migrations in one transaction, after a backup of what there was. Raises sqlite3.Error and OSError."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == len(MIGRATIONS):
        return
    if version > 0:
        _back_up(db, path.with_name(f"{path.name}.v{version}"))
    steps = " ".join(MIGRATIONS[version:])
    try:
        db.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version={len(MIGRATIONS)}; COMMIT;")
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def _back_up(db: sqlite3.Connection, backup: Path) -> None:
    """Once for each version: a second try must not replace a good copy."""
    if backup.exists():
        return
    partial = backup.with_name(f"{backup.name}.partial")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_WRONLY, PRIVATE))
    db.execute("VACUUM INTO ?", (str(partial),))
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.rename(backup)
    _sync_folder(backup.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
