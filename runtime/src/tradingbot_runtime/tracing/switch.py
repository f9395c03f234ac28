"""Whether this process traces: where OpenTelemetry's own variables say where to."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from tradingbot_runtime.tracing.exporting import Exporting

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
DISABLED = "OTEL_SDK_DISABLED"

log = structlog.get_logger("tracing")


def endpoint_variable(environment: Mapping[str, str]) -> str:
    """The variable that asks for traces; empty: nobody does."""
    if environment.get(DISABLED, "").strip().lower() == "true":
        return ""
    return next((name for name in ENDPOINTS if environment.get(name, "").strip()), "")


def begin(environment: Mapping[str, str], who: Mapping[str, object]) -> "Exporting | None":
    """Who exports spans, each with `who`; None where nobody asks for them.

    Also where they are asked for and cannot be: the log says so once, and everything goes on.
    """
    if not (variable := endpoint_variable(environment)):
        return None
    try:
        exporting: Exporting = import_module("tradingbot_runtime.tracing.exporting").Exporting(who)
    except ImportError as error:
        log.warning("TracingUnavailable", message=f"{variable} is set, but there is no {error.name} here: "
                    "the extra `tracing` is not installed. Nothing is traced")  # fmt: skip
        return None
    except ValueError as error:  # another variable of OpenTelemetry's that it cannot use
        log.warning("TracingUnavailable", message=f"{variable} is set, but not all that goes with it can be used: "
                    f"{error}. Nothing is traced")  # fmt: skip
        return None
    log.info("Tracing", variable=variable)
    return exporting
