"""The halts in the journal: latched, and released one by one; none is ever removed."""

import sqlite3
from collections.abc import Callable
from typing import Any

from msgspec.structs import astuple

from tradingbot_runtime.model.control import Halt

# The columns are in the order of Halt's fields.
_ADD = (
    "INSERT OR IGNORE INTO latches (id, reason, at_ns, message, market, policy, halted_by, value, broken_limit)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_RELEASE = "UPDATE latches SET resumed_ns = ?, resumed_by = ? WHERE id = ? AND resumed_ns IS NULL"
_HELD = (
    "SELECT id, reason, at_ns, message, market, policy, halted_by, value, broken_limit FROM latches"
    " WHERE resumed_ns IS NULL ORDER BY at_ns, id"
)
_RELEASED = "SELECT id FROM latches WHERE resumed_ns IS NOT NULL ORDER BY resumed_ns DESC, id LIMIT ?"


class Latches:
    """`changed` commits a statement and says whether it changed a row; it raises JournalError."""

    def __init__(self, db: sqlite3.Connection, changed: Callable[[str, tuple[Any, ...]], bool]) -> None:
        self._db = db
        self._changed = changed

    def add(self, halt: Halt) -> bool:
        """Remember a halt; False when its id is known: whether released or not, it stays as it is."""
        return self._changed(_ADD, astuple(halt))

    def release(self, halt_id: str, by: str, now_ns: int) -> bool:
        """Whether a halt of this id was in force; it stays in the journal, with who released it and when."""
        return self._changed(_RELEASE, (now_ns, by, halt_id))

    def held(self) -> list[Halt]:
        """Those in force, oldest first."""
        return [Halt(**dict(zip(Halt.__struct_fields__, row, strict=True))) for row in self._db.execute(_HELD)]

    def released(self, most: int) -> tuple[str, ...]:
        """Ids of the halts that were released, the last one first."""
        return tuple(row[0] for row in self._db.execute(_RELEASED, (most,)))
