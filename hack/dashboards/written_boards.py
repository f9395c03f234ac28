"""The dashboards as they are written: which queries each panel asks, with Grafana's variables filled in."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "manifests/monitoring/dashboards"
RATE_INTERVAL = "1m"  # Grafana's own is four scrapes at least
EVERYTHING = ".*"  # what a variable is when nobody has chosen
_VARIABLE = re.compile(r"\$(\w+)")


class Asked(NamedTuple):
    legend: str
    expr: str


class Shown(NamedTuple):
    """`kind`: Grafana's name of the panel's plugin."""

    title: str
    kind: str
    asked: tuple[Asked, ...]
    panel: Mapping[str, Any]


def boards() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and JSON of each."""
    for path in sorted(FOLDER.glob("*.json")):
        yield path.stem, json.loads(path.read_text())


def shown(board: Mapping[str, Any], chosen: Mapping[str, str]) -> Iterator[Shown]:
    """The panels, rows left out. `chosen`: values of variables, as regular expressions."""
    known = {variable["name"]: EVERYTHING for variable in board["templating"]["list"]}
    values = {"__rate_interval": RATE_INTERVAL, **known, **chosen}
    for panel in board["panels"]:
        if panel["type"] != "row":
            asked = tuple(Asked(target["legendFormat"], filled(target["expr"], values)) for target in panel["targets"])
            yield Shown(panel["title"], panel["type"], asked, panel)


def filled(expr: str, values: Mapping[str, str]) -> str:
    """With the variables as Grafana fills them in; another $word stays, as the $1 of label_replace."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), expr)
