"""Field types of the specs: numbers, durations and names as people write them, exact values once parsed.

Kubernetes forbids floats in a spec, so decimals travel as strings. Each type is declared once, with its bounds and its
unit: the parser, the CRD's CEL rule with its message, and the reference table are made from that one declaration.
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

DECIMAL_PATTERN = r"^[0-9]{1,18}(\.[0-9]{1,12})?$"
DURATION_PATTERN = r"^([0-9]{1,8}(ms|s|m)|[0-9]{1,6}h)$"  # no more digits than an int64 of nanoseconds can hold
_NANOS = {"ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}


WRITTEN = {"written": "by people"}  # validation's context of a document: in one, nanoseconds are not a duration


def duration_ns(text: str) -> int:
    """Nanoseconds of a duration such as `250ms`, `3s`, `10m` or `1h`; ValueError if it is none."""
    if not re.fullmatch(DURATION_PATTERN, text):
        raise ValueError(text)
    number = text.rstrip("mhs")
    return int(number) * _NANOS[text[len(number) :]]


def duration_text(nanos: int) -> str:
    """The shortest exact way to write `nanos` as a duration."""
    for unit in ("h", "m", "s"):
        if nanos and nanos % _NANOS[unit] == 0:
            return f"{nanos // _NANOS[unit]}{unit}"
    return f"{nanos // _NANOS['ms']}ms"


def matches(pattern: str, value: str = "self") -> str:
    """The CEL expression that `value` matches `pattern`, which must read the same in RE2 and in Python's `re`."""
    return f"{value}.matches({_cel_text(pattern)})"


def where_decimal(names: Iterable[str], comparison: str) -> str:
    """The CEL expression of a comparison of decimals, silent where one of them is none: that one says so itself."""
    return _where(DECIMAL_PATTERN, names, comparison)


def where_duration(names: Iterable[str], comparison: str) -> str:
    """The same of durations."""
    return _where(DURATION_PATTERN, names, comparison)


def _where(pattern: str, names: Iterable[str], comparison: str) -> str:
    operands = ", ".join(f"self.{name}" for name in names)
    return f"[{operands}].exists(text, !{matches(pattern, 'text')}) || ({comparison})"


def _cel_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def number_text(value: object) -> str:
    """A number that YAML has read, as it is written in quotes; empty for anything else."""
    if isinstance(value, float) and math.isfinite(value):
        return format(Decimal(repr(value)), "f")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


class TextRule(ABC):
    """A value that travels as text.

    `allowed` completes the sentence "must be ...". The pattern is part of the CEL rule and not a `pattern` of the
    schema, because the API server answers a failed `pattern` with the regular expression instead of with words.
    """

    kind: ClassVar[str]

    @property
    @abstractmethod
    def longest(self) -> int:
        """The schema's `maxLength`: without one the API server expects a CEL rule to cost too much."""

    @property
    @abstractmethod
    def allowed(self) -> str: ...

    @property
    @abstractmethod
    def cel(self) -> str: ...

    @property
    @abstractmethod
    def documentation(self) -> dict[str, str]:
        """`x-type`, `x-unit` and `x-bounds`: for the reference table only, never in a CRD."""

    @abstractmethod
    def parse(self, value: object) -> Any:  # noqa: ANN401 - a Decimal, nanoseconds or text: the annotated type
        """The value that `value` stands for; ValueError if it is none of those allowed."""

    @staticmethod
    def write(value: Any) -> str:  # noqa: ANN401 - as above
        return str(value)

    def _validate(self, value: object, info: core_schema.ValidationInfo) -> Any:  # noqa: ANN401 - as above
        try:
            if not isinstance(value, str) and (info.mode == "json" or info.context is WRITTEN):
                raise ValueError(value)  # noqa: TRY301 - as any other value that is not allowed
            return self.parse(value)
        except ValueError:
            context = {"allowed": self.allowed, "in_quotes": self._in_quotes(value)}
            raise PydanticCustomError(self.kind, "must be {allowed}", context) from None

    def _in_quotes(self, value: object) -> str:
        """The text that a number would be accepted as, were it in quotes; empty where it would not be."""
        text = number_text(value)
        try:
            self.parse(text)
        except ValueError:
            return ""
        return text

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:  # noqa: ANN401 - pydantic's hook
        return core_schema.with_info_plain_validator_function(
            self._validate, serialization=core_schema.plain_serializer_function_ser_schema(self.write)
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rule = {"rule": self.cel, "message": f"must be {self.allowed}"}
        return {"type": "string", "maxLength": self.longest, "x-type": self.kind, **self.documentation,
                "x-kubernetes-validations": [rule]}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RangeRule(TextRule):
    """A value between `minimum` and `maximum` (both included), in `unit` where it does not carry one itself."""

    minimum: str
    maximum: str
    unit: str = ""

    @property
    def documentation(self) -> dict[str, str]:
        unit = {"x-unit": self.unit} if self.unit else {}
        return {**unit, "x-bounds": f"{self.minimum} to {self.maximum}"}


@dataclass(frozen=True, slots=True)
class DecimalRule(RangeRule):
    """A decimal number in a string.

    The parser is exact; CEL has doubles only, so next to a bound of 1e12 the API server may let pass what the operator
    then refuses.
    """

    kind: ClassVar[str] = "decimal"
    longest = 32

    @property
    def allowed(self) -> str:
        return f'a decimal number in a string, from "{self.minimum}" to "{self.maximum}" ({self.unit})'

    @property
    def cel(self) -> str:
        low, high = float(self.minimum), float(self.maximum)
        return f"{matches(DECIMAL_PATTERN)} && double(self) >= {low!r} && double(self) <= {high!r}"

    def parse(self, value: object) -> Decimal:
        if isinstance(value, Decimal):  # built in code, or validated before
            value = self.write(value)
        if isinstance(value, str) and re.fullmatch(DECIMAL_PATTERN, value):
            number = Decimal(value)
            if Decimal(self.minimum) <= number <= Decimal(self.maximum):
                return number
        raise ValueError(value)

    @staticmethod
    def write(value: Decimal) -> str:
        return format(value, "f")


@dataclass(frozen=True, slots=True)
class DurationRule(RangeRule):
    """A duration (`250ms`, `3s`, `10m`, `1h`); parsed to nanoseconds."""

    kind: ClassVar[str] = "duration"
    longest = 12

    @property
    def allowed(self) -> str:
        return f"a duration from {self.minimum} to {self.maximum}, written like 250ms, 3s, 10m or 1h"

    @property
    def cel(self) -> str:
        """CEL knows h, m, s and ms in `duration()`, as we do."""
        low, high = f"duration('{self.minimum}')", f"duration('{self.maximum}')"
        return f"{matches(DURATION_PATTERN)} && duration(self) >= {low} && duration(self) <= {high}"

    def parse(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):  # nanoseconds: built in code
            value = self.write(value)
        if isinstance(value, str):
            nanos = duration_ns(value)
            if duration_ns(self.minimum) <= nanos <= duration_ns(self.maximum):
                return nanos
        raise ValueError(value)

    @staticmethod
    def write(value: int) -> str:
        return duration_text(value)


@dataclass(frozen=True, slots=True)
class NameRule(TextRule):
    """Text that matches `pattern`, of at most `max_length` characters; `words` says so to people."""

    pattern: str
    max_length: int
    words: str

    kind: ClassVar[str] = "name"

    @property
    def longest(self) -> int:
        return self.max_length

    @property
    def allowed(self) -> str:
        return f"{self.words}, at most {self.max_length} characters"

    @property
    def cel(self) -> str:
        return matches(self.pattern)

    @property
    def documentation(self) -> dict[str, str]:
        return {"x-bounds": self.allowed}

    def parse(self, value: object) -> str:
        if isinstance(value, str) and len(value) <= self.max_length and re.fullmatch(self.pattern, value):
            return value
        raise ValueError(value)


LABEL_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
LABEL_WORDS = "lower-case letters, digits and '-', beginning and ending with a letter or digit"

Bps = Annotated[Decimal, DecimalRule("0", "5000", "basis points")]
PositiveBps = Annotated[Decimal, DecimalRule("0.0001", "5000", "basis points")]
BaseQuantity = Annotated[Decimal, DecimalRule("0.000000000001", "1000000000000", "units of the base asset")]
QuoteAmount = Annotated[Decimal, DecimalRule("0.000000000001", "1000000000000", "units of the quote asset")]
Share = Annotated[Decimal, DecimalRule("0", "1", "a share; 1 is the whole")]
PositiveShare = Annotated[Decimal, DecimalRule("0.0001", "1", "a share; 1 is the whole")]
# Some of the whole is always left for orders, however small the burst.
Reserve = Annotated[Decimal, DecimalRule("0", "0.9", "a share; what is left of the whole is for orders")]
Factor = Annotated[Decimal, DecimalRule("0", "100", "a factor")]
Price = Annotated[
    Decimal, DecimalRule("0.000000000001", "1000000000000", "units of the quote asset for one of the base")
]
TickShift = Annotated[Decimal, DecimalRule("0", "100", "ticks")]
RiskAversion = Annotated[Decimal, DecimalRule("0.000001", "100", "per basis point and order")]
Decay = Annotated[Decimal, DecimalRule("0.0001", "1000", "per basis point")]
ArrivalRate = Annotated[Decimal, DecimalRule("0.000001", "100000", "per second")]
Volatility = Annotated[Decimal, DecimalRule("0", "1000", "basis points by the root of a second")]
PerSecond = Annotated[Decimal, DecimalRule("0.01", "1000", "per second")]
Staleness = Annotated[int, DurationRule("100ms", "5m")]
Deadline = Annotated[int, DurationRule("5s", "24h")]
Drift = Annotated[int, DurationRule("10ms", "1m")]
Interval = Annotated[int, DurationRule("1ms", "1m")]
Delay = Annotated[int, DurationRule("0ms", "1m")]
LossWindow = Annotated[int, DurationRule("1s", "24h")]
Patience = Annotated[int, DurationRule("1s", "10m")]
Window = Annotated[int, DurationRule("10ms", "24h")]
Horizon = Annotated[int, DurationRule("1s", "24h")]
TimeConstant = Annotated[int, DurationRule("100ms", "24h")]
MarketName = Annotated[str, NameRule(LABEL_PATTERN, 20, LABEL_WORDS)]
VenueName = Annotated[str, NameRule(LABEL_PATTERN, 40, LABEL_WORDS)]
TradingHaltName = Annotated[str, NameRule(LABEL_PATTERN, 40, LABEL_WORDS)]
BotName = Annotated[str, NameRule(r"^[a-z]([-a-z0-9]*[a-z0-9])?$", 40, "lower-case letters, digits and '-', beginning "
                                  "with a letter and ending with a letter or digit")]  # fmt: skip
Symbol = Annotated[str, NameRule(r"^[A-Z0-9]{2,}$", 30, "two or more upper-case letters and digits")]
ObjectName = Annotated[str, NameRule(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", 253,
                                     "lower-case letters, digits, '-' and '.'")]  # fmt: skip
Image = Annotated[str, NameRule(r"^[A-Za-z0-9][-A-Za-z0-9._:/@]*$", 500,
                                "an image reference such as registry.example/team/runtime:1.0")]  # fmt: skip
