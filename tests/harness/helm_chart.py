"""Charts as helm renders them."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from harness.api_client import Object
from harness.control_plane import REPOSITORY
from harness.prometheus import program

CHART = REPOSITORY / "charts/tradingbot-operator"
BOT_CHART = REPOSITORY / "charts/tradingbot"
NAMESPACE = "tradingbot-system"


class Refused(Exception):
    """With what helm says."""


def rendered(folder: Path, values: Object | None = None, *options: str, chart: Path = CHART) -> list[Object]:
    """All objects of a release that is called as its chart, hooks among them. Raises Refused."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values or {}))
    command = (program("helm"), "template", chart.name, str(chart), "--namespace", NAMESPACE, "--values", str(file))
    done = subprocess.run((*command, *options), capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise Refused(done.stderr)
    return [document for document in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if document]


def one(objects: list[Object], kind: str, name: str = "tradingbot-operator", namespace: str | None = None) -> Object:
    (found,) = [each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)
                and namespace in (None, each["metadata"].get("namespace"))]  # fmt: skip
    return found


def at(path: str, value: Any) -> Object:  # noqa: ANN401 - YAML
    """Values with one of them: `a.b` -> {"a": {"b": value}}."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return dict(value)
