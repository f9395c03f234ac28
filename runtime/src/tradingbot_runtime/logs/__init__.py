"""Logs of both programs: one schema, one writer that makes nobody wait, and a level that changes while they run."""

from tradingbot_runtime.logs.configured import Logs, configure_logs
from tradingbot_runtime.logs.levels import LEVELS, in_detail
from tradingbot_runtime.logs.line_writer import LineWriter
from tradingbot_runtime.logs.schema import of_bot, of_object
from tradingbot_runtime.logs.uncaught import tell_uncaught_without

__all__ = [
    "LEVELS",
    "LineWriter",
    "Logs",
    "configure_logs",
    "in_detail",
    "of_bot",
    "of_object",
    "tell_uncaught_without",
]
