"""Processes of ours that start within milliseconds: forks of one that has imported everything (`life_server`).

Python needs seconds of a busy machine for the imports alone, and a test has no use for them. What a fork is not: a
fresh interpreter. What changes that (PYTHONPATH, LD_PRELOAD) needs a process started from the beginning.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

TESTS = Path(__file__).parents[1]
POLL_S = 0.005
END_WITHIN_S = 10.0
OF_THE_INTERPRETER = frozenset({"PYTHONPATH", "LD_PRELOAD"})
RUNTIME, OPERATOR = "tradingbot_runtime", "tradingbot_operator"


def finding_the_harness() -> dict[str, str]:
    """Our environment for a process that runs a module of the harness."""
    paths = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": paths}


class Launcher:
    """The process that every life is a fork of."""

    def __init__(self, program: str = RUNTIME) -> None:
        self._program = program

    def __enter__(self) -> Self:
        command = (sys.executable, "-m", "harness.life_server", self._program)
        self._turn = threading.Lock()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=finding_the_harness()
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=END_WITHIN_S)

    def begin(
        self, arguments: list[str], environment: Mapping[str, str], log: Path, errors: Path, **more: str
    ) -> "Life":
        """`log` and `errors` take what it writes to stdout and stderr, after what is there."""
        for path in (log, errors):
            path.touch()  # read at once, maybe before the fork has opened it
        request = {"arguments": arguments, "environment": dict(environment), "log": str(log), "errors": str(errors),
                   **more}  # fmt: skip
        return Life(self, self.ask(**request)["pid"])

    def ask(self, **request: Any) -> Any:  # noqa: ANN401 - JSON
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        assert line, "the launcher ended; see its stderr above"
        return json.loads(line)


@cache
def launcher(program: str = RUNTIME) -> Launcher:
    """One for all tests of this process."""
    shared = Launcher(program).__enter__()
    atexit.register(shared.__exit__, None, None, None)
    return shared


def begin(
    program: str, arguments: list[str], changes: Mapping[str, str], log: Path, errors: Path
) -> "Life | subprocess.Popen[bytes]":
    """A life; a process from its beginning where the interpreter itself has to see `changes` of our environment."""
    environment = {**os.environ, **changes}
    if not changes.keys() & OF_THE_INTERPRETER:
        return launcher(program).begin(arguments, environment, log, errors)
    command = (sys.executable, "-m", program, *arguments)
    with log.open("ab") as output, errors.open("ab") as told:
        return subprocess.Popen(command, stdout=output, stderr=told, env=environment)


@dataclass
class Life:
    """One fork, as subprocess.Popen would show it."""

    launcher: Launcher
    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self.launcher.ask(pid=self.pid)["code"]
        return self.returncode

    def send_signal(self, sig: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        deadline = time.monotonic() + (timeout or END_WITHIN_S)
        while (code := self.poll()) is None:
            if time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired("life", timeout or END_WITHIN_S)
            time.sleep(POLL_S)
        return code
