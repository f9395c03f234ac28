"""A bot that is killed at a named point, started again within milliseconds, and killed again."""

import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.crash_points import Board
from harness.lives import Launcher
from harness.runtime_process import Process, RuntimeProcess


@dataclass
class CrashingBot(RuntimeProcess):
    launcher: Launcher = field(kw_only=True)
    board: Board = field(init=False)

    def __post_init__(self) -> None:
        self.board = Board(self.folder / "board")

    def _begin(self, arguments: list[str], environment: Mapping[str, str]) -> Process:
        board = str(self.folder / "board")
        return self.launcher.begin(arguments, {**os.environ, **environment}, self._log, self._errors, board=board)

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
