"""Compiles the dashboards against Grafana's own types. `make setup` brings these and the compiler."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from written_boards import FOLDER, REPOSITORY

TYPES = REPOSITORY / "hack/dashboards/types/grafana.ts"
PACKAGES = REPOSITORY / ".cache/dashboard-types"
ENVIRONMENT = {**os.environ, "PATH": f"{REPOSITORY / '.cache/bin'}:{os.environ['PATH']}"}  # Node may be the setup's own
COMPILER = PACKAGES / "node_modules/.bin/tsc"
OPTIONS = ("--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler")


def typed(text: str) -> str:
    """A dashboard's JSON as a program that compiles where it is what Grafana takes."""
    lines = ['import type { Panel, Whole } from "./grafana";', f"export const whole: Whole = {text.rstrip()};"]
    panels = json.loads(text)["panels"]
    return "\n".join([*lines, *(f"export const p{at}: Panel = {_known(panel)};" for at, panel in enumerate(panels))])


def _known(panel: dict[str, object]) -> str:
    """A literal is refused when it has a field that its type has not: where a panel lies is checked as part of all."""
    if panel["type"] == "row":
        return json.dumps({"type": "row", "title": panel["title"]})
    fields = ("type", "title", "description", "datasource", "targets", "options")
    defaults = panel["fieldConfig"]["defaults"]  # type: ignore[index]  # JSON
    kept = {name: defaults[name] for name in ("unit", "custom") if name in defaults}
    return json.dumps({name: panel[name] for name in fields} | {"fieldConfig": {"defaults": kept}}, indent=1)


def complaints(dashboards: dict[str, str]) -> str:
    """What the compiler says; nothing when all is well. `dashboards`: name -> JSON."""
    with tempfile.TemporaryDirectory(dir=PACKAGES) as folder:
        place = Path(folder)
        (place / TYPES.name).write_text(TYPES.read_text())
        for name, text in dashboards.items():
            (place / f"{name}.ts").write_text(typed(text))
        sources = [str(path) for path in sorted(place.glob("*.ts"))]
        command = [str(COMPILER), *OPTIONS, *sources]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
        return done.stdout.replace(f"{place}/", "") + done.stderr if done.returncode else ""


def main() -> int:
    if not COMPILER.exists():
        print("Grafana's types are not here: run `make setup`", file=sys.stderr)
        return 1
    said = complaints({path.stem: path.read_text() for path in sorted(FOLDER.glob("*.json"))})
    print(said, end="", file=sys.stderr)
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main())
