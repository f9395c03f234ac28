"""The mark beside a journal: how far it has come. It lies in the lock file, which nobody copies or restores by habit.

A journal that was cut short or replaced by an older copy is whole in itself: SQLite finds nothing wrong with it. The
mark is written after every commit, without an fsync. In the life of one boot the page cache keeps its order, so a
journal that knows less than its mark has been damaged. After a lost node the last commits may be gone, which the
start barrier mends by asking the venue; a journal that was closed in order must still know all.
"""

import os
from pathlib import Path

import msgspec

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_WIDTH = 512  # written as one line of this length, so that a shorter one leaves nothing of a longer one


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The highest numbers that were committed."""

    boot: str = ""
    epoch: int = 0
    events: int = 0
    fills: int = 0
    uid: str = ""  # marks the orders: without it a bot that lost its journal would not know its own
    closed: bool = False  # in order, with everything checkpointed and fsynced

    @property
    def is_blank(self) -> bool:
        return not (self.epoch or self.events or self.fills)

    def binds(self, boot: str) -> bool:
        """The journal must know everything that the mark does."""
        return self.closed or (bool(self.boot) and self.boot == boot)


def read_mark(descriptor: int) -> Mark:
    """The mark in an open lock file; a blank one where there is none, or it cannot be read."""
    try:
        return msgspec.json.decode(os.pread(descriptor, _WIDTH, 0), type=Mark)
    except msgspec.DecodeError:
        return Mark()


def write_mark(descriptor: int, mark: Mark) -> None:
    """Raises OSError."""
    os.pwrite(descriptor, msgspec.json.encode(mark).ljust(_WIDTH), 0)


def boot_id() -> str:
    """Names this boot of the node; empty where the system does not say."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
