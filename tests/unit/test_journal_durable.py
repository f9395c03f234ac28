"""Where a venue cannot be asked by our id, an order leaves only after its commit survives the node."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from harness.waiting import met
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import Lots, OrderId, Side, Ticks

WITHIN_S = 5.0
REAL_FSYNC = os.fdatasync


class SlowDisk:
    """The real fsync, held back until the test lets it go; the disk is the one thing that cannot be made slow."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.begun = 0
        self.ended = 0

    def __call__(self, descriptor: int) -> None:
        self.begun += 1
        assert self.let_go.wait(WITHIN_S)
        REAL_FSYNC(descriptor)
        self.ended += 1


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SlowDisk:
    slow = SlowDisk()
    monkeypatch.setattr(os, "fdatasync", slow)
    return slow


def committed(journal: Journal, name: str) -> None:
    journal.write("m", [], [Order(OrderId(name), Side.BUY, Ticks(1), Lots(1), Lots(0), OrderState.OPEN, "v1")])


def test_what_waits_for_the_disk_reaches_the_socket_after_the_fsync(tmp_path: Path, disk: SlowDisk) -> None:
    fsyncs_when_received: list[int] = []

    async def venue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        fsyncs_when_received.append(disk.ended)
        writer.close()

    async def send(journal: Journal, port: int) -> None:
        committed(journal, "a")
        await journal.durable()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"submit\n")
        await writer.drain()
        writer.close()

    async def story() -> None:
        server = await asyncio.start_server(venue, "127.0.0.1", 0)
        async with server:
            with Journal(tmp_path / "j") as journal:
                sending = asyncio.create_task(send(journal, server.sockets[0].getsockname()[1]))
                await met(lambda: disk.begun == 1)
                await asyncio.wait({sending}, timeout=0.05)
                assert not sending.done(), "the disk has not answered yet"
                disk.let_go.set()
                await sending
                await met(lambda: bool(fsyncs_when_received))

    asyncio.run(story())
    assert fsyncs_when_received == [1]


def test_all_that_wait_share_one_fsync_and_a_later_commit_gets_its_own(tmp_path: Path, disk: SlowDisk) -> None:
    async def story() -> None:
        with Journal(tmp_path / "j") as journal:
            committed(journal, "first")
            first = asyncio.create_task(journal.durable())
            await met(lambda: disk.begun == 1)
            for name in "abc":
                committed(journal, name)
            later = [asyncio.create_task(journal.durable()) for _ in range(20)]
            await asyncio.sleep(0)
            disk.let_go.set()
            await first
            assert not any(task.done() for task in later), "that fsync began before these commits"
            await asyncio.gather(*later)
            assert disk.ended == 2
            await journal.durable()
            assert disk.begun == 2, "nothing is new: nothing to wait for"

    asyncio.run(story())


def test_a_failed_fsync_releases_nobody_and_stops_every_later_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError("Input/output error")

    async def story() -> None:
        with Journal(tmp_path / "j") as journal:
            monkeypatch.setattr(os, "fdatasync", broken)
            committed(journal, "a")
            with pytest.raises(JournalError, match="the journal's fsync failed: Input/output error"):
                await journal.durable()
            monkeypatch.setattr(os, "fdatasync", REAL_FSYNC)
            for wait in (journal.durable, journal.durable):
                with pytest.raises(JournalError):
                    await wait()
            with pytest.raises(JournalError):
                committed(journal, "b")
            with pytest.raises(JournalError):
                journal.check()

    asyncio.run(story())


def test_a_waiter_that_is_cancelled_holds_up_nobody(tmp_path: Path, disk: SlowDisk) -> None:
    async def story() -> None:
        with Journal(tmp_path / "j") as journal:
            committed(journal, "a")
            gone, stays = (asyncio.create_task(journal.durable()) for _ in range(2))
            await met(lambda: disk.begun == 1)
            gone.cancel()
            disk.let_go.set()
            await asyncio.wait_for(stays, WITHIN_S)

    asyncio.run(story())
