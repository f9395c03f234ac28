"""Mistakes in a manifest, one line each: path, value, what is allowed."""

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from tradingbot_runtime.config.fields import number_text
from tradingbot_runtime.config.spec import Rule
from tradingbot_runtime.errors import ConfigError

_SHOWN = 80
# By pydantic's type of error (https://docs.pydantic.dev/latest/errors/validation_errors/); filled from its context.
_TEXTS = {
    "missing": "is required",
    "string_type": "must be a string, in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length}, has {actual_length}",
    "too_long": "must have at most {max_length}, has {actual_length}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
}


class InvalidConfig(ConfigError):
    """`problems` holds one line for each mistake."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def problems(error: ValidationError, root: type[BaseModel], prefix: str = "") -> list[str]:
    """One line for each mistake that `error` reports about an instance of `root`."""
    return [line for detail in error.errors(include_url=False) for line in _lines(detail, root, prefix)]


def _lines(detail: Any, root: type[BaseModel], prefix: str) -> Iterator[str]:  # noqa: ANN401 - pydantic's ErrorDetails
    path = _path(prefix, detail["loc"])
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "rules":
        broken: list[Rule] = context["broken"]
        yield from (f"{path}.{rule.field}: {_blamed(detail['input'], rule)}{rule.message}" if rule.field
                    else f"{path}: {rule.message}" for rule in broken)  # fmt: skip
    elif kind == "extra_forbidden":
        yield f"{path}: unknown field; allowed: {', '.join(_allowed(root, detail['loc'][:-1]))}"
    else:
        text = _TEXTS[kind].format_map(context) if kind in _TEXTS else detail["msg"]
        shown = "" if kind == "missing" or isinstance(detail["input"], dict | list | BaseModel) else _shown(
            detail["input"])  # fmt: skip
        yield f"{path}: {shown}{text}{_quoted(detail)}"


def _blamed(given: Any, rule: Rule) -> str:  # noqa: ANN401 - as written
    """What is written in the field that the rule blames; nothing where that is no single value."""
    for part in rule.field.split("."):
        given = given.get(part) if isinstance(given, dict) else None
    return "" if given is None or rule.missing or isinstance(given, dict | list) else _shown(given)


def _path(prefix: str, location: Iterable[str | int]) -> str:
    path = prefix
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or "(document)"


def _quoted(detail: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    """The corrected line, where all that is wrong are the quotes: nobody finds that in the list of bounds."""
    kind, location = detail["type"], detail["loc"]
    if kind == "int_type" and str(detail["input"]).isdigit():
        return f"; write it without quotes: {location[-1]}: {detail['input']}"
    text = number_text(detail["input"]) if kind == "string_type" else detail.get("ctx", {}).get("in_quotes", "")
    if not text:
        return ""
    name = f"{location[-1]}: " if isinstance(location[-1], str) else "- "
    return f'; write {"decimals" if kind == "decimal" else "it"} in quotes: {name}"{text}"'


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)  # an empty value in YAML, and after `--set path=`
    return f"{text if len(text) <= _SHOWN else f'{text[:_SHOWN]}...'}: "


def _allowed(model: type[BaseModel], location: Iterable[str | int]) -> list[str]:
    """Names that may be written at `location`, found by walking the models' annotations."""
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int) or current is None:
            continue
        field = field_of(current, part)
        current = model_in(field.annotation) if field else None
    return [f.alias or name for name, f in current.model_fields.items()] if current else []


def field_of(model: type[BaseModel], name: str) -> FieldInfo | None:
    """The field that is called `name` in a manifest."""
    return next((field for own, field in model.model_fields.items() if name == (field.alias or own)), None)


def model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - an annotation is anything
    """The model that an annotation such as `list[Market]` or `Risk | None` is about."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inside = annotation if isinstance(annotation, tuple) else getattr(annotation, "__args__", ())
    return next((found for part in inside if (found := model_in(part))), None)
