"""One panel as a picture: lines, stacked areas, a number, states over time, a table."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ask import Fetch
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, FuncFormatter
from written_boards import Asked, Shown

STEPS = 240  # points of a line
MOST_IN_LEGEND, MOST_ROWS, MOST_NUMBERS = 8, 8, 4
WHOLE_FROM = 1e6  # of such a number nobody reads decimals
RED, GREEN, INK = "#dc2626", "#16a34a", "#111827"
LETTER_IN = 6 / 72 * 0.55  # of a legend, at six points
BESIDE = 7  # letters that the line of each name takes
_LABEL = re.compile(r"\{\{(\w+)\}\}")


class Window(NamedTuple):
    """Whom to ask, and from when to when, in Unix seconds."""

    fetch: Fetch
    start: float
    end: float


class Series(NamedTuple):
    name: str
    points: list[tuple[float, float]]  # Unix seconds, value

    @property
    def latest(self) -> float:
        return self.points[-1][1]


def draw_panel(axes: Axes, panel: Shown, window: Window) -> None:
    """Raises NoAnswer."""
    axes.set_title(panel.title)
    if panel.kind == "table":
        _table(axes, panel, window)
        return
    series = [one for asked in panel.asked for one in _ranged(asked, window)]
    if not series:
        axes.text(0.5, 0.5, "no data", ha="center", va="center", transform=axes.transAxes, color=RED)
    DRAWERS[panel.kind](axes, panel, series)
    if panel.kind != "stat":
        axes.set_xlim(window.start, window.end)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{datetime.fromtimestamp(at, UTC):%H:%M}"))


def named(legend: str, labels: Mapping[str, str]) -> str:
    return " ".join(_LABEL.sub(lambda found: labels.get(found[1], ""), legend).split())


def _ranged(asked: Asked, window: Window) -> Iterator[Series]:
    step = max((window.end - window.start) / STEPS, 1)
    parameters = {"query": asked.expr, "start": f"{window.start}", "end": f"{window.end}", "step": f"{step}"}
    for found in window.fetch("query_range", parameters)["result"]:
        points = [(float(at), float(value)) for at, value in found["values"] if not math.isnan(float(value))]
        if points:
            yield Series(named(asked.legend, found["metric"]), points)


def _lines(axes: Axes, panel: Shown, series: list[Series]) -> None:
    for one in series:
        axes.plot(*zip(*one.points, strict=True), linewidth=1, label=one.name)
    _finished(axes, panel, series)


def _stacked(axes: Axes, panel: Shown, series: list[Series]) -> None:
    times = sorted({at for one in series for at, _ in one.points})
    heights = [[dict(one.points).get(at, 0.0) for at in times] for one in series]
    axes.stackplot(times, heights, labels=[one.name for one in series], alpha=0.6)
    _finished(axes, panel, series)


def _finished(axes: Axes, panel: Shown, series: list[Series]) -> None:
    spelled = _spelled(panel)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: spelled(value)))
    if not any(value for one in series for _, value in one.points):
        axes.set_ylim(-0.03, 1)  # the line of zeros is seen above the axis
    if 0 < len(series) <= MOST_IN_LEGEND:
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.13), ncols=_columns(axes, series), borderaxespad=0)


def _columns(axes: Axes, series: list[Series]) -> int:
    """Of the legend: as many as fit below the panel."""
    width_in = axes.get_window_extent().width / axes.figure.dpi
    longest = max(len(one.name) for one in series)
    return max(1, min(len(series), 3, int(width_in / (longest + BESIDE) / LETTER_IN)))


def _drawn_lines(axes: Axes, panel: Shown, series: list[Series]) -> None:
    stacking = panel.panel["fieldConfig"]["defaults"].get("custom", {}).get("stacking", {})
    (_stacked if stacking.get("mode") == "normal" else _lines)(axes, panel, series)


def _number(axes: Axes, panel: Shown, series: list[Series]) -> None:
    """Of one series, or of a few with their names."""
    axes.set_axis_off()
    shown, alone = series[:MOST_NUMBERS], len(series) == 1
    for row, one in enumerate(shown):
        text = _spelled(panel)(one.latest)
        axes.text(0.5, 0.9 - 0.9 * (row + 0.5) / len(shown), text if alone else f"{one.name}  {text}",
                  fontsize=15 if alone else 7, fontweight="bold", ha="center", va="center",
                  color=_colour(panel, one.latest))  # fmt: skip


def _states(axes: Axes, _: Shown, series: list[Series]) -> None:
    for row, one in enumerate(series):
        step = min((after[0] - at[0] for at, after in zip(one.points, one.points[1:], strict=False)), default=1.0)
        axes.broken_barh([(at, step) for at, _ in one.points], (row - 0.4, 0.8), color=f"C{row}", linewidth=0)
        axes.text(0.01, row, one.name, transform=axes.get_yaxis_transform(), va="center", zorder=5,
                  bbox={"facecolor": "white", "linewidth": 0, "pad": 1})  # fmt: skip
    axes.set_yticks([])
    axes.grid(visible=False)


def _table(axes: Axes, panel: Shown, window: Window) -> None:
    """A row for each bot, a column for each query, as Grafana joins them."""
    axes.set_axis_off()
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for asked in panel.asked:
        for found in window.fetch("query", {"query": asked.expr})["result"]:
            of = found["metric"].get("namespace", ""), found["metric"].get("bot", "")
            rows.setdefault(of, {})[asked.legend] = f"{float(found['value'][1]):.4g}"
    cells = [
        [*of, *(row.get(asked.legend, "") for asked in panel.asked)] for of, row in sorted(rows.items())[:MOST_ROWS]
    ]
    titles = ["namespace", "bot", *(asked.legend for asked in panel.asked)]
    if cells:
        made = axes.table(cells, colLabels=titles, loc="upper left", cellLoc="left", edges="horizontal")
        made.auto_set_font_size(False)  # noqa: FBT003 - a setter
        made.set_fontsize(7)


def _colour(panel: Shown, value: float) -> str:
    steps = panel.panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    many = len(steps) > 1
    return {"red": RED, "green": GREEN}[reached[-1]] if many else INK


def _spelled(panel: Shown) -> Callable[[float], str]:
    return SPELLED.get(panel.panel["fieldConfig"]["defaults"]["unit"], _plain)


def _plain(value: float) -> str:
    return f"{value:,.8g}" if abs(value) < WHOLE_FROM else f"{value:,.0f}"


def _with_prefix(unit: str) -> Callable[[float], str]:
    prefixed = EngFormatter(places=None, sep=" ")
    return lambda value: f"{prefixed.format_eng(value)}{unit}"


SPELLED: Mapping[str, Callable[[float], str]] = {
    "s": _with_prefix("s"),
    "percentunit": lambda value: f"{value * 100:.4g} %",
    "cps": lambda value: f"{value:.3g}/s",
    "bytes": _with_prefix("B"),
    "dateTimeFromNow": lambda value_ms: f"{datetime.fromtimestamp(value_ms / 1e3, UTC):%Y-%m-%d}",
}
DRAWERS: Mapping[str, Callable[[Axes, Shown, list[Series]], Any]] = {
    "timeseries": _drawn_lines,
    "stat": _number,
    "state-timeline": _states,
}
