"""Random specs drawn from a CRD's schema, and what an API server does to one without CEL: defaults and plain checks."""

import copy
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

# One of these fits every name in the specs; which one, the field's own pattern says.
NAMES = (
    "abc",
    "btc-1",
    "ABC",
    "http://host:9000",
    "ws://host:9000/stream",
    "example.com/pool",
    "registry.example/a:1",
    "0 6 * * 1-5",
    "UTC",
)
DAY = "2027-01-31"
WRONG: tuple[Any, ...] = (
    None, "", "x y", "8 sec", "-1", "NaN", "1e5", "0", "1", "9" * 14,
    0, 1, -1, 10**6, 1.5, True, [], {}, ["1"], {"a": "b"},
)  # fmt: skip
_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "integer": (int,), "object": (dict,), "array": (list,)}


def specs(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that the schema allows; about every second one with one value replaced by another that it may not."""
    changes = st.lists(st.tuples(st.integers(0, 1000), st.sampled_from(WRONG)), max_size=1)
    return st.tuples(_allowed(schema), changes).map(lambda drawn: _spoilt(*drawn))


def _allowed(schema: Schema) -> st.SearchStrategy[Any]:
    if "enum" in schema or schema["type"] == "boolean":
        return st.sampled_from(schema.get("enum", [False, True]))
    match schema["type"]:
        case "integer":
            usual = schema.get("default", schema["minimum"])
            return st.sampled_from([usual, usual, usual, schema["minimum"], schema["maximum"]])
        case "array":
            return st.lists(_allowed(schema["items"]), min_size=schema.get("minItems", 0), max_size=2)
        case "object" if "additionalProperties" in schema:
            return st.dictionaries(st.sampled_from(NAMES), _allowed(schema["additionalProperties"]), max_size=2)
        case "object":
            return _mapping(schema)
    return st.sampled_from(_texts(schema))


def _mapping(schema: Schema) -> st.SearchStrategy[Any]:
    properties = {name: _allowed(child) for name, child in schema["properties"].items()}
    if any("exactly one" in rule["message"] for rule in schema.get("x-kubernetes-validations", ())):
        return st.one_of([st.fixed_dictionaries({name: drawn}) for name, drawn in properties.items()])
    required = set(schema.get("required", []))
    return st.fixed_dictionaries(
        {name: drawn for name, drawn in properties.items() if name in required},
        optional={name: drawn for name, drawn in properties.items() if name not in required},
    )


def _texts(schema: Schema) -> list[str]:
    """Texts that keep the field's rule; a field of the documented schema says its bounds."""
    if "x-unit" in schema or schema["x-type"] == "duration":
        low, high = schema["x-bounds"].split(" to ")
        # Mostly the usual value: with bounds everywhere the rules over several fields would refuse nearly all.
        usual = schema.get("default", "8" if schema["x-type"] == "decimal" else low)
        return [usual] * 8 + [low, high]
    (rule,) = schema["x-kubernetes-validations"]
    pattern = re.search(r"matches\('(.*)'\)", rule["rule"])
    assert pattern
    return [name for name in (*NAMES, DAY) if re.fullmatch(pattern[1].replace("\\\\", "\\"), name)]


def _spoilt(spec: Any, changes: list[tuple[int, Any]]) -> Any:  # noqa: ANN401 - a JSON tree
    spec = copy.deepcopy(spec)
    for where, value in changes:
        places = list(_places(spec))
        container, key = places[where % len(places)]
        container[key] = copy.deepcopy(value)
    return spec


def _places(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - a JSON tree
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(entries):
        yield value, key
        yield from _places(child)


def defaulted(value: Any, schema: Schema) -> Any:  # noqa: ANN401 - a JSON tree
    """As the API server stores it: nulls are dropped, then defaults are filled in, from the top down."""
    if isinstance(value, list) and "items" in schema:
        return [defaulted(item, schema["items"]) for item in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    result = {name: child for name, child in value.items() if child is not None}
    for name, child in schema["properties"].items():
        if "default" in child and name not in result:
            result[name] = copy.deepcopy(child["default"])
    return {name: defaulted(child, schema["properties"].get(name, {})) for name, child in result.items()}


def mistakes(value: Any, schema: Schema, path: str = "spec") -> Iterator[str]:  # noqa: ANN401 - a JSON tree
    """Paths that break the structural schema, CEL apart."""
    if not _fits(value, schema):
        yield path
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from mistakes(item, schema["items"], f"{path}[{index}]")
    elif isinstance(value, dict):
        yield from _mistakes_in_mapping(value, schema, path)


def _fits(value: Any, schema: Schema) -> bool:  # noqa: ANN401 - a JSON tree
    kind = schema.get("type", "")
    if kind == "boolean" or isinstance(value, bool) or not isinstance(value, _TYPES.get(kind, ())):
        return kind == "boolean" and isinstance(value, bool)
    if "enum" in schema:
        return value in schema["enum"]
    if isinstance(value, int):
        return bool(schema["minimum"] <= value <= schema["maximum"])
    if isinstance(value, str):
        return bool(len(value) <= schema["maxLength"])
    if isinstance(value, list):
        return bool(schema.get("minItems", 0) <= len(value) <= schema["maxItems"])
    return True


def _mistakes_in_mapping(value: dict[str, Any], schema: Schema, path: str) -> Iterator[str]:
    yield from (f"{path}.{name}" for name in schema.get("required", []) if name not in value)
    for name, child in value.items():
        known = schema.get("additionalProperties") or schema["properties"].get(name, {})
        yield from mistakes(child, known, f"{path}.{name}")
