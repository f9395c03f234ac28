"""Makes the fixtures and hooks of tests/harness known to every test."""

from harness.bot_world import shared_operator, world
from harness.control_plane import control_plane, namespace, tradingbot_api
from harness.defect_count import pytest_terminal_summary
from harness.examples import declare_profiles

__all__ = ["control_plane", "namespace", "pytest_terminal_summary", "shared_operator", "tradingbot_api", "world"]

declare_profiles()
