"""Rows in columns, as they come: the first are shown before the last are read, however many there are."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest

from rich.cells import cell_len

from tradingbot_runtime.standard_output import Page, tell

PIECE = 200  # rows that are looked at before they are shown, for how wide their columns have to be
BETWEEN = "  "
READABLE = 20  # characters that a column keeps which gives way
TO_THE_RIGHT = frozenset({"+ms", "rows", "bytes", "fills"})
FOLDED = frozenset({"value", "message", "account", "why", "details"})  # columns that give way where it is narrow
Row = Sequence[str]


def show(page: Page, title: str, columns: Row, rows: Iterable[Row]) -> None:
    """A column that later rows need wider gets wider there. Raises NobodyReads, and Unwritable."""
    page.print(title, style="italic", markup=False, soft_wrap=True)
    pending, shown = iter(rows), False
    widths = [cell_len(name) for name in columns]
    while piece := [[" ".join(cell.splitlines()) for cell in row] for row in islice(pending, PIECE)]:
        widths = [
            max(width, *map(cell_len, cells)) for width, cells in zip(widths, zip(*piece, strict=True), strict=True)
        ]
        fitting = _fitting(columns, widths, page.width) if page.is_terminal else widths
        if not shown:
            page.print(_line(columns, columns, fitting), style="bold", markup=False, soft_wrap=True)
            shown = True
        tell("".join(f"{line}\n" for row in piece for line in _lines(columns, row, fitting)))


def _fitting(columns: Row, widths: Sequence[int], room: int) -> Sequence[int]:
    """What may be folded shares what the others leave; where that is nothing to speak of, the terminal wraps lines."""
    folding = [at for at, name in enumerate(columns) if name in FOLDED]
    left = room - sum(widths) - len(BETWEEN) * (len(widths) - 1) + sum(widths[at] for at in folding)
    if left < READABLE * len(folding):
        return widths
    fitting = list(widths)
    for waiting, at in zip(range(len(folding), 0, -1), sorted(folding, key=lambda at: widths[at]), strict=True):
        fitting[at] = min(widths[at], left // waiting)
        left -= fitting[at]
    return fitting


def _lines(columns: Row, row: Row, widths: Sequence[int]) -> Iterator[str]:
    if all(len(cell) <= width for cell, width in zip(row, widths, strict=True)):  # most: nothing is to be folded
        yield _line(columns, row, widths)
        return
    folded = [textwrap.wrap(cell, width) if cell_len(cell) > width else [cell]
              for cell, width in zip(row, widths, strict=True)]  # fmt: skip
    for cells in zip_longest(*folded, fillvalue=""):
        yield _line(columns, cells, widths)


def _line(columns: Row, cells: Row, widths: Sequence[int]) -> str:
    padded = (
        f"{' ' * (width - cell_len(cell))}{cell}" if name in TO_THE_RIGHT else f"{cell}{' ' * (width - cell_len(cell))}"
        for name, cell, width in zip(columns, cells, widths, strict=True)
    )
    return BETWEEN.join(padded).rstrip()
