"""Structured logs on stdout: one JSON object a line, or readable colours in a terminal.

The event is a CamelCase reason code, the same word that metrics and conditions use; the rest are fields. Secrets are
never passed in, so there is nothing to filter out.
"""

import atexit
import logging
import os
from datetime import UTC, datetime

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from tradingbot_runtime.telemetry.line_writer import LineWriter

STDOUT = 1
LEVELS = ("debug", "info", "warning", "error")
_ENCODER = msgspec.json.Encoder(enc_hook=str)


def configure_logs(level: str = "info", descriptor: int = STDOUT) -> LineWriter:
    """Send structlog's and the standard library's logs to `descriptor`; once, at the start of the process.

    `level` is one of `LEVELS`. The writer is flushed when the process ends; its `dropped` is for metrics.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    writer = LineWriter(descriptor)
    structlog.configure(
        processors=_processors(in_terminal=os.isatty(descriptor)),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *names: _LineLogger(writer, str(names[0]) if names else "runtime"),
        cache_logger_on_first_use=True,
    )
    # Libraries speak only when something is wrong: asyncio's and aiohttp's unhandled exceptions come this way.
    logging.basicConfig(handlers=[_Forward()], level=max(threshold, logging.WARNING), force=True)
    atexit.register(writer.close)
    return writer


class _LineLogger:
    """What structlog calls with the finished line."""

    def __init__(self, writer: LineWriter, name: str) -> None:
        self._write = writer.write
        self.name = name

    def msg(self, line: str | bytes) -> None:
        """`line` is bytes with its newline from `_as_json`, or text from the console renderer."""
        self._write(line if isinstance(line, bytes) else f"{line}\n".encode("utf-8", "replace"))

    debug = info = warning = error = critical = exception = msg


class _Forward(logging.Handler):
    """Records of the standard library's logging, into structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        if _is_of_closed_connection(record):
            return
        log = structlog.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), **({"exc_info": record.exc_info} if record.exc_info else {}))


def _is_of_closed_connection(record: logging.LogRecord) -> bool:
    """No error: a TLS connection that we have closed got one more frame, which uvloop calls fatal.

    https://github.com/MagicStack/uvloop/issues/506
    """
    error = record.exc_info[1] if record.exc_info else None
    closed = isinstance(error, RuntimeError) and str(error).endswith("the handler is closed")
    return closed and record.name == "asyncio" and record.getMessage().startswith("Fatal error on SSL protocol")


def _processors(*, in_terminal: bool) -> list[Processor]:
    first: list[Processor] = [structlog.processors.add_log_level, _add_logger, _add_time]
    if in_terminal:
        return [*first, structlog.dev.ConsoleRenderer(colors=True, timestamp_key="ts")]
    return [*first, structlog.processors.format_exc_info, _as_json]


def _add_logger(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["logger"] = logger.name
    return event


def _add_time(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["ts"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return event


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    head = {key: event.pop(key) for key in ("ts", "level", "event", "logger")}
    return _ENCODER.encode({**head, **event}) + b"\n"
