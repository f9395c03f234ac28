"""What alerts do to series that are made up, by promtool, which evaluates rules as Prometheus does."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from harness.prometheus import ROOT, program

RULES = ROOT / "manifests/monitoring/rules.yaml"
SECONDS = 30  # between samples, unless a test says otherwise
Series = dict[str, str]  # series -> values, in promtool's notation


def gauge(name: str, labels: str, value: float) -> Series:
    return {f"{name}{{{labels}}}": f"{value}x1000"}


def asking(
    series: Series, expr: str, at_min: float, wanted: Mapping[str, float], seconds: int = SECONDS
) -> dict[str, Any]:
    """One test of promtool's: what `expr` is then. `wanted`: values by labels."""
    samples = [{"labels": labels, "value": value} for labels, value in wanted.items()]
    return {
        "interval": f"{seconds}s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": expr, "eval_time": f"{int(at_min * 60)}s", "exp_samples": samples}],
    }


def firing(alert: str, series: Series, at_min: float, count: int) -> dict[str, Any]:
    """So many of `alert` fire then."""
    expr = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})'
    return asking(series, expr, at_min, {"{}": count} if count else {})


def _once_each(tests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each set of series is gone through once, whatever is asked on the way: hours of samples take seconds."""
    found: dict[str, dict[str, Any]] = {}
    for test in tests:
        key = json.dumps([test["interval"], test["input_series"]])
        asked = found[key]["promql_expr_test"] if key in found else []
        found[key] = {**test, "promql_expr_test": [*asked, *test.get("promql_expr_test", [])]}
    return list(found.values())


def judged(tests: list[dict[str, Any]], folder: Path, rules: Path = RULES) -> subprocess.CompletedProcess[str]:
    path = folder / "tests.yaml"
    content = {"rule_files": [str(rules)], "evaluation_interval": f"{SECONDS}s", "tests": _once_each(tests)}
    path.write_text(yaml.safe_dump(content))
    command = (program("promtool"), "test", "rules", str(path))
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)


def require(tests: list[dict[str, Any]], folder: Path, rules: Path = RULES) -> None:
    ended = judged(tests, folder, rules)
    assert ended.returncode == 0, ended.stdout + ended.stderr
