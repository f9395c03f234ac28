"""The rows of `make bench-operator`: what was measured, what is allowed, and how it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from scale_world import Cpu

HEAD = ("what", "measured", "limit", "met", "operator's CPU", "API server's", "note")


@dataclass(frozen=True, slots=True)
class Row:
    """`limit` is for 1,000 bots; None: there is none, the number is for information."""

    what: str
    value: float
    unit: str
    limit: float | None
    cpu: Cpu | None = None  # while it was measured
    note: str = ""

    @property
    def met(self) -> bool:
        return self.limit is None or self.value <= self.limit

    @property
    def cells(self) -> tuple[str, ...]:
        limit = "" if self.limit is None else f"<= {self.limit:g} {self.unit}"
        met = "" if self.limit is None else ("yes" if self.met else "NO")
        cpu = (f"{self.cpu.operator_s:.1f} s", f"{self.cpu.server_s:.1f} s") if self.cpu else ("", "")
        return (self.what, f"{number(self.value)} {self.unit}".strip(), limit.strip(), met, *cpu, self.note)


def number(value: float) -> str:
    if value == int(value) or value >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def show(console: Console, title: str, rows: Sequence[Row]) -> None:
    """A table; plain lines, ready for a document, where the output is no terminal."""
    if console.is_terminal:
        table = Table(*HEAD, title=title)
        for row in rows:
            table.add_row(*row.cells)
        console.print(table)
        return
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells for row in rows)]
    console.print(title, highlight=False, soft_wrap=True)
    for cells in lines:
        console.print(f"| {' | '.join(cells)} |", highlight=False, soft_wrap=True, markup=False)
