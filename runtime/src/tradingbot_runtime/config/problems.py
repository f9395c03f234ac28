"""Mistakes in a manifest, one line each: path, value, what is allowed."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from tradingbot_runtime.errors import ConfigError

_SHOWN = 80
_TEXTS = {
    "missing": "is required",
    "string_type": "must be a string; put it in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "list_type": "must be a list",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
}


class InvalidConfig(ConfigError):
    """`problems` holds one line for each mistake."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def problems(error: ValidationError, root: type[BaseModel], prefix: str = "") -> list[str]:
    """One line for each mistake that `error` reports about an instance of `root`."""
    return [_line(detail, root, prefix) for detail in error.errors(include_url=False)]


def _line(detail: Any, root: type[BaseModel], prefix: str) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    path = _path(prefix, detail["loc"])
    kind = detail["type"]
    if kind == "extra_forbidden":
        return f"{path}: unknown field; allowed: {', '.join(_allowed(root, detail['loc'][:-1]))}"
    if kind == "missing":
        return f"{path}: is required"
    text = _TEXTS.get(kind, detail["msg"])
    if kind == "string_pattern_mismatch":
        text = f"must match {detail['ctx']['pattern']}"
    if isinstance(detail["input"], dict | list | BaseModel):
        return f"{path}: {text}"
    return f"{path}: {_shown(detail['input'])}: {text}"


def _path(prefix: str, location: Iterable[str | int]) -> str:
    path = prefix
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or "(document)"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _allowed(model: type[BaseModel], location: Iterable[str | int]) -> list[str]:
    """Names that may be written at `location`, found by walking the models' annotations."""
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int) or current is None:
            continue
        fields = {f.alias or name: f for name, f in current.model_fields.items()}
        current = _model_in(fields[part].annotation) if part in fields else None
    return [f.alias or name for name, f in current.model_fields.items()] if current else []


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - an annotation is anything
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if found := _model_in(argument):
            return found
    return None
