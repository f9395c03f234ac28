"""`tradingbot-runtime`: run a bot, simulate an exchange."""

import signal
import sys
from collections.abc import Callable
from types import FrameType

from tradingbot_runtime.arguments import parser
from tradingbot_runtime.config import InvalidConfig
from tradingbot_runtime.errors import ConfigError, JournalError
from tradingbot_runtime.options import parsed

BAD_CONFIG = 2


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0, 1 failed, 2 a configuration that cannot be used, 3 fenced."""
    # First of all: as process 1 of a container, without a handler, SIGTERM would be ignored.
    signal.signal(signal.SIGTERM, _end)
    try:
        options = parsed(parser(), arguments)
        command: Callable[..., int] = options.command
        return command(options)
    except InvalidConfig as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)  # noqa: T201 - the answer to the person at the terminal
    except (ConfigError, JournalError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - as above
    return BAD_CONFIG


def _end(_: int, __: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
