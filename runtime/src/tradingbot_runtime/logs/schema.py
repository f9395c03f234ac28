"""The fields of a log line, each declared once; docs/reference/logs.md is generated from this.

Names that OpenTelemetry's semantic conventions have are used as they are (registry of attributes, 1.37); a line's own
four are short, because people read them, and are named beside what its log data model calls them.
"""

import sys
import traceback
from dataclasses import dataclass

from structlog.typing import EventDict, WrappedLogger

TIME, LEVEL, EVENT, LOGGER = "ts", "level", "event", "logger"
HEAD = (TIME, LEVEL, EVENT, LOGGER)
SERVICE, VERSION = "service.name", "service.version"
NAMESPACE, POD = "k8s.namespace.name", "k8s.pod.name"
BOT, SLOT, OBJECT = "bot", "slot", "object"


def of_bot(namespace: str, name: str) -> dict[str, str]:
    """The fields that say which bot a line is about."""
    return {NAMESPACE: namespace, BOT: name}


def of_object(kind: str, namespace: str, name: str) -> dict[str, str]:
    """The fields that say which object of a cluster a line is about."""
    of = of_bot(namespace, name) if kind == "TradingBot" else {NAMESPACE: namespace}
    return {**of, OBJECT: f"{kind}/{name}"}


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    known_as: str  # in OpenTelemetry; empty: it has no name for that
    meaning: str


SEMANTIC, OURS = "attribute", ""
OF_EVERY_LINE = (
    Field(TIME, "Timestamp", "UTC, with microseconds: `2026-01-31T12:00:00.000000Z`."),
    Field(LEVEL, "SeverityText", "`debug`, `info`, `warning` or `error`."),
    Field(EVENT, "EventName", "What happened, one word in CamelCase; of a library's record its text."),
    Field(LOGGER, "InstrumentationScope.name", "Which part says it."),
    Field(SERVICE, SEMANTIC, "`tradingbot-runtime` or `tradingbot-operator`."),
    Field(VERSION, SEMANTIC, "Of that program."),
    Field(POD, SEMANTIC, "In a cluster: the pod."),
    Field(
        NAMESPACE,
        SEMANTIC,
        "In a cluster: of the bot; of an operator's line about a bot or another object: that one's.",
    ),
    Field(BOT, OURS, "The bot's name, without its namespace; of the operator: where the line is about one."),
    Field(SLOT, OURS, "The slot's number; of the runtime alone."),
)
OF_SOME = (
    Field("order_id", OURS, "Our id of an order: the client order id at the venue, and the key in the journal."),
    Field("venue_order_id", OURS, "The venue's id of an order."),
    Field("trade_id", OURS, "The venue's id of a trade."),
    Field("halt_id", OURS, "The id of a halt, by which it is resumed; where a line is about several: each."),
    Field(OBJECT, OURS, "Of the operator: kind and name of the object that it could not do something about."),
    Field("market", OURS, "The market's name in the manifest."),
    Field("venue", OURS, "The name of the Venue."),
    Field("feed", OURS, "The feed: venue and symbol."),
    Field("reason", OURS, "Why, as one of conditions.md or of the venue."),
    Field("message", OURS, "The same for people."),
    Field("config_hash", OURS, "Of the configuration that is in use."),
    Field("exception.type", SEMANTIC, "Class of an exception that nobody expected."),
    Field("exception.message", SEMANTIC, "Its text."),
    Field("exception.stacktrace", SEMANTIC, "Where it was raised."),
)


def exception_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Structlog's `exc_info` as OpenTelemetry names it."""
    told = event.pop("exc_info", None)
    if told is True:
        told = sys.exc_info()
    error = told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        event["exception.type"] = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
        event["exception.message"] = str(error)
        event["exception.stacktrace"] = "".join(traceback.format_exception(error)).rstrip()
    return event
