"""The files of a journal, which a test takes away or puts back."""

import shutil
from pathlib import Path

LOCK = ".lock"


def remove(journal: Path, *more: str) -> None:
    """The journal, its log and what SQLite has beside it; `more` is what else goes, such as LOCK."""
    for end in ("", "-wal", "-shm", *more):
        journal.with_name(f"{journal.name}{end}").unlink(missing_ok=True)


def put_back(copy: Path, journal: Path, lock: Path | None = None) -> None:
    """In place of what is there, with the lock file that belongs to it or without any."""
    remove(journal, LOCK)
    shutil.copy(copy, journal)
    if lock is not None:
        shutil.copy(lock, f"{journal}{LOCK}")
