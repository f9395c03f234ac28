"""The kill-switch file: while it is there, trading is halted. For a person with a shell and nothing else.

To remove it does not resume: the halt is latched and released by its id, as every other.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger("halt_file")

NAME = "HALT"
LOOK_S = 0.05
READ_MOST = 512


def is_there(path: Path) -> bool:
    """What cannot be looked at is there for all that we know; a folder of that name will do, or a link to nowhere."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        log.error("HaltFileUnreadable", path=str(path), message=str(error))  # noqa: TRY400 - it says it all
    return True


@dataclass(slots=True)
class HaltFile:
    path: Path
    is_held: Callable[[str], bool]  # whether a halt by this name is in force
    halt: Callable[[str, str], object]  # (by, message)

    def look(self) -> None:
        """Halt when the file is there. One call of `lstat`, which on a local disk takes microseconds."""
        if self.is_held(self.by) or not is_there(self.path):
            return
        message = self._text() or "no reason given"
        log.error("HaltFileFound", path=str(self.path), message=message)
        self.halt(self.by, message)

    async def watch(self) -> None:
        """Until cancelled; beside the tick path, never on it."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    @property
    def by(self) -> str:
        return f"file {self.path.name}"

    def _text(self) -> str:
        """The first of what it says. A pipe of that name must not hold up the bot that it is to halt."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
            try:
                return os.read(descriptor, READ_MOST).decode("utf-8", "replace").strip()
            finally:
                os.close(descriptor)
        except OSError:
            return ""
