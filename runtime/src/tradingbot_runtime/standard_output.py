"""What a command says to whoever reads it. A pipe that nobody reads any more (`| head`) is a normal end."""

import errno
import os
import stat
import sys
from contextlib import suppress
from typing import Any, TextIO

from rich.console import Console

from tradingbot_runtime.os_errors import in_words


class NobodyReads(Exception):
    """Ends a command that is there to be read, and for nothing else."""


class Unwritable(Exception):
    """What was to be said could not be written, and somebody waits for it: a full disk, most often."""


def tell(text: str) -> None:
    """Raises NobodyReads, and Unwritable."""
    if not _written(sys.stdout, text):
        raise NobodyReads


def say(*lines: str) -> None:
    """At once, and whether anybody reads it or not: what such a command does is done all the same."""
    try:
        _written(sys.stdout, "".join(f"{line}\n" for line in lines))
        settle()
    except Unwritable as error:  # from here on it goes nowhere: this is said once
        complain(str(error))


def complain(*lines: str) -> None:
    """On standard error, whether anybody reads it or not."""
    with suppress(Unwritable):  # there is nobody left to be told
        _written(sys.stderr, "".join(f"{line}\n" for line in lines))


def settle() -> None:
    """Write what is still on its way; else the interpreter would do it at its end, with an error. Raises Unwritable."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _gone(sys.stdout, error)


class Page(Console):
    """Tables on standard output. Printing raises NobodyReads, and Unwritable."""

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as Rich has it
        try:
            super().print(*objects, **options)
        except OSError as error:
            _gone(sys.stdout, error)
            raise NobodyReads from error

    def on_broken_pipe(self) -> None:
        self.quiet = True
        _to_nowhere(sys.stdout)
        raise NobodyReads


def _written(stream: TextIO, text: str) -> bool:
    try:
        stream.write(text)
    except OSError as error:
        _gone(stream, error)
        return False
    return True


def _gone(stream: TextIO, error: OSError) -> None:
    """Raises Unwritable, unless nobody is left at the other end of the pipe or terminal."""
    hung_up = error.errno == errno.EIO and stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    _to_nowhere(stream)
    if not hung_up and not isinstance(error, BrokenPipeError):
        raise Unwritable(f"standard output cannot be written: {in_words(error)}") from error


def _to_nowhere(stream: TextIO) -> None:
    """What is left in the stream's buffer is written as well."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
