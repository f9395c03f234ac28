"""A generated file: written, or with --check compared with what is there."""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def write_or_check(target: Path, text: str, arguments: list[str]) -> int:
    """The exit code. With --check nothing is written; 1 when the file is stale."""
    name = target.relative_to(REPOSITORY)
    if arguments == ["--check"]:
        if target.exists() and target.read_text() == text:
            return 0
        print(f"{name} is stale: run `make generate`", file=sys.stderr)
        return 1
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    print(f"wrote {name}")
    return 0
