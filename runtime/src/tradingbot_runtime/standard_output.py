"""What a command says to whoever reads it. A pipe that nobody reads any more (`| head`) is a normal end."""

import errno
import os
import stat
import sys
from typing import TextIO

from rich.console import Console


class NobodyReads(Exception):
    """Ends a command that is there to be read, and for nothing else."""


def tell(text: str) -> None:
    """Raises NobodyReads."""
    if not _written(sys.stdout, text):
        raise NobodyReads


def say(*lines: str) -> None:
    """At once, and whether anybody reads it or not: what such a command does is done all the same."""
    _written(sys.stdout, "".join(f"{line}\n" for line in lines))
    settle()


def complain(*lines: str) -> None:
    """On standard error, whether anybody reads it or not."""
    _written(sys.stderr, "".join(f"{line}\n" for line in lines))


def settle() -> None:
    """Write what is still on its way; else the interpreter would do it at its end, with an error."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _gone(sys.stdout, error)


class Page(Console):
    """Tables on standard output. Printing raises NobodyReads."""

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
    """Raises the error, unless nobody is left at the other end of the pipe or terminal."""
    hung_up = error.errno == errno.EIO and stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    if not hung_up and not isinstance(error, BrokenPipeError):
        raise error
    _to_nowhere(stream)


def _to_nowhere(stream: TextIO) -> None:
    """What is left in the stream's buffer is written as well."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
