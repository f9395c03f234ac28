"""Field types of the specs: decimals and durations as people write them, exact numbers once parsed.

Kubernetes forbids floats in a spec, so decimals travel as strings. Each type carries its bounds and its unit in
`FieldRule`; the parser here, the CRD's pattern and CEL rule, and the reference table are all made from that one
declaration.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

DECIMAL_PATTERN = r"^[0-9]{1,18}(\.[0-9]{1,12})?$"
DURATION_PATTERN = r"^[0-9]{1,9}(ms|s|m|h)$"
_NANOS = {"ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}


def duration_ns(text: str) -> int:
    """Nanoseconds of a duration such as `250ms`, `3s`, `10m` or `1h`; ValueError if it is none."""
    if not re.match(DURATION_PATTERN, text):
        raise ValueError(text)
    number = text.rstrip("mhs")
    return int(number) * _NANOS[text[len(number) :]]


def duration_text(nanos: int) -> str:
    """The shortest exact way to write `nanos` as a duration."""
    for unit in ("h", "m", "s"):
        if nanos and nanos % _NANOS[unit] == 0:
            return f"{nanos // _NANOS[unit]}{unit}"
    return f"{nanos // _NANOS['ms']}ms"


@dataclass(frozen=True, slots=True)
class DecimalRule:
    """A decimal number in a string, between `minimum` and `maximum` (both included), in `unit`."""

    minimum: str
    maximum: str
    unit: str

    @property
    def allowed(self) -> str:
        return f'a decimal number in a string, from "{self.minimum}" to "{self.maximum}" ({self.unit})'

    @property
    def cel(self) -> str:
        return f"double(self) >= {float(self.minimum)!r} && double(self) <= {float(self.maximum)!r}"

    def parse(self, value: object) -> Decimal:
        if isinstance(value, Decimal):  # built in code, or validated before
            value = format(value, "f")
        if isinstance(value, str) and re.match(DECIMAL_PATTERN, value):
            number = Decimal(value)
            if Decimal(self.minimum) <= number <= Decimal(self.maximum):
                return number
        raise PydanticCustomError("decimal", "must be {allowed}", {"allowed": self.allowed})

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:  # noqa: ANN401 - pydantic's hook
        return core_schema.no_info_plain_validator_function(
            self.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda d: format(d, "f")),
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rule = {"rule": self.cel, "message": f"must be {self.allowed}"}
        return {"type": "string", "pattern": DECIMAL_PATTERN, "maxLength": 32,
                "x-unit": self.unit, "x-bounds": f"{self.minimum} to {self.maximum}",
                "x-kubernetes-validations": [rule]}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DurationRule:
    """A duration (`250ms`, `3s`, `10m`, `1h`) between `minimum` and `maximum`; parsed to nanoseconds."""

    minimum: str
    maximum: str

    @property
    def allowed(self) -> str:
        return f"a duration from {self.minimum} to {self.maximum}, written like 250ms, 3s, 10m or 1h"

    @property
    def cel(self) -> str:
        """CEL knows h, m, s and ms in `duration()`, as we do."""
        return f"duration(self) >= duration('{self.minimum}') && duration(self) <= duration('{self.maximum}')"

    def parse(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):  # nanoseconds: built in code
            value = duration_text(value)
        if isinstance(value, str) and re.match(DURATION_PATTERN, value):
            nanos = duration_ns(value)
            if duration_ns(self.minimum) <= nanos <= duration_ns(self.maximum):
                return nanos
        raise PydanticCustomError("duration", "must be {allowed}", {"allowed": self.allowed})

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:  # noqa: ANN401 - pydantic's hook
        return core_schema.no_info_plain_validator_function(
            self.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(duration_text),
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rule = {"rule": self.cel, "message": f"must be {self.allowed}"}
        return {"type": "string", "pattern": DURATION_PATTERN, "maxLength": 12,
                "x-unit": "duration", "x-bounds": f"{self.minimum} to {self.maximum}",
                "x-kubernetes-validations": [rule]}  # fmt: skip


Bps = Annotated[Decimal, DecimalRule("0", "5000", "basis points")]
PositiveBps = Annotated[Decimal, DecimalRule("0.0001", "5000", "basis points")]
BaseQuantity = Annotated[Decimal, DecimalRule("0.000000000001", "1000000000000", "units of the base asset")]
QuoteAmount = Annotated[Decimal, DecimalRule("0.000000000001", "1000000000000", "units of the quote asset")]
Share = Annotated[Decimal, DecimalRule("0", "1", "a share; 1 is the whole")]
Factor = Annotated[Decimal, DecimalRule("0", "100", "a factor")]
PerSecond = Annotated[Decimal, DecimalRule("0.01", "1000", "per second")]
Staleness = Annotated[int, DurationRule("100ms", "5m")]
Deadline = Annotated[int, DurationRule("5s", "24h")]
