"""Makes the fixtures of tests/harness known to every test."""

from harness.bot_world import shared_operator, world
from harness.control_plane import control_plane, namespace, tradingbot_api

__all__ = ["control_plane", "namespace", "shared_operator", "tradingbot_api", "world"]
