"""How long the journal remembers: the oldest events go before the volume is full.

Without it a bot that decides once a second fills a volume of 1 GiB within a week, and a full volume ends the process.
Orders, fills, halts and configurations stay: positions and audits of halts hang on them.
"""

import os
import sqlite3
from pathlib import Path

KEPT = ("ConfigApplied", "Halted", "Resumed")
PIECE = 50  # rows at a time: a fraction of a millisecond, and more than a bot writes in the time between
NEWEST = 1_000  # rows that stay whatever their size: numbers go on from them, and the mark knows the last
OF_VOLUME = 2  # the journal takes at most one part in so many


def trim(db: sqlite3.Connection, most_bytes: int) -> int:
    """Delete a piece of the oldest events when the database holds more than this; how many rows. Raises sqlite3.Error.

    Freed pages are used again: the file itself does not shrink.
    """
    if used(db) <= most_bytes:
        return 0
    marks = ", ".join("?" * len(KEPT))
    old = f"seq <= (SELECT max(seq) FROM events) - {NEWEST}"  # noqa: S608 - ours
    oldest = f"SELECT seq FROM events WHERE {old} AND kind NOT IN ({marks}) ORDER BY seq LIMIT {PIECE}"  # noqa: S608 - as above
    return db.execute(f"DELETE FROM events WHERE seq IN ({oldest})", KEPT).rowcount  # noqa: S608 - as above


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
