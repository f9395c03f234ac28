"""What a process that may be writing at this moment has told: one JSON object a line."""

import json
from pathlib import Path
from typing import Any


def entries(text: str) -> list[dict[str, Any]]:
    """Its objects. A line that has no end yet is not told yet; a line that is no object is of something else."""
    lines = text.splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]


def logged(log: Path, event: str) -> list[dict[str, Any]]:
    """The entries of this event that a log has now."""
    return [entry for entry in entries(log.read_text(encoding="utf-8")) if entry["event"] == event]
