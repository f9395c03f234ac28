"""What the outside sees of a runtime: logs, metrics, and the HTTP server with the probes."""

from tradingbot_runtime.telemetry.http import HttpServer, Sources
from tradingbot_runtime.telemetry.line_writer import LineWriter
from tradingbot_runtime.telemetry.logs import configure_logs
from tradingbot_runtime.telemetry.metrics import FAMILIES, registry

__all__ = [
    "FAMILIES", "HttpServer", "LineWriter", "Sources", "configure_logs", "registry",
]  # fmt: skip
