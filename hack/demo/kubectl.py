"""kubectl of the local cluster, and the shell scripts of hack/, called from the demo."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = str(ROOT / "hack/cluster/cluster")
NAMESPACE = "tradingbot-demo"


class StepFailed(Exception):
    """A command failed; the message says which, and what it said."""


def script(*command: str, show: Callable[[str], None] | None = None) -> None:
    """Run one of the repository's scripts; every line that it prints goes to `show`."""
    last: list[str] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            last = [*last[-14:], line.rstrip()]
            if show is not None:
                show(line.rstrip())
    if process.returncode != 0:
        raise StepFailed(f"{' '.join(command)} failed:\n" + "\n".join(last))


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    result = subprocess.run(
        [CLUSTER, "kubectl", *arguments], cwd=ROOT, input=stdin, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise StepFailed(f"kubectl {' '.join(arguments)}: {result.stderr.strip()}")
    return result.stdout


def get(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kubectl("get", *arguments, "-o", "json"))
    return found


@contextmanager
def forwarded(target: str, port: int, namespace: str = NAMESPACE) -> Iterator[int]:
    """A local port that leads to `port` of `target` for as long as the block runs."""
    process = subprocess.Popen(
        [CLUSTER, "kubectl", "-n", namespace, "port-forward", target, f":{port}"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        line = process.stdout.readline() if process.stdout else ""
        if "127.0.0.1:" not in line:
            raise StepFailed(f"port-forward to {target}: {line.strip()}")
        yield int(line.partition("127.0.0.1:")[2].split()[0])
    finally:
        process.terminate()
        process.wait()


def until(condition: Callable[[], bool], deadline_s: float, what: str) -> float:
    """Wait for `condition`; seconds that it took. Raises StepFailed at the deadline."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > deadline_s:
            raise StepFailed(f"{what}: not within {deadline_s:.0f} s")
        time.sleep(0.1)
    return time.monotonic() - started
