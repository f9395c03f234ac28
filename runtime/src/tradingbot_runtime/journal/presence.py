"""Whether the journal's files are still where they were opened: one that is deleted takes every write, and keeps none.

By path, and not by the number of links: a file that was moved away is not what the next process opens either.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from tradingbot_runtime.errors import JournalError

LOOK_S = 1.0
ENDS = ("", "-wal", ".lock")  # `-shm` is an index, which SQLite makes anew


@dataclass(slots=True)
class Presence:
    """Of a journal that was just opened."""

    journal: Path
    opened: dict[Path, tuple[int, int] | None] = field(init=False)  # each file's device and number there

    def __post_init__(self) -> None:
        files = (self.journal.with_name(f"{self.journal.name}{end}") for end in ENDS)
        self.opened = {file: _inode(file) for file in files}

    def look(self) -> None:
        """Raises JournalError. Three calls of `stat`, which on a local disk take microseconds."""
        for file, inode in self.opened.items():
            if inode is None or _inode(file) != inode:
                raise JournalError(f"the journal was taken away while it is in use: {file} is missing, or another file")

    async def watch(self) -> None:
        """Until cancelled; beside the tick path, never on it. Raises JournalError."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)


def _inode(file: Path) -> tuple[int, int] | None:
    """None: there is none. A folder that cannot be looked into proves nothing."""
    try:
        found = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
