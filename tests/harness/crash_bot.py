"""A bot that is killed at a named point, started again within milliseconds, and killed again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.crash_points import Board
from harness.runtime_process import END_WITHIN_S, Process, RuntimeProcess

TESTS = Path(__file__).parents[1]
POLL_S = 0.005


class Launcher:
    """The process that every life is a fork of (`crash_launcher`)."""

    def __enter__(self) -> Self:
        paths = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "PYTHONPATH": paths}
        command = (sys.executable, "-m", "harness.crash_launcher")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=END_WITHIN_S)

    def ask(self, **request: Any) -> Any:  # noqa: ANN401 - JSON
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the launcher ended; see its stderr above"
        return json.loads(line)


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

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        deadline = time.monotonic() + (timeout or END_WITHIN_S)
        while (code := self.poll()) is None:
            if time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired("life", timeout or END_WITHIN_S)
            time.sleep(POLL_S)
        return code


@dataclass
class CrashingBot(RuntimeProcess):
    launcher: Launcher = field(kw_only=True)
    board: Board = field(init=False)

    def __post_init__(self) -> None:
        self.board = Board(self.folder / "board")

    def _begin(self, arguments: list[str], environment: Mapping[str, str]) -> Process:
        for path in (self._log, self._errors):
            path.touch()  # read at once, maybe before the fork has opened it
        request = {"arguments": arguments, "environment": dict(environment), "board": str(self.folder / "board"),
                   "log": str(self._log), "errors": str(self._errors)}  # fmt: skip
        return Life(self.launcher, self.launcher.ask(**request)["pid"])

    def dies(self, within_s: float, *, may_end: bool) -> bool:
        """Whether it has come to the armed point in time, and with it to its end; `may_end`: it is ending in order."""
        assert self.process is not None
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        is_killed = code == -signal.SIGKILL
        assert is_killed or may_end, f"ended by itself with {code}: {self.output()[-3000:]}"
        self.process = None
        return is_killed
