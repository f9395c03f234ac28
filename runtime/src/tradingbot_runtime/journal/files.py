"""The files of a journal: the database, SQLite's two beside it, and the lock."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from tradingbot_runtime.errors import JournalError, JournalLocked
from tradingbot_runtime.journal.room import require_room

PRIVATE = 0o600


def lock(path: Path) -> int:
    """A descriptor that holds the journal's lock until it is closed. Raises JournalLocked and OSError."""
    descriptor = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR, PRIVATE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise JournalLocked(f"{path}: another process trades with this journal") from error
    return descriptor


def lock_where_there_is_room(path: Path) -> int:
    """The same. Raises JournalError, too, where the volume has no room for a start: nothing is made there then.

    That somebody has the journal is said first: he trades on, whatever room there is.
    """
    held = lock(path) if Path(f"{path}.lock").exists() else None
    try:
        require_room(path.parent)
    except (OSError, JournalError):
        if held is not None:
            os.close(held)
        raise
    return lock(path) if held is None else held


def keep_private(path: Path) -> None:
    """Make the journal's files its owner's alone: they tell every order. SQLite gives new ones the database's mode."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, PRIVATE))
    for file in (path, *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm", ".lock"))):
        with suppress(FileNotFoundError, PermissionError):  # of another owner, on a volume that is shared by group
            if file.stat().st_mode & 0o777 != PRIVATE:
                file.chmod(PRIVATE)
