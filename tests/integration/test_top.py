"""`top` shows a real bot in a real terminal, and leaves both as they were."""

import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from harness.lives import RUNTIME
from harness.prometheus import free_port
from harness.runtime_process import RuntimeProcess, ours_at_venue

WITHIN_S = 30.0
TOP = (sys.executable, "-m", RUNTIME, "top")
SIZE = {"COLUMNS": "160", "LINES": "60", "TERM": "xterm"}


def address(bot: RuntimeProcess) -> str:
    return f"127.0.0.1:{bot.port}"


def top(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run((*TOP, *arguments), check=False, capture_output=True, text=True, timeout=WITHIN_S,
                          env={**os.environ, **SIZE})  # fmt: skip


@dataclass
class Watched:
    """A `top` in a terminal of its own."""

    process: subprocess.Popen[bytes]
    terminal: int
    seen: str = ""
    before: list[object] = field(default_factory=list)

    def until_seen(self, text: str) -> None:
        deadline = time.monotonic() + WITHIN_S
        while text not in self.seen:
            assert time.monotonic() < deadline, f"no {text!r} in {self.seen[-4000:]}"
            if select.select([self.terminal], [], [], 0.1)[0]:
                self.seen += os.read(self.terminal, 65536).decode(errors="replace")

    def press(self, key: str) -> int:
        """The exit code."""
        os.write(self.terminal, key.encode())
        return self.process.wait(WITHIN_S)


@contextmanager
def watched(*arguments: str, **environment: str) -> Iterator[Watched]:
    terminal, own = pty.openpty()
    before = termios.tcgetattr(own)
    process = subprocess.Popen((*TOP, *arguments), stdin=own, stdout=own, stderr=own,
                               env={**os.environ, **SIZE, **environment},
                               start_new_session=True)  # fmt: skip
    try:
        yield Watched(process, terminal, before=before)
        assert termios.tcgetattr(own) == before, "the terminal is as it was"
    finally:
        process.kill()
        process.wait(WITHIN_S)
        os.close(own)
        os.close(terminal)


def test_one_look_says_what_the_bot_does(bot: RuntimeProcess) -> None:
    ended = top(address(bot), "--once")
    assert ended.returncode == 0, ended.stderr
    state = bot.state()
    for word in (state["bot"], "Active", "position", "profit today", "maxPosition", "BTCUSDT", "Open"):
        assert word in ended.stdout, word
    for order in state["markets"]["btc"]["orders"]:
        assert order["price"] in ended.stdout


def test_a_terminal_shows_it_live_until_q_and_the_bot_goes_on(bot: RuntimeProcess) -> None:
    orders = ours_at_venue(bot)
    with watched(address(bot), "--every", "0.1") as shown:
        shown.until_seen("q: end")
        shown.until_seen("profit today")
        assert shown.press("x" + "q") == 0
    assert ours_at_venue(bot) == orders
    assert bot.state()["state"] == "Active"


def test_a_terminal_that_can_only_print_gets_a_page_each_time(bot: RuntimeProcess) -> None:
    with watched(address(bot), "--every", "0.1", TERM="dumb") as shown:
        for _ in range(2):
            shown.seen = ""
            shown.until_seen("profit today")
        assert "\x1b" not in shown.seen
        assert shown.press("q") == 0


@pytest.mark.parametrize("form", ["{}", "{}/", "http://{}", "http://{}/state", "http://{}/state/"])
def test_the_address_that_the_log_names_is_taken_as_it_stands(bot: RuntimeProcess, form: str) -> None:
    assert top(form.format(address(bot)), "--once").returncode == 0
    (said,) = bot.logged("HttpListening")
    assert said["url"] == f"http://{address(bot)}/state"


def test_without_a_price_there_is_a_dash(bot: RuntimeProcess) -> None:
    bot.simulator.admin.inject("silence", "*bookTicker", seconds=600)
    bot.until(lambda state: state["markets"]["btc"]["referenceBid"] is None, "the feed is lost", WITHIN_S)
    shown = top(address(bot), "--once").stdout
    assert "simulator  - / -" in shown
    assert "None" not in shown


def test_a_bot_that_goes_away_is_told_and_what_was_seen_stays(bot: RuntimeProcess) -> None:
    with watched(address(bot), "--every", "0.1") as shown:
        shown.until_seen("q: end")
        assert bot.terminate()[0] == 0
        shown.seen = ""
        shown.until_seen("no answer for")
        shown.until_seen("BTCUSDT")
        assert shown.press("q") == 0


def test_a_pipe_gets_lines_and_may_end_when_it_likes(bot: RuntimeProcess) -> None:
    line = f"{sys.executable} -m {RUNTIME} top {address(bot)} --every 0.1 | head -n 3; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", line], check=False, capture_output=True, text=True, timeout=WITHIN_S)
    *lines, code = ended.stdout.splitlines()
    assert code == "0", ended.stderr
    assert len(lines) == 3
    assert all(line.startswith("Active: BTCUSDT  reference ") for line in lines)


@pytest.mark.parametrize(("arguments", "complaint"), [
    ((f"127.0.0.1:{free_port()}",), "Connection refused"),
    (("ftp://127.0.0.1",), "must be host:port"),
    (("127.0.0.1:nothing",), "nonnumeric port"),
    (("--every", "0"), "--every 0: must be a number, 0.1 to 3600"),
])  # fmt: skip
def test_where_no_bot_answers_it_says_so(arguments: tuple[str, ...], complaint: str) -> None:
    ended = top(*arguments)
    assert ended.returncode == 2
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_is_no_bot_is_not_shown(bot: RuntimeProcess) -> None:
    ended = top(f"{address(bot)}/healthz")
    assert ended.returncode == 2
    assert "404" in ended.stderr
