"""From arguments to a command and its exit code."""

import signal
from collections.abc import Callable

from tradingbot_runtime.app import FAILED, REFUSED
from tradingbot_runtime.arguments import parser
from tradingbot_runtime.config import InvalidConfig
from tradingbot_runtime.errors import ConfigError, JournalError
from tradingbot_runtime.options import parsed
from tradingbot_runtime.standard_output import NobodyReads, Unwritable, complain, settle

ENDED = 0


def obey(arguments: list[str] | None) -> int:
    """The exit code. SIGTERM, which is held back, ends every command but those that end in order by themselves."""
    try:
        return _carried_out(arguments)
    except Unwritable as error:
        complain(str(error))
        return FAILED


def _carried_out(arguments: list[str] | None) -> int:
    """Raises Unwritable."""
    try:
        options = parsed(parser(), arguments)
        if not options.ends_in_order:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        command: Callable[..., int] = options.command
        return command(options)
    except NobodyReads:
        return ENDED
    except InvalidConfig as error:
        complain(*error.problems)
    except (ConfigError, JournalError) as error:
        complain(str(error))
    finally:
        settle()
    return REFUSED
