"""Whether a journal's volume has room, and what is said where it has none.

Asked before a start touches anything: one that found out by writing would leave half of a start behind.
"""

import errno
import os
import sqlite3
from pathlib import Path

from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.os_errors import in_words

LEAST = 2**20  # bytes: SQLite's index and log, the epoch, a configuration of many markets
_PRIMARY = 0xFF  # of SQLite's extended codes
_FULL = in_words(OSError(errno.ENOSPC, ""))


def require_room(folder: Path) -> None:
    """Raises JournalError, whose message does not name the path, and OSError.

    A quota of this user's is nothing that a volume tells of.
    """
    volume = os.statvfs(folder)
    blocks = volume.f_bfree if os.geteuid() == 0 else volume.f_bavail  # some are kept for root
    free = blocks * volume.f_frsize
    says_nothing = volume.f_blocks == 0 or volume.f_flag & os.ST_RDONLY
    if free < LEAST and not says_nothing:
        raise JournalError(f"{_FULL} ({free // 1024} KiB are free, a start wants {LEAST // 1024})")


def in_words_of(error: Exception) -> str:
    """SQLite's error for a full volume says nothing else than the system's."""
    if isinstance(error, OSError):
        return in_words(error)
    code = getattr(error, "sqlite_errorcode", 0)  # one that Python's own module raises has none
    return _FULL if code & _PRIMARY == sqlite3.SQLITE_FULL else str(error)
