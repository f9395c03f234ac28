"""What a process had imported when it ended; and a process for which a package is not installed."""

import json
from pathlib import Path

_TELLS = """
import atexit, json, pathlib, sys
atexit.register(lambda: pathlib.Path({target!r}).write_text(json.dumps(sorted(sys.modules))))
"""
_LACKS = """
import sys

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name={package!r})

sys.meta_path.insert(0, Lacking())
"""


def _environment(folder: Path, code: str) -> dict[str, str]:
    """A fresh interpreter runs this before anything else."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(code, encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


def telling(folder: Path) -> dict[str, str]:
    return _environment(folder, _TELLS.format(target=str(folder / "modules.json")))


def lacking(folder: Path, package: str) -> dict[str, str]:
    return _environment(folder, _LACKS.format(package=package))


def told(folder: Path) -> set[str]:
    """After the end of a process that was `telling`."""
    return set(json.loads((folder / "modules.json").read_text(encoding="utf-8")))
