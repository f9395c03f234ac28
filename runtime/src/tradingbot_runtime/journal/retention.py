"""How long the journal remembers: the oldest goes before the volume is full.

Without it a bot that decides once a second fills a volume of 1 GiB within a week, and a full volume ends the process.
What goes are events, and orders that are closed and never filled, once they are older than the events that are left.
Orders that are open or have filled, fills, and what people did (halts, configurations, credentials) stay: positions
and audits hang on them.
"""

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

KEPT = ("ConfigApplied", "ConfigRefused", "CredentialsTaken", "CredentialsNotTaken", "Halted", "Resumed")
PIECE = 50  # rows at a time: a fraction of a millisecond, and more than a bot writes in the time between
LOOKED_AT = 100  # orders at a time, by their key
NEWEST = 1_000  # rows that stay whatever their size: numbers go on from them, and the mark knows the last
OF_VOLUME = 2  # the journal takes at most one part in so many
# A venue tells of an order's fills long before, and of an order that was thought to be absent as well.
LATE_NS = 3_600_000_000_000
_MARKS = ", ".join("?" * len(KEPT))
_OLDEST = f"SELECT time_ns FROM events WHERE kind NOT IN ({_MARKS}) ORDER BY seq LIMIT 1"  # noqa: S608 - ours
_NEXT = f"SELECT order_id FROM orders WHERE order_id > ? ORDER BY order_id LIMIT {LOOKED_AT}"  # noqa: S608 - ours
_NEVER_FILLED = (
    "DELETE FROM orders WHERE order_id > ? AND order_id <= ? AND closed = 1 AND filled = 0"
    " AND max(created_ns, venue_time_ns) < ?"
    " AND NOT EXISTS (SELECT 1 FROM fills WHERE fills.order_id = orders.order_id)"
)


@dataclass(slots=True)
class Retention:
    db: sqlite3.Connection
    looked_at: str = ""  # the last order, by its id, that this round has come to

    def trim(self, most_bytes: int) -> int:
        """Delete a piece of the oldest when the database holds more than this; how many rows. Raises sqlite3.Error.

        Orders first: where events went first, orders of which nothing else is known would take their place. Freed
        pages are used again: the file itself does not shrink.
        """
        if used(self.db) <= most_bytes:
            return 0
        return self._orders() or self._events()

    def _orders(self) -> int:
        """What is older than every event that is left has no story to tell any more."""
        piece = self.db.execute(_NEXT, (self.looked_at,)).fetchall()
        if not piece:
            self.looked_at = ""  # the next round
            return 0
        after, self.looked_at = self.looked_at, piece[-1][0]
        oldest = self.db.execute(_OLDEST, KEPT).fetchone()
        before_ns = min(time.time_ns() - LATE_NS, oldest[0] if oldest else 0)
        return self.db.execute(_NEVER_FILLED, (after, self.looked_at, before_ns)).rowcount

    def _events(self) -> int:
        old = f"seq <= (SELECT max(seq) FROM events) - {NEWEST}"  # noqa: S608 - ours
        oldest = f"SELECT seq FROM events WHERE {old} AND kind NOT IN ({_MARKS}) ORDER BY seq LIMIT {PIECE}"  # noqa: S608 - as above
        return self.db.execute(f"DELETE FROM events WHERE seq IN ({oldest})", KEPT).rowcount  # noqa: S608 - as above


def used(db: sqlite3.Connection) -> int:
    """Bytes of pages that hold something."""
    pages, free, size = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def most_bytes(configured: int, journal: Path) -> int:
    """The configured limit, or less on a small volume. Raises OSError."""
    volume = os.statvfs(journal.parent)
    return min(configured, volume.f_blocks * volume.f_frsize // OF_VOLUME)
