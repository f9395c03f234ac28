"""Many runs of one test, in batches, each with a seed of its own, a few at a time; what is done can be counted on.

A batch that failed is printed with the command that repeats it. What is done is kept in .cache/soak-<name>.json, by the
version of the code that it was done with: other code, other runs.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "runtime/src/tradingbot_runtime"


@dataclass(frozen=True)
class Soak:
    """`test`: the file of a batch, by its seed. `environment`: what tells it how much to do, and with which seed."""

    name: str
    what: str  # is counted, in the plural
    size: int  # of a batch
    within_s: float  # a batch
    test: Callable[[int], str]
    environment: Callable[[int], Mapping[str, str]]
    options: Callable[[int], list[str]] = lambda _: []
    code: tuple[str, ...] = ()  # folders of the package that it is about, beside the package's own modules
    harness: str = "*.py"  # of tests/harness

    @property
    def state(self) -> Path:
        return ROOT / ".cache" / f"soak-{self.name}.json"

    def version(self) -> str:
        """A hash of the code that is tried."""
        found = hashlib.sha256()
        files = [path for folder in self.code for path in (PACKAGE / folder).rglob("*.py")]
        files += [*PACKAGE.glob("*.py"), *(ROOT / "tests/harness").glob(self.harness)]
        for path in sorted(files):
            found.update(path.read_bytes())
        return found.hexdigest()[:16]

    def command(self, seed: int) -> list[str]:
        """A batch is many tests in one, and has a time of its own."""
        return [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--timeout", "0",
                *self.options(seed), self.test(seed)]  # fmt: skip

    def run(self, seed: int) -> tuple[int, str]:
        """A batch: its exit code and what it printed."""
        environment = {**os.environ, **self.environment(seed)}
        try:
            ended = subprocess.run(self.command(seed), cwd=ROOT, env=environment, capture_output=True, text=True,
                                   check=False, timeout=self.within_s)  # fmt: skip
        except subprocess.TimeoutExpired:
            return 1, f"not done within {self.within_s} s"
        return ended.returncode, ended.stdout + ended.stderr

    def again(self, seed: int) -> str:
        return " ".join([*(f"{name}={value}" for name, value in self.environment(seed).items()), *self.command(seed)])


@dataclass
class Tally:
    """What has been done, kept in a file."""

    soak: Soak
    version: str = field(init=False)
    batches: int = field(init=False)  # with this version
    ever: int = field(init=False)

    def __post_init__(self) -> None:
        self.version = self.soak.version()
        kept = json.loads(self.soak.state.read_text()) if self.soak.state.exists() else {}
        same = kept.get("version") == self.version
        self.batches = int(kept["batches"]) if same else 0
        self.ever = int(kept.get("ever", 0))

    def keep(self, oldest: int, done: int, *, in_row: bool) -> None:
        """`done` more are done than before; `in_row`: and every batch before `oldest`, from the first seed on."""
        self.batches, self.ever = oldest if in_row else self.batches, self.ever + done
        self.soak.state.parent.mkdir(exist_ok=True)
        kept = {"version": self.version, "batches": self.batches, "ever": self.ever}
        self.soak.state.write_text(json.dumps(kept))

    def text(self) -> str:
        size = self.soak.size
        return f"in a row {self.batches * size} with this code, {self.ever * size} ever"


def follow(tally: Tally, first: int, batches: int, jobs: int) -> int:
    """Run so many batches; the exit code. Stops at the first that fails."""
    soak, started, finished = tally.soak, time.monotonic(), 0
    in_row = first == tally.batches  # seeds of somebody's choice are no part of the row that is counted on
    with ThreadPoolExecutor(jobs) as pool:
        seeds = iter(range(first, first + batches))
        running: dict[Future[tuple[int, str]], int] = {}
        while True:
            for seed in seeds:
                running[pool.submit(soak.run, seed)] = seed
                if len(running) >= jobs:
                    break
            if not running:
                return 0
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for batch in ended:
                seed, (code, printed) = running.pop(batch), batch.result()
                if code:
                    print(printed)
                    print(f"seed {seed} failed; again: {soak.again(seed)}")
                    return code
                finished += 1
            tally.keep(min(running.values(), default=first + finished), len(ended), in_row=in_row)
            took_s = time.monotonic() - started
            counts = f"{finished * soak.size} of {batches * soak.size} {soak.what}, {took_s:.0f} s"
            print(f"{counts}, no invariant broken; {tally.text()}", flush=True)


def main(soak: Soak, arguments: list[str], count: int) -> int:
    parser = argparse.ArgumentParser(prog=soak.name)
    parser.add_argument(f"--{soak.what}", dest="count", type=int, default=count)
    parser.add_argument("--jobs", type=int, default=2)
    goes_on = parser.add_mutually_exclusive_group()
    goes_on.add_argument(
        "--resume", action="store_true", help="up to so many, those done before with the same code included"
    )
    goes_on.add_argument("--more", action="store_true", help="so many more than were done before with the same code")
    goes_on.add_argument("--seed", type=int, help="of the first batch; the next ones count up")
    given = parser.parse_args(arguments)
    tally, wanted = Tally(soak), -(-given.count // soak.size)
    first = given.seed if given.seed is not None else time.time_ns() % 10**6
    if given.resume or given.more:
        first = tally.batches
    left = max(wanted - first, 0) if given.resume else wanted
    print(f"{left * soak.size} {soak.what}, seeds {first} to {first + left - 1}, code {tally.version}", flush=True)
    return follow(tally, first, left, given.jobs)
