"""Many stories of orders under fire (tests/unit/test_orders_stateful.py), in batches, each with a seed of its own.

A batch that failed is printed with the command that repeats it. With `--resume` what is done counts: the state is in
.cache/soak-orders.json, by the version of the code that it was done with.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".cache" / "soak-orders.json"
TEST = "tests/unit/test_orders_stateful.py"
CODE = ("runtime/src/tradingbot_runtime/core", "runtime/src/tradingbot_runtime/journal")
BATCH = 250
BATCH_WITHIN_S = 1_800


def version() -> str:
    """A hash of the code that the stories are about: other code, other stories."""
    found = hashlib.sha256()
    files = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    files += (ROOT / "runtime/src/tradingbot_runtime").glob("*.py")
    files += (ROOT / "tests/harness").glob("hostile_*.py")
    for path in sorted(files):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def done_before(now: str) -> int:
    """Batches done with this code."""
    if not STATE.exists():
        return 0
    kept = json.loads(STATE.read_text())
    return int(kept["batches"]) if kept["version"] == now else 0


def command(seed: int) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"--hypothesis-seed={seed}", TEST]


def run(seed: int) -> tuple[int, str]:
    """A batch: its exit code and what it printed."""
    environment = os.environ | {"STATEFUL_EXAMPLES": str(BATCH)}
    try:
        ended = subprocess.run(command(seed), cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
                               timeout=BATCH_WITHIN_S)  # fmt: skip
    except subprocess.TimeoutExpired:
        return 1, f"not done within {BATCH_WITHIN_S} s"
    return ended.returncode, ended.stdout + ended.stderr


def soak(first: int, batches: int, jobs: int, now: str) -> int:
    """The exit code; stops at the first batch that fails."""
    started, finished = time.monotonic(), 0
    with ThreadPoolExecutor(jobs) as pool:
        seeds = iter(range(first, first + batches))
        running: dict[Future[tuple[int, str]], int] = {}
        while True:
            for seed in seeds:
                running[pool.submit(run, seed)] = seed
                if len(running) >= jobs:
                    break
            if not running:
                return 0
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for batch in ended:
                seed, (code, printed) = running.pop(batch), batch.result()
                if code:
                    print(printed)
                    print(f"seed {seed} failed; again: STATEFUL_EXAMPLES={BATCH} {' '.join(command(seed))}")
                    return code
                finished += 1
            oldest = min(running.values(), default=first + finished)
            STATE.parent.mkdir(exist_ok=True)
            STATE.write_text(json.dumps({"version": now, "batches": oldest}))
            took_s = time.monotonic() - started
            print(f"{finished * BATCH} of {batches * BATCH} stories, {took_s:.0f} s, no invariant broken", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=int, default=2_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--resume", action="store_true", help="count what was done before with the same code")
    parser.add_argument("--seed", type=int, help="of the first batch; the next ones count up")
    given = parser.parse_args()
    now, wanted = version(), -(-given.stories // BATCH)
    first = done_before(now) if given.resume else given.seed if given.seed is not None else time.time_ns() % 10**9
    left = max(wanted - first, 0) if given.resume else wanted
    print(f"{left * BATCH} stories, seeds {first} to {first + left - 1}, code {now}", flush=True)
    return soak(first, left, given.jobs, now)


if __name__ == "__main__":
    sys.exit(main())
