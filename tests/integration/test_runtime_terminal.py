"""A bot that a person runs in a terminal: whatever becomes of the terminal, no order is left behind."""

import fcntl
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import termios
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.lives import RUNTIME
from harness.runtime_process import Process, RuntimeProcess, ours_at_venue
from harness.simulator import SimulatorProcess, until

PATIENT_S = 30.0
ORDERS = 4


@dataclass
class InShell(RuntimeProcess):
    """Started by this line of a shell, in which "$@" is the command; its log may go where nobody reads it."""

    line: str = ""

    def _begin(self, arguments: list[str], environment: Mapping[str, str]) -> Process:
        command = [sys.executable, "-m", RUNTIME, *arguments]
        with self._log.open("ab") as output:
            return subprocess.Popen(["bash", "-c", self.line, "bash", *command], stdout=output, stderr=output,
                                    env={**os.environ, **environment})  # fmt: skip


@dataclass
class InTerminal(RuntimeProcess):
    """The first process of a terminal of its own, as `ssh HOST tradingbot-runtime ...` makes one."""

    terminal: int = -1

    def _begin(self, arguments: list[str], environment: Mapping[str, str]) -> Process:
        self.terminal, own = pty.openpty()
        command = [sys.executable, "-m", RUNTIME, *arguments]
        process = subprocess.Popen(
            command, stdin=own, stdout=own, stderr=own, env={**os.environ, **environment}, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no thread of ours runs yet
        )  # fmt: skip
        os.close(own)
        return process


def until_in_the_market(bot: RuntimeProcess) -> None:
    """By what the venue says: not every one of these bots has a log."""

    def has_orders() -> bool:
        with suppress(sqlite3.OperationalError):  # is being made
            return len(ours_at_venue(bot)) == ORDERS
        return False

    until(has_orders, "its orders are open", PATIENT_S)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT, signal.SIGINT])
def test_what_a_terminal_may_send_ends_a_bot_in_order(bot: RuntimeProcess, number: signal.Signals) -> None:
    assert len(ours_at_venue(bot)) == ORDERS
    assert bot.process is not None
    bot.process.send_signal(number)

    assert bot.wait() == 0, bot.output()
    assert ours_at_venue(bot) == set()


def test_a_terminal_that_is_closed_leaves_no_order_behind(simulator: SimulatorProcess, tmp_path: Path) -> None:
    bot = InTerminal(tmp_path, simulator)
    bot.launch()
    try:
        until_in_the_market(bot)
        os.close(bot.terminal)

        assert bot.wait(PATIENT_S) == 0
        assert ours_at_venue(bot) == set()
    finally:
        if bot.running:
            bot.kill()


def test_a_hang_up_that_is_told_twice_does_not_cut_the_end_short(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    """The kernel and the shell each tell of it, and a busy shell takes its time."""
    simulator.admin.inject("http-5xx", "*", seconds=4)
    assert bot.process is not None
    bot.process.send_signal(signal.SIGHUP)
    until(lambda: len(bot.logged("CancelAllFailed")) >= 3, "it insists")
    bot.process.send_signal(signal.SIGHUP)

    assert bot.wait(PATIENT_S) == 0, bot.output()
    assert ours_at_venue(bot) == set()


def test_with_nohup_a_bot_outlives_its_terminal(simulator: SimulatorProcess, tmp_path: Path) -> None:
    bot = InShell(tmp_path, simulator, line='exec nohup "$@"')
    bot.start().until_quoting()
    try:
        assert bot.process is not None
        bot.process.send_signal(signal.SIGHUP)
        bot.get("/state")  # by then it would have heard
        state = bot.state()

        assert (state["state"], len(ours_at_venue(bot))) == ("Active", ORDERS)
        assert bot.terminate()[0] == 0, bot.output()
    finally:
        if bot.running:
            bot.kill()


@pytest.mark.parametrize("line", ['exec "$@" >&-', 'exec "$@" <&- >&- 2>&-', 'exec "$@" > >(true)'])
def test_without_anybody_who_reads_its_output_a_bot_trades_and_ends_in_order(
    simulator: SimulatorProcess, tmp_path: Path, line: str
) -> None:
    bot = InShell(tmp_path, simulator, line=line)
    bot.launch()
    try:
        until_in_the_market(bot)
        assert bot.terminate()[0] == 0
    finally:
        if bot.running:
            bot.kill()
    assert ours_at_venue(bot) == set()
