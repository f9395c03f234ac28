"""Which signals ask a bot to end in order: those that end a process which does not listen, and come from a person."""

import signal
from collections.abc import Iterator

ALWAYS = (signal.SIGTERM, signal.SIGINT)
UNLESS_IGNORED = (signal.SIGHUP, signal.SIGQUIT)  # a terminal that is gone, and its Ctrl-\


def ending_signals() -> Iterator[signal.Signals]:
    """As this process was started: one that `nohup` started outlives its terminal."""
    yield from ALWAYS
    yield from (number for number in UNLESS_IGNORED if signal.getsignal(number) is not signal.SIG_IGN)
