"""Kubernetes quantities (`100m`, `64Mi`): they stay text, because Kubernetes reads them."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar

from tradingbot_runtime.config.fields import RangeRule, matches

QUANTITY_PATTERN = r"^[0-9]{1,15}(\.[0-9]{1,9})?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$"
_SUFFIXES = {
    "": Decimal(1), "m": Decimal("0.001"), "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9),
    "T": Decimal(10**12), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
}  # fmt: skip


def quantity(text: str) -> Decimal:
    """The number that a Kubernetes quantity such as `100m` or `64Mi` stands for; ValueError if it is none."""
    if not re.fullmatch(QUANTITY_PATTERN, text):
        raise ValueError(text)
    number = text.rstrip("mkKMGTi")
    return Decimal(number) * _SUFFIXES[text[len(number) :]]


@dataclass(frozen=True, slots=True)
class QuantityRule(RangeRule):
    """A Kubernetes quantity (`100m`, `64Mi`); stays text, Kubernetes reads it."""

    kind: ClassVar[str] = "quantity"
    longest = 30

    @property
    def allowed(self) -> str:
        return f"a Kubernetes quantity from {self.minimum} to {self.maximum} ({self.unit})"

    @property
    def cel(self) -> str:
        low = f"quantity(self).compareTo(quantity('{self.minimum}')) >= 0"
        high = f"quantity(self).compareTo(quantity('{self.maximum}')) <= 0"
        return f"{matches(QUANTITY_PATTERN)} && {low} && {high}"

    def parse(self, value: object) -> str:
        if isinstance(value, str) and quantity(self.minimum) <= quantity(value) <= quantity(self.maximum):
            return value
        raise ValueError(value)


Cpu = Annotated[str, QuantityRule("1m", "64", "CPUs")]
Memory = Annotated[str, QuantityRule("16Mi", "64Gi", "bytes")]
VolumeSize = Annotated[str, QuantityRule("64Mi", "1Ti", "bytes")]
InputsSize = Annotated[str, QuantityRule("0", "64Gi", "bytes")]
