"""The journal: what is in it survives, what is not its own is refused, what it cannot write it does not claim."""

import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from harness.engines import BTC
from tradingbot_runtime.core.order_ids import MAX_EPOCH
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.journal import ConfigApplied, Journal
from tradingbot_runtime.journal.schema import MIGRATIONS
from tradingbot_runtime.model import Lots, Nanos, OrderFilled, OrderId, Side, Ticks
from tradingbot_runtime.model.control import Halt

RECORD = ConfigApplied(time_ns=Nanos(1), config_hash="h", document="{}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slot" / "journal.sqlite3"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal(path) as opened:
        yield opened


def order(name: str, state: OrderState, filled: int = 0) -> Order:
    return Order(OrderId(name), Side.BUY, Ticks(100), Lots(10), Lots(filled), state, "v1")


def fill(order_id: str, trade_id: str, quantity: int = 3) -> OrderFilled:
    return OrderFilled(time_ns=Nanos(5), order_id=OrderId(order_id), trade_id=trade_id, side=Side.BUY, price=Ticks(100),
                       quantity=Lots(quantity), fee=1, fee_asset="BTC")  # fmt: skip


def test_orders_come_back_as_they_were_and_filled_by_what_their_fills_say(path: Path) -> None:
    with Journal(path) as journal:
        journal.write("m", [RECORD], [order("a", OrderState.OPEN), order("b", OrderState.CANCELED)])
        assert journal.keep_fill("m", "account", BTC, fill("a", "t1"))
    with Journal(path) as journal:
        assert journal.orders_not_closed("m") == [order("a", OrderState.OPEN, filled=3)]
        assert journal.orders_not_closed("other") == []
        assert journal.order(OrderId("b")) == order("b", OrderState.CANCELED)
        assert [f.trade_id for f in journal.fills("m")] == ["t1"]


def test_a_trade_is_kept_once_over_all_lives_and_by_account_and_symbol(path: Path) -> None:
    with Journal(path) as journal:
        assert journal.keep_fill("m", "account", BTC, fill("a", "t1"))
        assert not journal.keep_fill("m", "account", BTC, fill("a", "t1"))
    with Journal(path) as journal:
        assert not journal.keep_fill("m", "account", BTC, fill("a", "t1"))
        assert journal.keep_fill("m", "another", BTC, fill("a", "t1"))


def test_epochs_rise_over_all_lives_and_above_the_configured_one(path: Path) -> None:
    epochs = []
    for floor in (0, 0, 7, 0):
        with Journal(path) as journal:
            epochs.append(journal.next_epoch(floor))

    assert epochs == [1, 2, 8, 9]


def test_used_up_epochs_are_an_error_and_not_a_repetition(journal: Journal) -> None:
    with pytest.raises(JournalError, match="used up"):
        journal.next_epoch(MAX_EPOCH)


def test_a_second_holder_is_refused_and_the_lock_ends_with_its_holder(path: Path) -> None:
    with Journal(path), pytest.raises(JournalError, match="another process trades with this journal"):
        Journal(path)
    Journal(path).close()


def test_a_journal_of_another_bot_is_refused(journal: Journal) -> None:
    journal.pin("bot", "default/ada")
    journal.pin("bot", "default/ada")

    with pytest.raises(JournalError, match="belongs to bot default/ada, not default/eve"):
        journal.pin("bot", "default/eve")


def test_a_journal_of_a_newer_program_is_refused_and_left_alone(path: Path) -> None:
    Journal(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    before = path.read_bytes()

    with pytest.raises(
        JournalError, match=rf"journal\.sqlite3: was written by a newer program: version {len(MIGRATIONS) + 1}"
    ):
        Journal(path)
    assert path.read_bytes() == before
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
    Journal(path).close()  # the refusal has let go of the lock


@pytest.mark.parametrize("damage", [b"", b"not a database, but long enough to be looked at " * 40])
def test_a_damaged_journal_is_refused_with_its_path(path: Path, damage: bytes) -> None:
    with Journal(path) as journal:
        for number in range(300):
            journal.write("m", [RECORD] * 10, [order(f"o{number}", OrderState.OPEN)])
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(damage + whole[len(damage) :] if damage else whole[:middle] + bytes(4096) + whole[middle + 4096 :])

    with pytest.raises(JournalError, match=r"journal\.sqlite3: "):
        Journal(path)


def test_halts_survive_and_are_kept_once(path: Path) -> None:
    halt = Halt(id="h1", reason="RiskBreachMaxLoss", at_ns=3, message="market btc")
    with Journal(path) as journal:
        assert journal.latches.add(halt)
        assert not journal.latches.add(halt)
    with Journal(path) as journal:
        assert journal.latches.held() == [halt]


def test_a_process_that_has_written_nothing_else_is_told_what_became_of_a_halt(path: Path) -> None:
    """The first statement on its connection: SQLite has no number of a row for it yet."""
    with Journal(path) as journal:
        assert journal.latches.add(Halt(id="h1", reason="RiskBreachMaxLoss", at_ns=3, message=""))
    with Journal(path) as journal:
        assert journal.latches.release("h1", "ann", 5)
        assert journal.latches.released(10) == ("h1",)
    with Journal(path) as journal:
        assert not journal.latches.release("h1", "bob", 6)


def test_the_days_opening_is_the_first_that_was_kept(path: Path) -> None:
    with Journal(path) as journal:
        journal.keep_day("m", 19_000, 5)
        journal.keep_day("m", 19_000, 99)
    with Journal(path) as journal:
        assert journal.day("m") == (19_000, 5)
        assert journal.day("other") is None


def test_a_commit_survives_a_kill_at_once(path: Path) -> None:
    """The intent is committed before it is sent: SIGKILL right after `write` loses nothing."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tradingbot_runtime.core.orders import Order, OrderState\n"
        "from tradingbot_runtime.journal import Journal\n"
        "from tradingbot_runtime.model import Lots, OrderId, Side, Ticks\n"
        "journal = Journal(Path(sys.argv[1]))\n"
        "journal.write('m', [], [Order(OrderId('a'), Side.BUY, Ticks(1), Lots(1))])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path)], check=False, timeout=30)

    assert killed.returncode == -signal.SIGKILL
    with Journal(path) as journal:
        assert [o.id for o in journal.orders_not_closed("m")] == ["a"]


def test_a_volume_that_is_full_is_an_error_and_then_nothing_is_claimed_to_be_kept(path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(path) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name(f"{path.name}-wal").stat().st_size + 4096, hard))
        try:
            with pytest.raises(JournalError, match="cannot be written"):
                journal.write("m", [RECORD] * 2_000, [order("first", OrderState.OPEN)])
            journal.abandon()
            journal.write("m", [RECORD], [order("last", OrderState.OPEN)])  # cancelling goes on without it
            assert journal.order(OrderId("last")) is None
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
