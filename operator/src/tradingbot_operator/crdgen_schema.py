"""A pydantic model's JSON schema, made structural: what a CRD may hold.

pydantic writes `$ref`, `anyOf: [..., null]`, `title` and `additionalProperties: false`; a structural schema
(https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/) knows none of them.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

Schema = dict[str, Any]

DOCUMENTATION = ("x-type", "x-unit", "x-bounds", "examples")  # for docs/reference/api.md, not for the API server
_ORDER = (
    "description", "type", "format", "default", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems",
    "maxItems", "maxProperties", *DOCUMENTATION, "required", "properties", "additionalProperties", "items", "pattern",
    "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-validations",
)  # fmt: skip


def documented_schema(annotation: Any) -> Schema:  # noqa: ANN401 - a model or an annotated type
    """The structural schema of a model or a field type, still with the keys of DOCUMENTATION.

    Raises ValueError when the models use something that a structural schema cannot say.
    """
    # Serialization mode: a default is then written as people write it, `3s` and not 3000000000.
    raw = TypeAdapter(annotation).json_schema(by_alias=True, mode="serialization")
    return _structural(raw, raw.get("$defs", {}))


def published(schema: Schema) -> Schema:
    """`schema` without the keys that only the documentation reads; `kubectl explain` shows the bounds as words."""
    result = {key: _each(key, value, published) for key, value in schema.items() if key not in DOCUMENTATION}
    if "x-bounds" in schema and "description" in schema:
        unit = f" ({schema['x-unit']})" if "x-unit" in schema else ""
        quotes = ", in quotes" if schema.get("x-type") == "decimal" else ""
        result["description"] = f"{schema['description']} Allowed: {schema['x-bounds']}{unit}{quotes}."
    return result


def without_defaults(schema: Schema) -> Schema:
    """For a status: what the operator did not write is not there."""
    return {key: _each(key, value, without_defaults) for key, value in schema.items() if key != "default"}


def _each(key: str, value: Any, change: Any) -> Any:  # noqa: ANN401 - a JSON tree
    """`value` of a schema's `key`, with `change` applied to every schema inside."""
    if key == "properties":
        return {name: change(child) for name, child in value.items()}
    return change(value) if key in {"items", "additionalProperties"} else value


def _structural(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    node = _resolved(node, definitions)
    result: Schema = {}
    for key in sorted(node.keys() - {"title", "$defs", "propertyNames"}, key=_position):
        value = node[key]
        if key == "additionalProperties" and value is False:
            continue  # the API server refuses or prunes unknown fields by itself
        result[key] = _each(key, value, lambda child: _structural(child, definitions))
    if result.get("type") == "array":
        result.setdefault("x-kubernetes-list-type", "atomic")
    if result.get("default", ...) is None:
        del result["default"]
    elif "default" in result:
        result["default"] = _without_nulls(result["default"])
    return result


def _resolved(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """`node` with its reference filled in and `or null` left out: in Kubernetes an optional field is just absent."""
    if "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        siblings = {key: value for key, value in node.items() if key != "$ref"}
        return _resolved({**target, **siblings}, definitions)
    if "anyOf" in node:
        choices = [choice for choice in node["anyOf"] if choice != {"type": "null"}]
        if len(choices) != 1:
            raise ValueError(f"a structural schema has no unions: {node}")
        siblings = {key: value for key, value in node.items() if key != "anyOf"}
        return _resolved({**choices[0], **siblings}, definitions)
    return node


def _position(key: str) -> int:
    if key not in _ORDER:
        raise ValueError(f"{key!r} is not handled: check that a structural schema may hold it, then add it")
    return _ORDER.index(key)


def _without_nulls(default: Any) -> Any:  # noqa: ANN401 - a JSON tree
    """A default says all: the API server checks rules against it before it fills in the defaults below it."""
    if isinstance(default, dict):
        return {name: _without_nulls(value) for name, value in default.items() if value is not None}
    return default
