"""The numbers that promises are about: a test says one with its limit, and the end of the run shows them all.

They travel with a test's report, so that they are shown with -q, with workers, and of a test that failed as well.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

PROPERTY = "shown number"  # among a report's user_properties
MOST, LEAST, ONLY_SEEN = "at most", "at least", ""
HEADINGS = ("numbers that tests show", "worst", "limit", "times")


@dataclass(frozen=True, slots=True)
class Row:
    """All that was said of one thing."""

    what: str
    unit: str
    bound: str
    limit: float
    values: tuple[float, ...]

    @property
    def worst(self) -> float:
        return min(self.values) if self.bound == LEAST else max(self.values)

    @property
    def is_kept(self) -> bool:
        return _is_kept(self.worst, self.bound, self.limit)

    def cells(self) -> tuple[str, ...]:
        limit = f"{self.bound} {_text(self.limit)} {self.unit}".rstrip() if self.bound else "none"
        missed = "" if self.is_kept else "  MISSED"
        return self.what, f"{_text(self.worst)} {self.unit}".rstrip(), limit, f"{len(self.values)}{missed}"


class Shown:
    """What one test has to say. A limit is declared where its number is, and nowhere else."""

    def __init__(self, record: Callable[[str, object], None]) -> None:
        self._record = record

    def at_most(self, what: str, value: float, unit: str, limit: float) -> None:
        """AssertionError when it is more; shown all the same."""
        self._say(what, value, unit, (MOST, limit))

    def at_least(self, what: str, value: float, unit: str, limit: float) -> None:
        """AssertionError when it is less; shown all the same."""
        self._say(what, value, unit, (LEAST, limit))

    def seen(self, what: str, value: float, unit: str) -> None:
        """A number that nothing was promised of."""
        self._say(what, value, unit, (ONLY_SEEN, 0))

    def _say(self, what: str, value: float, unit: str, bound: tuple[str, float]) -> None:
        self._record(PROPERTY, [what, unit, *bound, value])  # plain: it goes from a worker to the collecting process
        if not _is_kept(value, *bound):
            raise AssertionError(f"{what}: {_text(value)} {unit}, {bound[0]} {_text(bound[1])} {unit}")


@pytest.fixture
def shown(record_property: Callable[[str, object], None]) -> Shown:
    return Shown(record_property)


def rows_of(properties: Iterable[tuple[str, Any]]) -> list[Row]:
    """One for each thing, in the order in which it was said first."""
    found: dict[tuple[str, str, str, float], list[float]] = {}
    for name, said in properties:
        if name == PROPERTY:
            what, unit, bound, limit, value = said
            found.setdefault((what, unit, bound, limit), []).append(value)
    return [Row(*thing, tuple(values)) for thing, values in found.items()]


def lines_of(rows: Iterable[Row]) -> list[str]:
    """A table: numbers to the right, beside their limits."""
    cells = [HEADINGS, *(row.cells() for row in rows)]
    if len(cells) == 1:
        return []
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADINGS))]
    return [f"{what:<{widths[0]}}  {worst:>{widths[1]}}  {limit:<{widths[2]}}  {times}"
            for what, worst, limit, times in cells]  # fmt: skip


def show_numbers(reporter: pytest.TerminalReporter) -> None:
    """Written by the process that collects the results."""
    reports = [report for kind in reporter.stats.values() for report in kind
               if isinstance(report, pytest.TestReport) and report.when == "call"]  # fmt: skip
    reports.sort(key=lambda report: report.location)
    for line in lines_of(rows_of(said for report in reports for said in report.user_properties)):
        reporter.write_line(line)


def _is_kept(value: float, bound: str, limit: float) -> bool:
    return not bound or (value <= limit if bound == MOST else value >= limit)


def _text(value: float) -> str:
    """To three decimals at most: what a limit is compared with is the whole value."""
    text = f"{value:,.3f}"
    return text.rstrip("0").rstrip(".")
