"""The numbers that tests show are in the summary, whoever ran them, and a limit that is missed fails its test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.shown import PROPERTY, Row, Shown, lines_of, rows_of

TESTS = Path(__file__).parents[1]
CONFTEST = """\
from harness.end_of_run import pytest_terminal_summary
from harness.shown import shown
"""
EXAMPLE = """\
import pytest

@pytest.mark.parametrize("took_s", [1.5, 0.25])
def test_quick(took_s, shown):
    shown.at_most("first -> last", took_s, "s", 2)

def test_slow(shown):
    shown.at_least("kills", 49, "kills", 50)

def test_nothing_promised(shown):
    shown.seen("orders", 1234, "orders")
"""
TABLE = [
    "numbers that tests show         worst  limit              times",
    "first -> last                   1.5 s  at most 2 s        2",
    "kills                        49 kills  at least 50 kills  1  MISSED",
    "orders                   1,234 orders  none               1",
]


def test_the_summary_has_a_table_also_with_q_and_with_workers(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_example.py").write_text(EXAMPLE)
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-n", "2", str(tmp_path))
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment,
                           timeout=60)  # fmt: skip

    lines = ended.stdout.splitlines()
    assert ended.returncode == 1, ended.stdout
    assert TABLE[0] in lines, ended.stdout
    begins = lines.index(TABLE[0])
    assert lines[begins : begins + len(TABLE)] == TABLE
    assert "AssertionError: kills: 49 kills, at least 50 kills" in ended.stdout


def test_the_worst_is_compared_whole_and_shown_in_short() -> None:
    said: list[tuple[str, object]] = []
    shown = Shown(lambda name, value: said.append((name, value)))
    shown.at_most("a", 1.0, "s", 1)
    with pytest.raises(AssertionError, match=r"^a: 1 s, at most 1 s$"):
        shown.at_most("a", 1.00001, "s", 1)

    assert said == [(PROPERTY, ["a", "s", "at most", 1, 1.0]), (PROPERTY, ["a", "s", "at most", 1, 1.00001])]
    [row] = rows_of(said)
    assert row.worst == 1.00001
    assert not row.is_kept


def test_another_limit_is_another_row_and_what_others_record_is_not_shown() -> None:
    rows = rows_of([(PROPERTY, ["a", "s", "at most", 1, 0.5]), ("theirs", 3), (PROPERTY, ["a", "s", "at most", 2, 1])])

    assert rows == [Row("a", "s", "at most", 1, (0.5,)), Row("a", "s", "at most", 2, (1,))]
    assert lines_of([]) == []
