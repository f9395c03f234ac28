"""Counts the tests named after the reference bot's defects, and says so at the end of a run that had any of them."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

DEFECTS = 21  # reference bot: defects found by reading it line by line
NAMED = re.compile(r"test_defect_(\d\d)_\w+")


def numbers_in(texts: Iterable[str]) -> list[int]:
    """Numbers of the defects that are named in `texts`, each once for each test."""
    return sorted(int(found) for text in texts for found in set(NAMED.findall(text)))


def names_in_files(folder: Path) -> list[str]:
    """Names of all tests of a defect under `folder`."""
    files = sorted(folder.glob("test_reference_bot_defects*.py"))
    return [match.group() for file in files for match in NAMED.finditer(file.read_text(encoding="utf-8"))]


def show_defects(reporter: pytest.TerminalReporter) -> None:
    """The line is written by the process that collects the results, so that it shows with workers as well."""
    stats = reporter.stats
    passed = set(numbers_in(report.nodeid for report in stats.get("passed", []) if report.when == "call"))
    failed = set(numbers_in(report.nodeid for kind in ("failed", "error") for report in stats.get(kind, [])))
    if passed or failed:
        reporter.write_line(f"defects of the reference bot that this one has not: {len(passed - failed)} of {DEFECTS}")
