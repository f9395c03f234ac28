"""Every commit gets an fsync soon, also one that is made while an fsync is running."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from harness.waiting import met
from tradingbot_runtime.journal.durability import WalSync


def test_a_commit_made_while_an_fsync_runs_gets_one_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "wal"
    log.touch()
    let_go, calls = threading.Event(), []

    def slow_disk(descriptor: int) -> None:
        calls.append(descriptor)
        assert let_go.wait(5)

    monkeypatch.setattr(os, "fdatasync", slow_disk)  # the disk is the one thing here that cannot be made slow

    async def story() -> None:
        wal = WalSync(log)
        wal.soon()
        await met(lambda: len(calls) == 1)
        wal.soon()
        wal.soon()
        let_go.set()
        await met(lambda: len(calls) == 2)
        wal.close()

    asyncio.run(story())
    assert len(calls) == 2


def test_a_failed_fsync_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "wal"
    log.touch()

    def broken_disk(_: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "fdatasync", broken_disk)

    async def story() -> WalSync:
        wal = WalSync(log)
        wal.soon()
        await met(lambda: wal.failure)
        wal.close()
        return wal

    assert str(asyncio.run(story()).failure) == "no space"
