"""What `tradingbot-runtime audit -o json` says of a bot's journal, line by line, asked as a person would."""

import json
import subprocess
import sys
from pathlib import Path

from harness.simulator import Json

WITHIN_S = 60.0  # a Python starts slowly on a busy machine


def told_audit(journal: Path, *options: str) -> list[Json]:
    command = (sys.executable, "-m", "tradingbot_runtime", "audit", str(journal), "-o", "json", *options)
    said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=WITHIN_S)
    assert (said.returncode, said.stderr) == (0, ""), said
    return [json.loads(line) for line in said.stdout.splitlines()]
