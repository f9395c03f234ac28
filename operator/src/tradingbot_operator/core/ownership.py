"""What of a child is no longer as we want it: drift is seen in the metadata alone, and after a restart too.

The API server keeps, for each applier, the fields that it applied. A field that somebody else sets to another value, or
removes, leaves the entry (Kubernetes documentation, "Server-Side Apply", field management; the notation is FieldsV1
of meta/v1).
"""

import json
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tradingbot_operator.core import names
from tradingbot_operator.core.frozen_template import ANNOTATIONS
from tradingbot_operator.core.observed import Manifest

OWNED = "ownedFields"  # of a stored manifest, in the place of metadata.managedFields
_TOLD_OTHERWISE = frozenset({"apiVersion", "kind", "metadata"})  # hash, labels and owner are compared themselves


def owned_fields(manifest: Manifest) -> str:
    """Our entry of `metadata.managedFields` as JSON, without the metadata; one text in memory for bots of one shape."""
    for entry in manifest["metadata"].get("managedFields") or ():
        if entry.get("manager") == names.FIELD_MANAGER and entry.get("operation") == "Apply":
            fields = {name: value for name, value in entry.get("fieldsV1", {}).items() if name != "f:metadata"}
            return sys.intern(json.dumps(fields, sort_keys=True, separators=(",", ":")))
    return ""


def owns(wanted: Manifest, owned: str) -> bool:
    """Whether every field of `wanted` is in `owned`, as `owned_fields` gave it."""
    fields = _read(owned) if owned else {}
    content = {name: value for name, value in wanted.items() if name not in _TOLD_OTHERWISE}
    return not content or (bool(fields) and _owns(content, fields))


@lru_cache(4096)
def _read(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Not to be changed. A thousand bots of one shape have a dozen texts, and each is asked for with every look."""
    return json.loads(text)


def _owns(value: Any, fields: Mapping[str, Any] | None) -> bool:  # noqa: ANN401 - any JSON
    """An empty mapping is a leaf: a scalar, or a list or mapping that is owned as a whole."""
    if fields is None:
        return False
    if not fields:
        return True
    match value:
        case dict():
            return all(_owns(inner, fields.get(f"f:{name}")) for name, inner in value.items())
        case list():
            return all(_owns_item(item, fields) for item in value)
        case _:
            return True


def _owns_item(item: Any, fields: Mapping[str, Any]) -> bool:  # noqa: ANN401 - any JSON
    """`k:{"name":"x"}` names an item by its keys; a key that the API server defaults may be missing in ours."""
    for name, inner in fields.items():
        notation, _, text = name.partition(":")
        if notation == "k" and all(item.get(key, known) == known for key, known in _read(text).items()):
            return _owns(item, inner)
        if notation == "v" and _read(text) == item:
            return True
    return False


def must_be_applied(wanted: Manifest, stored: Manifest | None) -> bool:
    """Against the hash of what was applied last, and against edits by hand, which take a field away from us.

    Values are compared where money depends on them; a key that somebody added to a ConfigMap is not ours to remove.
    """
    if stored is None:
        return True
    annotations = stored["metadata"].get("annotations") or {}
    if annotations.get(names.SPEC_HASH) != wanted["metadata"]["annotations"][names.SPEC_HASH]:
        return True
    if not owns(wanted, stored.get(OWNED, "")):
        return True
    match wanted["kind"]:
        case "ConfigMap":
            data = stored.get("data") or {}
            return any(data.get(key) != document for key, document in wanted["data"].items())
        case "StatefulSet":
            strategy = stored["spec"].get("updateStrategy", {})
            partition = wanted["spec"]["updateStrategy"]["rollingUpdate"]["partition"]
            return bool(stored["spec"]["replicas"] != wanted["spec"]["replicas"]
                        or strategy.get("rollingUpdate", {}).get("partition", 0) != partition
                        or any(annotations.get(name) != wanted["metadata"]["annotations"][name]
                               for name in ANNOTATIONS))  # fmt: skip
        case _:
            return False
