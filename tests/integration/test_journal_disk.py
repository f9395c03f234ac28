"""A disk that refuses an fsync ends the bot: its orders are cancelled, and no journal in doubt is gone on with."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.runtime_process import STILL, RuntimeProcess, ours_at_venue, runtime
from harness.simulator import SimulatorProcess

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


@dataclass(frozen=True, slots=True)
class Breaking:
    """A bot that quotes, and its disk."""

    bot: RuntimeProcess
    simulator: SimulatorProcess
    broken: Path


@pytest.fixture
def breaking(tmp_path: Path) -> Iterator[Breaking]:
    broken, site = tmp_path / "broken", tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(BREAKABLE)
    environment = {"PYTHONPATH": str(site), "BROKEN_DISK": str(broken)}
    with (
        SimulatorProcess(*STILL) as simulator,
        runtime(tmp_path / "bot", simulator, environment=environment) as bot,
    ):
        bot.start().until_quoting()
        yield Breaking(bot, simulator, broken)


def assert_ended_without_its_journal(breaking: Breaking) -> None:
    assert breaking.bot.wait() == 1

    failed = breaking.bot.logged("Failed")
    assert "the journal's fsync failed: [Errno 5] Input/output error" in failed[0]["message"]
    assert ours_at_venue(breaking.bot) == set()


def test_a_failed_fsync_ends_the_process_with_its_orders_cancelled(breaking: Breaking) -> None:
    breaking.broken.touch()
    breaking.simulator.admin.deposit("USDT", "1")  # whatever is journalled next meets the disk
    breaking.simulator.admin.inject("disconnect", "user")

    assert_ended_without_its_journal(breaking)


def test_one_that_fails_only_when_the_process_is_ending_keeps_no_order_in_the_market(breaking: Breaking) -> None:
    breaking.simulator.admin.inject("drop", "order.cancel", seconds=30)  # what is sent at once does not arrive
    breaking.broken.touch()
    assert breaking.bot.process
    breaking.bot.process.send_signal(signal.SIGTERM)

    assert_ended_without_its_journal(breaking)
