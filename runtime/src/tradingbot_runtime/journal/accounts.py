"""What a market's account is made of: its fills, and what came from another slot in place of earlier ones."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tradingbot_runtime.core.carried import CarriedAccount, booked, nothing
from tradingbot_runtime.core.continuity import JOURNAL_LOST
from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.model import Instrument, Nanos, OrderFilled

T = TypeVar("T")
_FILLS = "SELECT seq, payload FROM fills WHERE market = ? ORDER BY seq"
_CARRIED = "SELECT after_fill, account FROM carried WHERE market = ? AND length(account) > 0 ORDER BY seq"
_KNOWN = "SELECT 1 FROM carried WHERE market = ? AND statement = ?"
# What came from slots: a beginning at zero is no statement of another one.
_FOLLOWS = "SELECT statement FROM carried WHERE market = ? AND statement NOT LIKE ? ORDER BY seq DESC LIMIT 1"
_LATEST = "SELECT max(time_ns) FROM carried WHERE market = ? AND statement NOT LIKE ?"
_BEGINNINGS = f"{JOURNAL_LOST}.%"
_ADD = (
    "INSERT INTO carried (market, statement, after_fill, time_ns, account)"
    " VALUES (?, ?, (SELECT coalesce(max(seq), 0) FROM fills), ?, ?)"
)


class Accounts:
    """`changed` commits a statement; it raises JournalError, as reading does at a row that is damaged."""

    def __init__(self, path: Path, db: sqlite3.Connection, changed: Callable[[str, tuple[Any, ...]], object]) -> None:
        self._path = path
        self._db = db
        self._changed = changed

    def fills(self, market: str) -> Iterator[tuple[int, OrderFilled]]:
        """All of a market's, numbered, in their order."""
        return self._read(_FILLS, market, OrderFilled)

    def position(self, market: str, instrument: Instrument) -> Position:
        return booked(Position(instrument), self.fills(market), self._read(_CARRIED, market, CarriedAccount))

    @property
    def last_fill(self) -> int:
        """Its number, over all markets; 0: there is none."""
        return int(self._db.execute("SELECT coalesce(max(seq), 0) FROM fills").fetchone()[0])

    def is_known(self, market: str, statement: str) -> bool:
        return self._db.execute(_KNOWN, (market, statement)).fetchone() is not None

    def follows(self, market: str) -> str:
        """The statement that was taken over last; empty: none."""
        row = self._db.execute(_FOLLOWS, (market, _BEGINNINGS)).fetchone()
        return str(row[0]) if row else ""

    def taken_over_ns(self, market: str) -> int:
        """When another slot's account came last; 0: never."""
        found = self._db.execute(_LATEST, (market, _BEGINNINGS)).fetchone()[0]
        return int(found or 0)

    def carry(self, market: str, statement: str, now_ns: Nanos, account: CarriedAccount | None) -> None:
        """Take an account over in place of all fills so far; None: the statement has none, and is known from now on."""
        text = b"" if account is None else msgspec.json.encode(account)
        self._changed(_ADD, (market, statement, now_ns, text))

    def begin_at_zero(self, market: str, why: str, instruments: tuple[Instrument, Instrument], now_ns: Nanos) -> None:
        """Whatever the fills so far have made; once for each `why`. `instruments`: the traded one, and the reference's.

        The fills stay: which trades are known does not change, and a person can see what was found.
        """
        statement = f"{JOURNAL_LOST}.{why}"
        if not self.is_known(market, statement):
            self.carry(market, statement, now_ns, nothing(*instruments, now_ns))

    def carry_day(self, market: str, day: int, opening: int) -> None:
        """As another slot began it, whatever this one had."""
        self._changed("INSERT OR REPLACE INTO days VALUES (?, ?, ?)", (market, day, opening))

    def forget_day(self, market: str) -> None:
        """The latest day begins anew with its next valuation."""
        self._changed("DELETE FROM days WHERE market = ? AND day = (SELECT max(day) FROM days WHERE market = ?)",
                      (market, market))  # fmt: skip

    def kept(self, prefix: str) -> list[str]:
        """The keys of `meta` that begin so and hold something."""
        query = "SELECT key FROM meta WHERE substr(key, 1, ?) = ? AND value != ''"
        return [row[0] for row in self._db.execute(query, (len(prefix), prefix))]

    def _read(self, query: str, market: str, kind: type[T]) -> Iterator[tuple[int, T]]:
        decode = msgspec.json.Decoder(kind).decode
        for number, payload in self._db.execute(query, (market,)):
            try:
                yield number, decode(payload)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise JournalError(f"{self._path}: an account is damaged: {error}") from error
