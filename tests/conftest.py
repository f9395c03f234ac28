"""Makes the fixtures and hooks of tests/harness known to every test."""

from harness.bot_world import shared_operator, world
from harness.busy_machine import pytest_runtest_makereport
from harness.control_plane import control_plane, namespace, tradingbot_api
from harness.defect_count import pytest_terminal_summary
from harness.desk import desk, journal
from harness.examples import declare_profiles

__all__ = [
    "control_plane", "desk", "journal", "namespace", "pytest_runtest_makereport", "pytest_terminal_summary",
    "shared_operator", "tradingbot_api", "world",
]  # fmt: skip

declare_profiles()
