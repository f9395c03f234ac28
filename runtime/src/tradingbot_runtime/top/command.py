"""The command: asks again and again, and shows what is said until somebody has seen enough."""

import argparse
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.live import Live

from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.standard_output import Page
from tradingbot_runtime.top.asked import NoAnswer, State, ask_state
from tradingbot_runtime.top.picture import line, picture

TOP_HELP = """\
Show one running bot, live: orders, position, profit, limits, feeds, halts. q or Ctrl-C ends it, and touches nothing.
  tradingbot-runtime top                                          # a bot of this machine
  kubectl exec -it demo-0 -- tradingbot-runtime top               # in its pod
Where the output is no terminal: a line for each look; in one that can do no more than print (TERM=dumb): a page.

Exit codes: 0 seen enough; 2 nobody answers at the address.
"""
QUIT, MOST_KEYS = b"q", 64
Pause = Callable[[float], bool]  # waits so many seconds; whether it is enough


def top(options: argparse.Namespace) -> int:
    """Raises ConfigError when nobody answers to begin with, and NobodyReads."""
    try:
        first = ask_state(options.address)
    except NoAnswer as failed:
        raise ConfigError(f"{failed}\nDoes the bot run there? Its port of /state is named by --http-port.") from failed
    page, every_s = Page(highlight=False), float(options.every)
    try:
        if options.once:
            page.print(picture(first))
        elif page.is_dumb_terminal:
            _again(page, options.address, first, every_s)
        elif page.is_terminal:
            _live(page, options.address, first, every_s)
        else:
            _lines(page, options.address, first, every_s)
    except KeyboardInterrupt:
        pass
    return 0


def _again(page: Page, address: str, first: State, every_s: float) -> None:
    """In a terminal that can show a page only below the one before (TERM=dumb)."""
    page.print(picture(first))
    with _keys() as pause:
        while not pause(every_s):
            try:
                page.print(picture(ask_state(address)))
            except NoAnswer as failed:
                page.print(f"no answer: {failed}", soft_wrap=True, markup=False)


def _live(page: Page, address: str, first: State, every_s: float) -> None:
    shown, heard = first, time.monotonic()
    with _keys() as pause, Live(picture(first), console=page, screen=True, auto_refresh=False) as live:
        while not pause(every_s):
            try:
                shown, heard = ask_state(address), time.monotonic()
                note = "q: end"
            except NoAnswer as failed:
                note = f"no answer for {time.monotonic() - heard:.0f} s: {failed}"
            live.update(picture(shown, note), refresh=True)


def _lines(page: Page, address: str, first: State, every_s: float) -> None:
    page.print(line(first), soft_wrap=True, markup=False)
    while True:
        time.sleep(every_s)
        try:
            said = line(ask_state(address))
        except NoAnswer as failed:
            said = f"no answer: {failed}"
        page.print(said, soft_wrap=True, markup=False)


@contextmanager
def _keys() -> Iterator[Pause]:
    """Keys at once and unseen, where somebody can press any; as it was afterwards."""
    if not sys.stdin.isatty():
        yield _slept
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield _pressed
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _slept(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _pressed(within_s: float) -> bool:
    """Reads the descriptor: what `sys.stdin` had taken in beforehand, `select` would not see."""
    terminal, ends = sys.stdin.fileno(), time.monotonic() + within_s
    while (left := ends - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            keys = os.read(terminal, MOST_KEYS)
            if not keys or QUIT in keys.lower():
                return True
    return False
