"""What every spec has in common: frozen, camelCase on the wire, unknown fields refused, rules declared once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule over several fields, in both languages that enforce it.

    `cel` is what the API server evaluates (`self` is the object), `holds` the same in Python, for resources that
    were admitted before the rule existed and for `tradingbot-runtime run`, which has no API server.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool]


class Spec(BaseModel):
    """A part of a manifest, as people write it."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        broken = [rule.message for rule in self.rules if not rule.holds(self)]
        if broken:
            raise PydanticCustomError("rule", "{broken}", {"broken": "; ".join(broken)})
        return self


def written_twice(names: list[str]) -> bool:
    return len(set(names)) < len(names)
