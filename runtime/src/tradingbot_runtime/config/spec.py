"""What every spec has in common: frozen, camelCase on the wire, unknown fields refused, rules declared once."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.config.fields import WRITTEN

M = TypeVar("M", bound=BaseModel)
KEPT = {"kept": "from a time when other rules held"}  # validation's context (`config.kept`)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule over several fields, in both languages that enforce it.

    `cel` is what the API server evaluates (`self` is the object), `holds` the same in Python, for resources that
    were admitted before the rule existed and for `tradingbot-runtime run`, which has no API server. `cel` is None
    where the API server enforces the rule without CEL. `field` is the path, below the object, of the field to blame;
    `missing` says that the mistake is that it is not there. A rule that `ratchets` came after objects that break it:
    the API server takes a change to one that did before. `broken_by` gives what is more than once in it.
    """

    cel: str | None
    message: str
    holds: Callable[[Any], bool]
    field: str = ""
    missing: bool = False
    ratchets: bool = False
    broken_by: Callable[[Any], list[str]] | None = None

    def told_of(self, part: "Spec") -> "Rule":
        """The same with what broke it in its message."""
        names = self.broken_by(part) if self.broken_by is not None else []
        return replace(self, message=f"{self.message} (more than once: {', '.join(names)})") if names else self

    def validation(self) -> dict[str, str | bool]:
        """The entry of `x-kubernetes-validations`."""
        entry: dict[str, str | bool] = {"rule": self.cel or "", "message": self.message}
        if self.ratchets and self.cel:
            before = re.sub(r"\bself\b", "oldSelf.value()", self.cel)
            entry |= {"rule": f"({self.cel}) || (oldSelf.hasValue() && !({before}))", "optionalOldSelf": True}
        if self.field:
            entry["fieldPath"] = f".{self.field}"
        if self.missing:
            entry["reason"] = "FieldValueRequired"
        return entry


class Spec(BaseModel):
    """A part of a manifest, as people write it."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    rules: ClassVar[tuple[Rule, ...]] = ()
    change_class: ClassVar[ChangeClass | None] = None  # of its fields, where it is not that of the part as a whole

    @model_validator(mode="after")
    def _rules_hold(self, info: ValidationInfo) -> Self:
        broken = [rule.told_of(self) for rule in self.rules if info.context is not KEPT and not rule.holds(self)]
        if broken:
            messages = "; ".join(rule.message for rule in broken)
            raise PydanticCustomError("rules", "{messages}", {"messages": messages, "broken": broken})
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema with the rules in it, under the key that the API server reads them from."""
        found = handler.resolve_ref_schema(handler(schema))
        enforced = [rule.validation() for rule in cls.rules if rule.cel is not None]
        return {**found, "x-kubernetes-validations": enforced} if enforced else found


def as_written(model: type[M], document: object) -> M:
    """What people wrote, as strictly as the API server takes it: names in camelCase, units written out.

    Raises ValidationError.
    """
    return model.model_validate(document, by_name=False, context=WRITTEN)


def unique(names: Callable[[Any], list[str]], message: str, *, cel: str | None, field: str) -> Rule:
    """A rule that no two of the names of a part are equal."""
    return Rule(
        cel, message, lambda part: not _repeated(names(part)), field, broken_by=lambda part: _repeated(names(part))
    )


def _repeated(names: list[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]
