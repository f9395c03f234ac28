"""What the operating system refused, in words that say what to do."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tradingbot_runtime.errors import ConfigError

_WORDS = {
    errno.ENOENT: "there is no such file or folder",
    errno.EISDIR: "is a folder; name a file",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EEXIST: "a part of the path is a file, not a folder",  # where a folder was to be made
    errno.EACCES: "this user may not open it; change its owner or mode, or run as its owner",
    errno.ENAMETOOLONG: "the name is too long for the file system",
    errno.ELOOP: "a link in the path leads back to itself",
    errno.EPERM: "this user may not do that; change the owner, or run as the owner",
    errno.EROFS: "the file system is read-only; name a path that can be written",
    errno.ENOSPC: "the disk is full; make room on its volume, then start again",
    errno.EADDRINUSE: "another program listens there; end it, or choose another port",
    errno.EADDRNOTAVAIL: "this machine has no such address; choose one of its own, such as 127.0.0.1",
}


def in_words(error: OSError) -> str:
    """The part of a message that follows the path or address; never the number of the error."""
    number = error.errno or 0
    if number in _WORDS:
        return _WORDS[number]
    return os.strerror(number) if number > 0 else error.strerror or "the system refused"


@contextmanager
def listening(host: str, port: int) -> Iterator[None]:
    """An address that cannot be used is a mistake of the command line, not a bug: raises ConfigError for it."""
    try:
        yield
    except OSError as error:
        # Refused with the same number as somebody else's file.
        words = "ports below 1024 are for root; choose a higher one" if error.errno == errno.EACCES else in_words(error)
        raise ConfigError(f"cannot listen on {host}:{port}: {words}") from error
