"""The files of a journal, which a test fills, takes away or puts back."""

import shutil
from pathlib import Path

from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import Lots, OrderId, Side, Ticks

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


def write_open_orders(journal: Journal) -> None:
    """Fifty of market m, each with a commit of its own."""
    for number in range(50):
        order = Order(OrderId(f"o{number}"), Side.BUY, Ticks(1), Lots(1), Lots(0), OrderState.OPEN, "v1")
        journal.write("m", [], [order])
