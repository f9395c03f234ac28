"""Makes the fixtures and hooks of tests/harness known to every test."""

from harness.bot_world import shared_operator, world
from harness.busy_machine import pytest_runtest_makereport
from harness.control_plane import control_plane, namespace, tradingbot_api
from harness.desk import desk, journal
from harness.end_of_run import pytest_terminal_summary
from harness.examples import declare_profiles
from harness.shown import shown

__all__ = [
    "control_plane", "desk", "journal", "namespace", "pytest_runtest_makereport", "pytest_terminal_summary",
    "shared_operator", "shown", "tradingbot_api", "world",
]  # fmt: skip

declare_profiles()
