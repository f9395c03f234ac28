"""`tradingbot-runtime`: run a bot, simulate an exchange."""

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

STDERR = 2
INTERRUPTED = 130  # as a shell tells of SIGINT


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0, 1 failed, 2 a configuration that cannot be used, 3 fenced, 130 interrupted by Ctrl-C.

    SIGTERM is held back until somebody can act on it: a pod that is stopped while all this is imported may have a Lease
    to give back. (As process 1 of a container, without handler and mask, the signal would be lost.)
    """
    _hold_standard_streams()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGTERM, _end)
    try:
        from tradingbot_runtime.command_line import obey  # noqa: PLC0415 - takes a second or more

        return obey(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hold_standard_streams() -> None:
    """Where one is closed, the next socket would get its number, and libuv aborts when that one is closed."""
    with suppress(FileNotFoundError):  # a root folder without devices
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
            pass
        os.close(descriptor)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(STDERR, "w")


def _end(_: int, __: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
