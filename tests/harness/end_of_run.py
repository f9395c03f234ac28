"""What is written at the end of a run: numbers beside their limits, and defects of the reference bot that are not here.

A conftest has one hook of a name.
"""

import pytest

from harness.defect_count import show_defects
from harness.shown import show_numbers


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    show_numbers(terminalreporter)
    show_defects(terminalreporter)
