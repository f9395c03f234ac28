"""From declared dashboards to Grafana's JSON, by the builders of Grafana's own foundation SDK."""

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from declared import Board, Choice, Look, Panel, Query
from grafana_foundation_sdk.builders import dashboard, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

Builder = Any  # of a panel: each look has a class of its own with the same methods, and no common one
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
TAG = "tradingbot"
LETTERS = "ABCDEFGH"  # by which Grafana tells a panel's queries apart
GOOD, BAD = "green", "red"
ON = True  # of an option of the builders


def as_json(board: Board) -> str:
    """What Grafana imports: as a file, from a ConfigMap, or by its API."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags([TAG])
        .time("now-1h", "now")
        .refresh("10s")
        .timezone("utc")  # as the journal's days and the log's times are
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(_to_the_others())
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    for choice in board.choices:
        made = made.with_variable(_variable(choice))
    numbers = count(1)  # a panel's address in Grafana: it changes only where panels are put in before it
    for row in board.rows:
        made = made.with_row(dashboard.Row(row.title).id(next(numbers)))
        for panel in row.panels:
            made = made.with_panel(_panel(panel).id(next(numbers)))
    return (
        json.dumps(_without_what_is_gone(json.loads(JSONEncoder().encode(made.build()))), sort_keys=True, indent=1)
        + "\n"
    )


def _without_what_is_gone(whole: dict[str, Any]) -> dict[str, Any]:
    """The SDK is of an older Grafana, and writes defaults of fields that the latest does not have any more."""
    whole.pop("style", None)
    for variable in whole["templating"]["list"]:
        for name in ("auto", "auto_count", "auto_min", "id"):
            variable.pop(name, None)
    for panel in whole["panels"]:
        if panel["type"] == "table":
            panel["options"].pop("footer", None)
    return whole


def _to_the_others() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("Trading bots").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.as_dropdown(ON).include_vars(ON).keep_time(ON)


def _variable(choice: Choice) -> dashboard.QueryVariable:
    everything = VariableOption(selected=True, text=["All"], value=["$__all"])
    return (
        dashboard.QueryVariable(choice.name)
        .label(choice.name.capitalize())
        .datasource(SOURCE)
        .query(f"label_values({choice.of}, {choice.label})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(ON)
        .include_all(ON)
        .all_value(".*")
        .current(everything)
    )


def _panel(panel: Panel) -> Builder:
    made = BUILDERS[panel.look](panel).title(panel.title).description(panel.about).datasource(SOURCE)
    made = made.span(panel.width).height(panel.height).unit(str(panel.scale.unit)).thresholds(_thresholds(panel))
    for name, query in zip(LETTERS, panel.queries, strict=False):
        made = made.with_target(_target(panel, name, query))
    return made


def _target(panel: Panel, name: str, query: Query) -> prometheus.Dataquery:
    asked = prometheus.Dataquery().ref_id(name).expr(query.expr).legend_format(query.legend).datasource(SOURCE)
    return asked.instant().format(PromQueryFormat.TABLE) if panel.look is Look.TABLE else asked.range()


def _lines(_: Panel) -> Builder:
    return timeseries.Panel().legend(_legend()).tooltip(_tooltip()).fill_opacity(5).show_points(VisibilityMode.NEVER)


def _stacked(panel: Panel) -> Builder:
    return _lines(panel).fill_opacity(40).stacking(StackingConfig().mode(StackingMode.NORMAL))


def _number(_: Panel) -> Builder:
    latest = ReduceDataOptions().calcs(["lastNotNull"])
    return stat.Panel().reduce_options(latest).graph_mode(BigValueGraphMode.AREA).color_mode(BigValueColorMode.VALUE)


def _states(_: Panel) -> Builder:
    return statetimeline.Panel().show_value(VisibilityMode.NEVER).legend(_legend()).tooltip(_tooltip())


def _legend() -> VizLegendOptions:
    return VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(ON)


def _tooltip() -> VizTooltipOptions:
    return VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)


def _table(panel: Panel) -> Builder:
    """A row for each set of labels: Grafana joins what the queries gave, and calls the columns Value #A, #B ..."""
    titles = {f"Value #{name}": query.legend for name, query in zip(LETTERS, panel.queries, strict=False)}
    arranged = {"excludeByName": {"Time": True}, "renameByName": titles}
    return (
        table.Panel()
        .show_header(ON)
        .with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(DataTransformerConfig(id_val="organize", options=arranged))
    )


BUILDERS: dict[Look, Callable[[Panel], Builder]] = {
    Look.LINES: _lines,
    Look.STACKED: _stacked,
    Look.NUMBER: _number,
    Look.STATES: _states,
    Look.TABLE: _table,
}


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(list(_steps(panel)))


def _steps(panel: Panel) -> Iterator[Threshold]:
    """The first holds from minus infinity on, which JSON cannot say: null."""
    if panel.scale.good_from is not None:
        yield Threshold(value=None, color=BAD)
        yield Threshold(value=panel.scale.good_from, color=GOOD)
    else:
        yield Threshold(value=None, color=GOOD)
        if panel.scale.bad_from is not None:
            yield Threshold(value=panel.scale.bad_from, color=BAD)
