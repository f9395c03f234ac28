"""What a dashboard shows, in the words of this project: `grafana.py` makes Grafana's JSON of it."""

from dataclasses import dataclass
from enum import StrEnum

COLUMNS = 24  # of Grafana's grid
# Of markets: their amounts are each in an asset of their own, and another bot may have a market of the same name.
PER_MARKET, MARKET = "by (namespace, bot, market)", "{{namespace}}/{{bot}} {{market}}"
RATE = "[$__rate_interval]"  # Grafana fills it in: four scrapes at least


class Look(StrEnum):
    LINES = "lines"
    STACKED = "stacked"
    NUMBER = "number"
    STATES = "states"  # what holds when: a bar for each series while it is there
    TABLE = "table"  # a row for each set of labels, a column for each query


class Unit(StrEnum):
    """By Grafana's names (packages/grafana-data/src/valueFormats)."""

    NONE = "short"
    SECONDS = "s"
    RATIO = "percentunit"
    PER_SECOND = "cps"
    BYTES = "bytes"
    DATE = "dateTimeFromNow"


@dataclass(frozen=True, slots=True)
class Query:
    """`legend` names a series by its labels, as {{label}}; of a table it is the column's title."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Scale:
    """`bad_from`: where the colour turns red; `good_from`: red below, green from there on."""

    unit: Unit = Unit.NONE
    bad_from: float | None = None
    good_from: float | None = None


PLAIN, SECONDS, RATIO = Scale(), Scale(Unit.SECONDS), Scale(Unit.RATIO)
PER_SECOND, BYTES = Scale(Unit.PER_SECOND), Scale(Unit.BYTES)
NONE_WANTED, SOME_WANTED = Scale(bad_from=1), Scale(good_from=1)


@dataclass(frozen=True, slots=True)
class Panel:
    """Sizes in cells of Grafana's grid."""

    title: str
    about: str
    queries: tuple[Query, ...]
    look: Look = Look.LINES
    scale: Scale = PLAIN
    width: int = 8
    height: int = 7


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A variable of the dashboard: the values that `label` has in `of`, a selector. Several may be chosen."""

    name: str
    label: str
    of: str


@dataclass(frozen=True, slots=True)
class Board:
    uid: str
    title: str
    about: str
    choices: tuple[Choice, ...]
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        wide = [panel.title for row in self.rows for panel in row.panels if panel.width > COLUMNS]
        if wide:
            raise ValueError(f"{self.uid}: wider than the grid: {', '.join(wide)}")


def number(title: str, about: str, expr: str, scale: Scale = PLAIN, each: str = "") -> Panel:
    """A small panel with one number, or with one of `each`, a legend: what cannot be added up."""
    return Panel(title, about, (Query(expr, each or title),), Look.NUMBER, scale, width=4, height=4)


def none_of(expr: str, label: str) -> str:
    """The same, or one series at 0 whose `label` is "none": that nothing happened is seen, too."""
    return f'{expr} or label_replace(vector(0), "{label}", "none", "", "")'


def times(histogram: str, of: str) -> tuple[Query, ...]:
    """How long it takes in half of the cases, and in all but one of a hundred. `of`: the labels."""
    rate = f"sum by (le) (rate({histogram}_bucket{{{of}}}{RATE}))"
    return (Query(f"histogram_quantile(0.5, {rate})", "half"), Query(f"histogram_quantile(0.99, {rate})", "99 %"))
