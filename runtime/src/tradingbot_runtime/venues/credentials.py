"""Credentials of venues: from the files of a mounted Secret, or from the environment."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.os_errors import in_words
from tradingbot_runtime.redaction import KnownSecrets

LOOK_EVERY_S = 1.0
T = TypeVar("T")
Parse = Callable[[Mapping[str, str], str], T]  # (values, where): raises ConfigError, naming `where` and never a value

log = structlog.get_logger("credentials")


@dataclass(frozen=True, slots=True)
class SecretShape(Generic[T]):
    """What a venue's credentials Secret holds."""

    keys: tuple[str, ...]
    parse: Parse[T]
    for_market_data: bool = False  # the venue's streams want them, too

    def from_environment(self, environment: Mapping[str, str], prefix: str) -> T:
        """From variables such as `<prefix>_API_KEY` for the key `apiKey`. Raises ConfigError."""
        names = {key: f"{prefix}_{re.sub('(?=[A-Z])', '_', key).upper()}" for key in self.keys}
        values = {key: _of_variable(name, environment.get(name, "")) for key, name in names.items()}
        return self.parse(values, f"{prefix}_*")

    def taught_to(self, secrets: KnownSecrets) -> "SecretShape[T]":
        """The same shape; what is read by it is known to be secret before anything can go wrong with it."""

        def parse(values: Mapping[str, str], where: str) -> T:
            secrets.learn(*(values[key] for key in self.keys if key in values))
            return self.parse(values, where)

        return replace(self, parse=parse)


class CredentialsFolder(Generic[T]):
    """A mounted Secret: one file for each key; a rotation needs no restart.

    Until `settle` what is mounted is what is used. From then on something else is only `offered`, and used once
    somebody has tried it (`take`): a bad rotation must not end the bot, nor send orders to another account. `now_s` is
    any clock that goes forward; the folder is looked at once in `LOOK_EVERY_S`, not at every order.
    """

    def __init__(self, folder: Path, parse: Parse[T], now_s: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self.unusable = ""  # why what is mounted now cannot be read, and what was there before goes on
        self._parse = parse
        self._now_s = now_s
        self._look_at_s = 0.0
        self._seen: tuple[tuple[str, int], ...] = ()
        self._mounted: T | None = None
        self._used: T | None = None  # settled

    def __call__(self) -> T:
        """What is in use. Raises ConfigError when there never was any that could be used."""
        return self._used if self._used is not None else self._look()

    def settle(self) -> None:
        """The venue has taken what is in use."""
        self._used = self()

    def offered(self) -> T | None:
        """What is mounted, where that can be read and is not what is in use. Raises ConfigError: see `__call__`."""
        mounted = self._look()
        return None if mounted is self() else mounted

    def take(self, offered: T) -> None:
        self._used = offered

    def _look(self) -> T:
        if self._mounted is not None and self._now_s() < self._look_at_s:
            return self._mounted
        self._look_at_s = self._now_s() + LOOK_EVERY_S
        try:
            self._mounted = self._read()
        except (ConfigError, OSError) as error:
            message = f"{error.filename}: {in_words(error)}" if isinstance(error, OSError) else str(error)
            if self._mounted is None:
                raise ConfigError(message) from error
            log.error("CredentialsUnusable", folder=str(self.folder), message=message)  # noqa: TRY400 - told in words
            self.unusable = message
        else:
            self.unusable = ""
        return self._mounted

    def _read(self) -> T:
        files = sorted(p for p in self.folder.glob("*") if p.is_file()) if self.folder.is_dir() else []
        seen = tuple((p.name, p.stat().st_mtime_ns) for p in files)
        if self._mounted is not None and seen == self._seen:
            return self._mounted
        values = {p.name: _text(f"{self.folder}: {p.name}", p.read_bytes()) for p in files}
        fresh = self._parse(values, str(self.folder))
        self._seen = seen
        return fresh


def one_word(values: Mapping[str, str], name: str, where: str) -> str:
    """A key, without the blanks around it. Raises ConfigError where it has any inside: no header can carry it."""
    word = values.get(name, "").strip()
    if any(character.isspace() or not character.isprintable() for character in word):
        raise ConfigError(f"{where}: {name} has a line break, a blank or a control character in it")
    return word


def _of_variable(name: str, value: str) -> str:
    """Python keeps what is no text of the environment as characters that nothing can be made of. Raises ConfigError."""
    return _text(name, value.encode(errors="surrogateescape"))


def _text(name: str, content: bytes) -> str:
    """Raises ConfigError, which names the variable or the Secret's key and nothing of what is in it."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} is no text: byte {error.start + 1} is not UTF-8") from None
