"""Command-line options that are checked: what each kind of value allows, and one line for each mistake.

A parser that ends at the first mistake makes a person try again and again, so the action of an option only notes what
is wrong, and `parsed` raises all of it at once.
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, Protocol

from tradingbot_runtime.config import InvalidConfig

_NOTES = "mistakes"


class Kind(Protocol):
    """What values an option takes; as text it completes the sentence `must be ...`."""

    def read(self, text: str) -> object:
        """The value that `text` stands for. Raises ValueError when it is not allowed."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `least` to `most`; read as int."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"a whole number, {self.least} to {self.most}"

    def read(self, text: str) -> int:
        # `int` would also take "1_000", " 7" and other scripts' digits.
        if not re.fullmatch(r"[0-9]{1,20}", text) or not self.least <= int(text) <= self.most:
            raise ValueError(text)
        return int(text)


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `least` to `most`, in steps of `step` where that is given; read as Decimal."""

    least: Decimal
    most: Decimal
    step: Decimal | None = None

    def __str__(self) -> str:
        steps = f", in steps of {self.step}" if self.step else ""
        return f"a number, {self.least} to {self.most}{steps}"

    def read(self, text: str) -> Decimal:
        try:
            number = Decimal(text)
        except InvalidOperation as wrong:
            raise ValueError(text) from wrong
        if not number.is_finite() or not self.least <= number <= self.most or (self.step and number % self.step):
            raise ValueError(text)
        return number


@dataclass(frozen=True, slots=True)
class NumberOr:
    """A number, or one word, which is read as None."""

    number: Number
    word: str

    def __str__(self) -> str:
        return f"{self.number}, or {self.word}"

    def read(self, text: str) -> Decimal | None:
        return None if text == self.word else self.number.read(text)


@dataclass(frozen=True, slots=True)
class Name:
    """What somebody or something is called; read as text without the spaces around it."""

    def __str__(self) -> str:
        return "a name, not empty"

    def read(self, text: str) -> str:
        if not text.strip():
            raise ValueError(text)
        return text.strip()


PORT = Whole(0, 65_535)  # the system would silently take a larger number for another port


class Checked(argparse.Action):
    """An option whose values are of one kind. `--help` tells what is allowed, and the default.

    `default` is written as a person would write it, several with spaces between; with `many` the option may be
    repeated, and its value is a list.
    """

    def __init__(  # noqa: PLR0913 - argparse makes the call
        self, option_strings: Sequence[str], dest: str, *, kind: Kind, help: str, default: str | None = None,  # noqa: A002 - as above
        metavar: str | None = None, many: bool = False,
    ) -> None:  # fmt: skip
        self._kind = kind
        self._many = many
        shown = f"; default: {default}" if default is not None else ""
        value: object = None
        if default is not None:
            value = [kind.read(part) for part in default.split()] if many else kind.read(default)
        super().__init__(option_strings, dest, default=value, metavar=metavar, help=f"{help} ({kind}{shown})")

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,  # noqa: ANN401, ARG002 - argparse's signature
        option_string: str | None = None,
    ) -> None:  # fmt: skip
        try:
            value = self._kind.read(values)
        except ValueError:
            note = f"{option_string} {values}: must be {self._kind}"
            setattr(namespace, _NOTES, [*getattr(namespace, _NOTES, []), note])
            return
        if self._many:
            before = getattr(namespace, self.dest)
            value = [value] if before is self.default else [*before, value]
        setattr(namespace, self.dest, value)


class Parser(argparse.ArgumentParser):
    """Tells a mistake in one line, without the usage of twenty options above it.

    A command says itself which of its arguments it does not know, so that its own help is named.
    """

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:  # noqa: ANN401 - argparse's overloads
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unknown: {' '.join(unknown)}")
        return options, unknown

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def parsed(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options. Raises InvalidConfig with one line for each value that is not allowed."""
    options = parser.parse_args(arguments)
    if notes := getattr(options, _NOTES, []):
        raise InvalidConfig(notes)
    return options
