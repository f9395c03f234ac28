"""A disk that refuses an fsync ends the bot: its orders are cancelled, and no journal in doubt is gone on with."""

import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from harness.operator_line import Line, line_to_quoting
from harness.runtime_process import MARKET, STILL, VENUE, RuntimeProcess, ours_at_venue, rows, runtime
from harness.simulator import SimulatorProcess, book_ticker, until
from tradingbot_runtime.model.control import HaltTrading

# Loaded by the interpreter of the bot's process: the one thing that no test can bring about is a disk that breaks.
BREAKABLE = """\
import os
from pathlib import Path
real = os.fdatasync
def fdatasync(descriptor):
    if Path(os.environ["BROKEN_DISK"]).exists():
        raise OSError(5, "Input/output error")
    real(descriptor)
os.fdatasync = fdatasync
"""


FAILED_FSYNC = "the journal's fsync failed: [Errno 5] Input/output error"
FULL = "the journal cannot be written"
TAKEN_AWAY = "the journal was taken away while it is in use"
BOTH = 4 + 2  # orders; the inner layer is worth too little ether
TWO = ("--symbol", "BTCUSDT", "--symbol", "ETHUSDT")


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(*STILL, *TWO) as process:
        yield process


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """While it is there, the bot's disk is broken."""
    return tmp_path / "broken"


@pytest.fixture
def bot(simulator: SimulatorProcess, broken: Path, tmp_path: Path) -> Iterator[RuntimeProcess]:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(BREAKABLE)
    environment = {"PYTHONPATH": str(site), "BROKEN_DISK": str(broken)}
    with runtime(tmp_path / "bot", simulator, environment=environment) as process:
        yield process


@pytest.fixture
def line(bot: RuntimeProcess) -> Line:
    """To a bot that quotes."""
    return line_to_quoting(bot)


def fill_up(bot: RuntimeProcess) -> None:
    """No file of the process can get longer than its journal is now."""
    assert bot.process
    written = bot.journal.with_name(f"{bot.journal.name}-wal").stat().st_size
    resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE, (written, written))


def ask_to_end(bot: RuntimeProcess) -> None:
    """Its first cancels, sent at once, do not arrive."""
    bot.simulator.admin.inject("drop", "order.cancel", seconds=30)
    assert bot.process
    bot.process.send_signal(signal.SIGTERM)


def assert_ended_without_its_journal(bot: RuntimeProcess, why: str) -> None:
    assert bot.wait() == 1

    message = bot.logged("Failed")[0]["message"]
    assert why in message
    assert why != FULL or f"{FULL}: {bot.journal}: " in message
    assert ours_at_venue(bot) == set()


def test_a_failed_fsync_ends_the_process_with_its_orders_cancelled(line: Line, broken: Path) -> None:
    broken.touch()
    line.bot.simulator.admin.deposit("USDT", "1")  # whatever is journalled next meets the disk
    line.bot.simulator.admin.inject("disconnect", "user")

    assert_ended_without_its_journal(line.bot, FAILED_FSYNC)


def test_one_that_fails_only_when_the_process_is_ending_keeps_no_order_in_the_market(line: Line, broken: Path) -> None:
    broken.touch()
    ask_to_end(line.bot)

    assert_ended_without_its_journal(line.bot, FAILED_FSYNC)


def test_a_volume_that_is_full_just_when_it_is_asked_to_end_keeps_no_order_in_the_market(bot: RuntimeProcess) -> None:
    """What an end does first is to tell the markets, and each journals its cancels: the other one quotes no more."""
    symbols = ((name, {"venue": VENUE, "symbol": f"{name.upper()}USDT"}) for name in (MARKET, "eth"))
    bot.spec = {"markets": [{"name": name, "reference": symbol, "execution": symbol} for name, symbol in symbols]}
    bot.start().until(lambda state: sum(len(m["orders"]) for m in state["markets"].values()) == BOTH, "both quote")
    until(lambda: len(ours_at_venue(bot)) == BOTH, "all are at the venue")
    placed = bot.simulator.admin.state()["ordersPlaced"]
    fill_up(bot)
    ask_to_end(bot)

    assert_ended_without_its_journal(bot, FULL)
    assert bot.simulator.admin.state()["ordersPlaced"] == placed


def test_a_halt_that_the_volume_has_no_room_for_ends_the_process_with_its_orders_cancelled(line: Line) -> None:
    """A market that stands still writes nothing for minutes: nothing else would find out."""
    said = "SELECT value FROM meta, days WHERE key = 'risk btc'"
    until(lambda: bool(rows(line.bot.journal, said)), "all that is written of a market that has just begun is written")
    fill_up(line.bot)
    with suppress(AssertionError):  # no answer: the stream ends
        line.say(HaltTrading(term=1, by="ann", message="looks wrong"))

    assert_ended_without_its_journal(line.bot, FULL)


def test_orders_that_could_not_be_journalled_were_never_sent_and_no_end_waits_for_them(bot: RuntimeProcess) -> None:
    """The venue would prove their absence in ten seconds, which an end has not got: it said that they may be open."""
    bot.start().until_quoting()
    fill_up(bot)
    bot.simulator.admin.play([book_ticker(10**12, ("61000.00", "1"), ("61000.01", "1"))])

    assert_ended_without_its_journal(bot, FULL)
    assert bot.logged("ShutdownOutOfTime") == []
    assert bot.logged("ShutdownIncomplete") == []


@pytest.mark.parametrize("end", ["", "-wal", ".lock"])
def test_a_journal_that_is_deleted_under_a_bot_ends_it_with_its_orders_cancelled(bot: RuntimeProcess, end: str) -> None:
    """Every write to it succeeds, and none is kept: neither a fill nor an order is there at the next start."""
    bot.start().until_quoting()
    bot.journal.with_name(f"{bot.journal.name}{end}").unlink()

    assert_ended_without_its_journal(bot, TAKEN_AWAY)


def test_a_journal_that_another_file_was_put_in_the_place_of_is_not_gone_on_with(
    bot: RuntimeProcess, tmp_path: Path
) -> None:
    bot.start().until_quoting()
    copy = tmp_path / "copy"
    shutil.copy(bot.journal, copy)
    copy.replace(bot.journal)

    assert_ended_without_its_journal(bot, TAKEN_AWAY)


def test_one_that_is_deleted_just_before_the_end_is_told(line: Line) -> None:
    assert line.bot.process
    line.bot.journal.unlink()
    line.bot.process.send_signal(signal.SIGTERM)

    assert_ended_without_its_journal(line.bot, TAKEN_AWAY)
