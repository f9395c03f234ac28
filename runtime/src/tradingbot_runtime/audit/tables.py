"""Tables for people, at a terminal or through a pipe, and the same as JSON for programs."""

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from tradingbot_runtime.audit.listing import BETWEEN, FOLDED, READABLE, TO_THE_RIGHT, show
from tradingbot_runtime.standard_output import Page

LONGEST_LINE = 100_000  # through a pipe: nothing is cut, and no line is broken
VALUES = ("what", "value")


@dataclass(frozen=True, slots=True)
class Amount:
    """A decimal, of an asset."""

    number: str
    asset: str

    def __str__(self) -> str:
        return f"{self.number} {self.asset}"


Cell: TypeAlias = str | int | Amount | Sequence[Amount] | None  # None: there is nothing to say


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under column names; in JSON a list of objects with the names in camel case, or one object of values."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]] = field(default_factory=list)

    @property
    def key(self) -> str:
        return _camel(self.title)

    def as_json(self) -> list[dict[str, Any]] | dict[str, Any]:
        if self.columns == VALUES:
            return {str(name): _plain(value) for name, value in self.rows}
        names = [_camel(column) for column in self.columns]
        return [dict(zip(names, map(_plain, row), strict=True)) for row in self.rows]

    def print(self, page: Page, title: str) -> None:
        """Raises NobodyReads."""
        texts = [[Text(_text(cell)) for cell in row] for row in self.rows]
        if page.is_terminal:
            page.print(self._table(title, texts, whole_names=self._least <= page.width))
            return
        show(page, title, self.columns, [[cell.plain for cell in row] for row in texts])

    def _table(self, title: str, texts: Iterable[Iterable[Text]], *, whole_names: bool) -> Table:
        """Names on one line each where all of them fit; else everything is folded, and still nothing is cut."""
        table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False, show_header=bool(self.rows))
        for name in self.columns:
            folds = name in FOLDED
            table.add_column(name, overflow="fold", no_wrap=whole_names and not folds,
                             min_width=min(READABLE, self._widest(name)) if whole_names and folds else None,
                             justify="right" if name in TO_THE_RIGHT else "left")  # fmt: skip
        for row in texts:
            table.add_row(*row)
        return table

    @property
    def _least(self) -> int:
        """How wide it is when what may be folded is."""
        widths = (min(READABLE, self._widest(name)) if name in FOLDED else self._widest(name)
                  for name in self.columns)  # fmt: skip
        return sum(widths) + len(BETWEEN) * (len(self.columns) - 1)

    def _widest(self, name: str) -> int:
        column = self.columns.index(name)
        return max(len(name), *(cell_len(_text(row[column])) for row in self.rows), 1)


def page() -> Page:
    return Page(width=None if sys.stdout.isatty() else LONGEST_LINE, highlight=False)


def _camel(name: str) -> str:
    words: list[str] = re.findall(r"\w+", name.replace("'s", ""))
    first, *rest = words
    return first.lower() + "".join(word.capitalize() for word in rest)


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str | int | Amount):
        return str(cell)
    return ", ".join(map(str, cell)) or "0"


def _plain(cell: Cell) -> Any:  # noqa: ANN401 - JSON
    if isinstance(cell, Amount):
        return {"amount": cell.number, "asset": cell.asset}
    if cell is None or isinstance(cell, str | int):
        return cell
    return [_plain(amount) for amount in cell]
