"""Draws the dashboards from a Prometheus that has data, for docs: as near to Grafana's picture as matters to a reader.

.venv/bin/python hack/dashboards/draw.py http://127.0.0.1:9090 [--minutes 10] [--out docs/images/dashboards]
"""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from ask import NoAnswer, at
from matplotlib.figure import Figure
from pictures import Window, draw_panel
from written_boards import REPOSITORY, boards, shown

CELL_IN, COLUMNS = 0.55, 24  # inches of a cell of the grid; cells in a row
OUT = REPOSITORY / "docs/images/dashboards"
LOOK: Any = {  # matplotlib has a type of its own for the keys
    "font.size": 7, "axes.titlesize": 8, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e5e7eb",
    "grid.linewidth": 0.5, "legend.fontsize": 6, "legend.frameon": False, "savefig.dpi": 80,
}  # fmt: skip


def drawn(board: Mapping[str, Any], window: Window) -> Figure:
    """Raises NoAnswer."""
    panels = list(board["panels"])
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = Figure(figsize=(COLUMNS * CELL_IN, (rows + 1) * CELL_IN), facecolor="white")
    figure.text(0.01, 1 - 0.5 / (rows + 1), board["title"], fontsize=12, fontweight="bold", va="center")
    for panel in panels:
        if panel["type"] == "row":
            figure.text(
                0.01, 1 - (panel["gridPos"]["y"] + 1.6) / (rows + 1), panel["title"], fontsize=9, color="#374151"
            )
    for panel in shown(board, {}):
        at = panel.panel["gridPos"]
        left, bottom = at["x"] / COLUMNS, 1 - (at["y"] + at["h"] + 1) / (rows + 1)
        width, height = at["w"] / COLUMNS, at["h"] / (rows + 1)
        inset = (left + 0.035, bottom + 0.9 / (rows + 1), width - 0.05, height - 1.9 / (rows + 1))
        draw_panel(figure.add_axes(inset), panel, window)
    return figure


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prometheus", help="its address, as http://127.0.0.1:9090")
    parser.add_argument("--minutes", type=float, default=10, help="how much of the past (default: %(default)g)")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the pictures")
    options = parser.parse_args(arguments)
    now = time.time()
    window = Window(at(options.prometheus), now - options.minutes * 60, now)
    options.out.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(LOOK):
        for name, board in boards():
            try:
                figure = drawn(board, window)
            except NoAnswer as failed:
                print(f"draw.py: {failed}", file=sys.stderr)
                return 2
            figure.savefig(options.out / f"{name}.png")
            print(f"wrote {options.out / name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
