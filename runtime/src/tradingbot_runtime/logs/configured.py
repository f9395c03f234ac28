"""Structured logs on stdout: one JSON object a line, or readable colours in a terminal.

The event is a CamelCase reason code, the same word that metrics and conditions use; the rest are fields
(`logs.schema`). No secret is passed in on purpose; what a library or an exception has of one is taken out of the line.
"""

import asyncio
import atexit
import logging
import os
import signal
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from tradingbot_runtime.logs.levels import LEVELS
from tradingbot_runtime.logs.line_writer import LineWriter
from tradingbot_runtime.logs.schema import HEAD, LEVEL, LOGGER, TIME, exception_fields
from tradingbot_runtime.redaction import KnownSecrets

STDOUT = 1
_ENCODER = msgspec.json.Encoder(enc_hook=str)


@dataclass(slots=True)
class Logs:
    """What this process has set up; the writer's `dropped` is for metrics."""

    lines: LineWriter
    usual: str  # the level at the start
    in_terminal: bool = False  # a person who reads along knows whose lines they are
    level: str = field(init=False)
    who: dict[str, object] = field(default_factory=dict)  # in every line: whose it is

    def __post_init__(self) -> None:
        self.set_level(self.usual)

    def set_level(self, level: str) -> None:
        """One of `LEVELS`, also while running. Libraries speak only when something is wrong, unless it is debug."""
        self.level = level
        libraries = logging.DEBUG if level == "debug" else max(_number(level), logging.WARNING)
        logging.getLogger().setLevel(libraries)

    def say_more(self) -> None:
        """One level on, to `debug` at most: what a signal asks for."""
        self._move(-1)

    def say_less(self) -> None:
        """One level back, to `error` at most: what another one asks for."""
        self._move(1)

    def _move(self, by: int) -> None:
        before = LEVELS.index(self.level)
        after = LEVELS[min(max(before + by, 0), len(LEVELS) - 1)]
        self.set_level(LEVELS[min(before, LEVELS.index(after))])  # where the change itself is heard
        structlog.get_logger("logs").warning("LogLevelChanged", log_level=after)
        self.set_level(after)

    def follow_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_signal_handler(signal.SIGUSR1, self.say_more)
        loop.add_signal_handler(signal.SIGUSR2, self.say_less)

    def name(self, **who: object) -> None:
        """Put these into every line from now on."""
        self.who.update(who)

    def chosen(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """Structlog's first processor."""
        if _number(method) < _number(self.level):
            raise structlog.DropEvent
        return event if self.in_terminal else {**event, **self.who}


def configure_logs(level: str = "info", descriptor: int = STDOUT, secrets: KnownSecrets | None = None) -> Logs:
    """Send structlog's and the standard library's logs to `descriptor`; once, at the start of the process.

    `level` is one of `LEVELS`; `secrets` are in no line. The writer is flushed when the process ends.
    """
    writer = LineWriter(descriptor)
    logging.basicConfig(handlers=[_Forward()], force=True)
    logs, known = Logs(writer, level, in_terminal=os.isatty(descriptor)), secrets or KnownSecrets()
    structlog.configure(
        processors=[logs.chosen, *_processors(in_terminal=logs.in_terminal)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=lambda *names: _LineLogger(writer, str(names[0]) if names else "runtime", known),
        cache_logger_on_first_use=True,
    )
    atexit.register(writer.close)
    return logs


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()["ERROR" if level == "exception" else level.upper()]


class _LineLogger:
    """What structlog calls with the finished line."""

    def __init__(self, writer: LineWriter, name: str, secrets: KnownSecrets) -> None:
        self._write = writer.write
        self._secrets = secrets
        self.name = name

    def msg(self, line: str | bytes) -> None:
        """`line` is bytes with its newline from `_as_json`, or text from the console renderer."""
        if isinstance(line, bytes):
            self._write(self._secrets.line(line))
        else:
            self._write(f"{self._secrets.text(line)}\n".encode("utf-8", "replace"))

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
    first: list[Processor] = [_add_level, _add_logger, _add_time]
    if in_terminal:
        return [*first, structlog.dev.ConsoleRenderer(colors=_wants_colours(), timestamp_key=TIME)]
    return [*first, exception_fields, _as_json]


def _wants_colours() -> bool:
    """As https://no-color.org has it; and a terminal that calls itself dumb can show none."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _add_level(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    event[LEVEL] = "error" if method == "exception" else method
    return event


def _add_logger(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event[LOGGER] = logger.name
    return event


def _add_time(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event[TIME] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return event


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    head = {key: event.pop(key) for key in HEAD}
    return _ENCODER.encode({**head, **event}) + b"\n"
