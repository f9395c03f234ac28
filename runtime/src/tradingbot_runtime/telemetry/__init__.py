"""What the outside sees of a runtime: metrics, and the HTTP server with the probes."""

from tradingbot_runtime.telemetry.http import HttpServer, Sources
from tradingbot_runtime.telemetry.metrics import FAMILIES, registry

__all__ = [
    "FAMILIES", "HttpServer", "Sources", "registry",
]  # fmt: skip
