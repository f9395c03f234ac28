"""`audit` as a table: at once, fast, whole, and in columns that fit."""

import io
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import pytest

from harness.large_journal import grow
from harness.shown import Shown
from harness.told_journal import told
from tradingbot_runtime.__main__ import main
from tradingbot_runtime.audit.listing import PIECE, show
from tradingbot_runtime.standard_output import Page

COLUMNS = ("time (UTC)", "+ms", "what", "why", "details")
ORDERS = 3_000
TIMES = 4.0


def pipe() -> Page:
    return Page(width=100_000, highlight=False)


def test_the_first_rows_are_there_before_the_last_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def rows() -> Iterator[tuple[str, ...]]:
        for number in range(3 * PIECE):
            if number == 2 * PIECE:
                seen.append(capsys.readouterr().out)
            yield (f"t{number}", f"{number}.000", "Seen", "", "wanted: 1 quotes")

    show(pipe(), "Everything", COLUMNS, rows())

    assert "t0" in seen[0]
    lines = (seen[0] + capsys.readouterr().out).splitlines()
    assert lines[0] == "Everything"
    assert [line.split()[0] for line in lines[2:]] == [f"t{number}" for number in range(3 * PIECE)]


def test_a_pipe_gets_each_row_whole_on_a_line_and_columns_that_widen(capsys: pytest.CaptureFixture[str]) -> None:
    long = "a word " * 500 + "\nthe end"
    rows = [
        *[("t", "1.000", "Seen", "", "d")] * PIECE,
        ("t", "1000.000", "A-name-that-is-longer", "ünïcode 漢字", long),
    ]
    show(pipe(), "T", COLUMNS, rows)
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == 2 + len(rows)
    assert all(line == line.rstrip() for line in lines)
    assert lines[-1] == f"t           1000.000  A-name-that-is-longer  ünïcode 漢字  {'a word ' * 500} the end"
    assert lines[2].startswith("t           1.000  Seen")


@pytest.mark.parametrize("width", [60, 120, 200])
def test_a_terminal_gets_columns_that_fold_and_nothing_is_cut(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    why, details = "because " * 9 + "of-it", "price 60000.00, " * 20 + "end-of-details"
    page = Page(force_terminal=True, color_system=None, width=width, file=io.StringIO())
    show(page, "T", COLUMNS, [("2026-01-01T00:00:00.000000Z", "0.000", "PlaceDecided", why, details)])
    lines = capsys.readouterr().out.splitlines()
    words = " ".join(lines).split()

    assert words.count("because") == 9
    assert words.count("60000.00,") == 20
    if width > 60:  # there is room to fold
        assert max(map(len, lines)) <= width
        assert len(lines) > 1


def test_rows_of_a_long_past_take_hardly_longer_than_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shown: Shown
) -> None:
    path = told(tmp_path / "journal.sqlite3")
    grow(path, "btc", ORDERS)

    def took_s(*options: str) -> float:
        began = process_time()
        assert main(["audit", str(path), *options]) == 0
        return process_time() - began

    as_json, rows = took_s("-o", "json"), len(capsys.readouterr().out.splitlines())
    as_table, lines = took_s(), len(capsys.readouterr().out.splitlines())

    assert rows + 2 == lines
    assert rows > 2 * ORDERS
    shown.at_most(f"audit of {rows:,} rows, as a table against as JSON", as_table / as_json, "times", TIMES)
