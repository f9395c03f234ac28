"""The dashboards are what Grafana takes, and ask Prometheus for what it has."""

import json
import re
import subprocess
from pathlib import Path

import check_types
import pytest
import yaml
from written_boards import REPOSITORY, boards, shown

from harness.prometheus import program
from harness.promql import TARGET, asked, exported

BOARDS = dict(boards())
RULES = yaml.safe_load((REPOSITORY / "manifests/monitoring/rules.yaml").read_text())
RECORDED = {rule["record"] for group in RULES["groups"] for rule in group["rules"] if "record" in rule}
OF_THE_PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}  # the Prometheus client adds them
EXPRS = [query.expr for board in BOARDS.values() for panel in shown(board, {}) for query in panel.asked]


def parsed(exprs: list[str], folder: Path) -> str:
    """What promtool has against them."""
    rules = [{"record": f"asked:{at}", "expr": expr} for at, expr in enumerate(exprs)]
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    command = (program("promtool"), "check", "rules", str(path))
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    return done.stderr if done.returncode else ""


def test_there_are_four() -> None:
    assert sorted(BOARDS) == [f"tradingbot-{name}" for name in ("bot", "fleet", "operator", "venue")]


def test_prometheus_takes_every_query(tmp_path: Path) -> None:
    assert parsed(EXPRS, tmp_path) == ""
    assert "parse error" in parsed([EXPRS[0] + " or"], tmp_path)


def test_every_query_asks_for_what_is_exported() -> None:
    labels = (
        exported() | {name: TARGET | {"market", "type"} for name in RECORDED} | dict.fromkeys(OF_THE_PROCESS, TARGET)
    )
    for expr in EXPRS:
        for name, by in asked(expr):
            assert name in labels, f"{name} of {expr}"
            assert by <= labels[name], f"{name} has no {by - labels[name]}: {expr}"


def test_every_panel_says_what_it_shows_and_in_which_unit() -> None:
    for name, board in BOARDS.items():
        for panel in shown(board, {}):
            assert panel.panel["description"].endswith((".", "quote asset", "base asset")), (name, panel.title)
            assert panel.panel["fieldConfig"]["defaults"]["unit"], (name, panel.title)


# Each market's are in assets of its own: a sum over two of them is an amount of nothing.
AMOUNTS = {f"tradingbot_{name}" for name in (
    "pnl", "pnl_part", "position", "worst_case_exposure", "markout", "markout_notional_total", "volume_total",
    "filled_quantity_total", "rested_quantity_total", "reference_mid", "quote_price",
)}  # fmt: skip
AGGREGATED = re.compile(r"\b(?:sum|max|min|avg|count) (?:by \(([^)]*)\) )?\(|\b(?:sum|max|min|avg|count)\(")


def test_no_amount_is_added_up_over_markets_or_bots() -> None:
    found = 0
    for name, board in BOARDS.items():
        for panel in shown(board, {}):
            for one in panel.asked:
                if not AMOUNTS & {metric for metric, _ in asked(one.expr)}:
                    continue
                found += 1
                for by in AGGREGATED.finditer(one.expr):
                    assert {"namespace", "bot", "market"} <= set((by[1] or "").split(", ")), (name, one)
                assert {"{{namespace}}", "{{bot}}", "{{market}}"} <= set(re.findall(r"{{\w+}}", one.legend)), (
                    name,
                    one,
                )
    assert found > len(AMOUNTS)


def test_no_series_is_named_alike_for_two_bots_or_two_pods() -> None:
    for name, board in BOARDS.items():
        for panel in shown(board, {}):
            for one in panel.asked:
                named = set(re.findall(r"{{(\w+)}}", one.legend))
                assert not named & {"bot", "pod", "market"} or "namespace" in named or name == "tradingbot-operator", (
                    one
                )
                assert "market" not in named or "bot" in named, one


def test_a_bar_is_there_only_while_something_is() -> None:
    """Any series is a bar from the one end to the other there, also one of zeros."""
    for name, board in BOARDS.items():
        bars = [panel for panel in shown(board, {}) if panel.kind == "state-timeline"]
        assert not [one for panel in bars for one in panel.asked if "vector(" in one.expr], name


def test_no_panel_lies_on_another_and_each_has_a_number_of_its_own() -> None:
    for name, board in BOARDS.items():
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert not cells & taken, (name, panel["title"])
            assert at["x"] + at["w"] <= 24, (name, panel["title"])
            taken |= cells
        numbers = [panel["id"] for panel in board["panels"]]
        assert len(set(numbers)) == len(numbers), name


def test_config_maps_hold_the_same_files() -> None:
    maps = list(yaml.safe_load_all((REPOSITORY / "manifests/monitoring/dashboards.yaml").read_text()))
    held = {name: json.loads(text) for each in maps for name, text in each["data"].items()}
    assert held == {f"{name}.json": board for name, board in BOARDS.items()}
    assert all(each["metadata"]["labels"] == {"grafana_dashboard": "1"} for each in maps)
    assert all(len(json.dumps(each)) < 1_000_000 for each in maps), "a ConfigMap holds 1 MiB"


@pytest.fixture
def compiler() -> None:
    if not check_types.COMPILER.exists():
        pytest.skip("Grafana's types are not here: `make setup` brings them")


@pytest.mark.usefixtures("compiler")
def test_grafana_takes_them_by_its_own_types() -> None:
    assert check_types.complaints({name: json.dumps(board) for name, board in BOARDS.items()}) == ""


@pytest.mark.usefixtures("compiler")
def test_what_grafana_would_not_take_is_seen() -> None:
    wrong = json.loads(json.dumps(BOARDS["tradingbot-fleet"]))
    number = next(panel for panel in wrong["panels"] if panel["type"] == "stat")
    number["options"]["colorMode"] = "loud"
    lines = next(panel for panel in wrong["panels"] if panel["type"] == "timeseries")
    lines["targets"][0]["expression"] = "up"
    wrong["title"] = 7
    said = check_types.complaints({"wrong": json.dumps(wrong)})
    for problem in ("loud", "'\"expression\"' does not exist", "Type 'number' is not assignable to type 'string"):
        assert problem in said
