"""docs/reference/api.md: every field of every kind, from the same schemas as the CRDs."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tradingbot_operator.api.v1alpha1 import GROUP, VERSION, Resource
from tradingbot_runtime.config.change import MEANINGS
from tradingbot_runtime.config.change_classes import change_classes
from tradingbot_runtime.config.problems import model_in

_CLASSES = "\n".join(f"- `{change}`: {meaning}." for change, meaning in MEANINGS.items())
INTRODUCTION = f"""\
<!-- Generated from operator/src/tradingbot_operator/api by `make generate`. Do not edit. -->

# API reference: {GROUP}/{VERSION}

Every field of every kind. Decimal numbers are written as text (`"8.5"`), because a floating-point number cannot carry
a price or a quantity exactly: the API server answers `must be of type string: "integer"` to `maxPosition: 5000`, and
`maxPosition: "5000"` is meant. More such answers: [What a message means](../guides/messages.md). Durations are written
like `250ms`, `3s`, `10m` or `1h`. An unknown field is refused.

What a change of a field takes is its change class; where several fields change, the last of these counts:

{_CLASSES}
"""
HEADER = ("field", "type", "default", "bounds", "unit", "meaning")
WITH_CLASSES = (*HEADER[:-1], "change", HEADER[-1])
_RANGES = (("minimum", "maximum", ""), ("minItems", "maxItems", " items"), ("", "maxProperties", " entries"),
           ("minLength", "maxLength", " characters"))  # fmt: skip


class Field(NamedTuple):
    path: str
    schema: dict[str, Any]
    required: bool
    change: str = ""  # class of a change


def reference(kinds: Iterable[tuple[type[Resource], dict[str, Any]]]) -> str:
    return "\n".join([INTRODUCTION, *(line for kind, schema in kinds for line in _kind(kind, schema))])


def _kind(kind: type[Resource], schema: dict[str, Any]) -> Iterator[str]:
    fields = list(_fields("", schema))
    spec = model_in(kind.model_fields["spec"].annotation)
    classes = dict(change_classes(spec, path="spec.")) if spec else {}
    named = [f._replace(required=True) for f in fields if f.path == "metadata.name"]
    names = ", ".join(f"`{name}`" for name in kind.short_names)
    yield f"## {kind.kind}\n\n{schema['description']} Short name {names}, category `trading`.\n"
    yield from _table(WITH_CLASSES if classes else HEADER, named + [
        f._replace(change=_change(f.path, classes)) for f in fields if f.path.startswith("spec.")])  # fmt: skip
    yield f"\n### {kind.kind}: rules\n\nChecked by the API server, by the operator, and by `tradingbot-runtime run`;"
    yield "that a field cannot be changed, by the API server alone.\n"
    yield from _rules(fields)
    yield f"\n### {kind.kind}: status\n\nWritten by the operator.\n"
    yield from _table(HEADER, [f for f in fields if f.path.startswith("status.")])
    yield ""


def _fields(path: str, schema: dict[str, Any], *, required: bool = False) -> Iterator[Field]:
    """`schema` and all below it, depth first; list items as `path[]`, entries of a map as `path.*`."""
    yield Field(path, schema, required)
    demanded = schema.get("required", [])
    for name, child in schema.get("properties", {}).items():
        yield from _fields(f"{path}.{name}".lstrip("."), child, required=name in demanded)
    for key, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        if key in schema:
            yield from _fields(path + suffix, schema[key])


def _change(path: str, classes: Mapping[str, str]) -> str:
    """Of a list's items and a map's entries, that of the whole."""
    while path not in classes and path.endswith(("[]", ".*")):
        path = path[:-2]
    return classes.get(path, "")


def _table(header: Sequence[str], fields: Iterable[Field]) -> Iterator[str]:
    yield _line(header)
    yield "|" + "---|" * len(header)
    for field in fields:
        cells = _cells(field)
        yield _line([cells[name] for name in header])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _cells(field: Field) -> dict[str, str]:
    schema = field.schema
    return {
        "field": f"`{field.path}`", "type": _type(schema), "default": _default(field), "bounds": _bounds(schema),
        "unit": schema.get("x-unit", ""), "change": field.change, "meaning": schema.get("description", ""),
    }  # fmt: skip


def _type(schema: dict[str, Any]) -> str:
    if "x-type" in schema:
        return "string" if schema["x-type"] == "name" else str(schema["x-type"])
    if "enum" in schema:
        return "enum"
    if "additionalProperties" in schema:
        return "map"
    plain = {"array": "list", "object": "mapping"}.get(schema["type"], schema["type"])
    return str(schema.get("format", plain))


def _default(field: Field) -> str:
    if "default" in field.schema:
        return f"`{json.dumps(field.schema['default'])}`"
    return "**required**" if field.required else ""


def _bounds(schema: dict[str, Any]) -> str:
    if "x-bounds" in schema:
        return str(schema["x-bounds"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return ", ".join(filter(None, (_range(schema.get(low), schema.get(high), of) for low, high, of in _RANGES)))


def _range(low: int | None, high: int | None, of: str) -> str:
    if low is None:
        return "" if high is None else f"at most {high}{of}"
    return f"at least {low}{of}" if high is None else f"{low} to {high}{of}"


def _rules(fields: Iterable[Field]) -> Iterator[str]:
    """Rules over several fields and over time; a single field's bounds are in the table."""
    for field in fields:
        for rule in field.schema.get("x-kubernetes-validations", []):
            if "x-bounds" not in field.schema:
                yield f"- `{(field.path + rule.get('fieldPath', '')).lstrip('.')}`: {rule['message']}."
        for key in field.schema.get("x-kubernetes-list-map-keys", []):
            if field.path.startswith("spec."):
                yield f"- `{field.path}`: each {key} may be used once only."
