"""The pod template as it was made for a bot's settings: what an operator would make of the same settings later waits.

It is kept, with the hash of those settings, in annotations of the StatefulSet, and not in the ConfigMap: who may change
it there could change the pods anyway. Pure.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.core.wording import listed
from tradingbot_operator.core.written import parsed
from tradingbot_runtime.config import TradingBotSpec, VenueSpec
from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.config.change_classes import settings

ANNOTATIONS = (names.TEMPLATE, names.TEMPLATE_HASH, names.TEMPLATE_INPUTS)
LONGEST = 80  # of a value that is shown


@dataclass(frozen=True, slots=True)
class FrozenTemplate:
    """`inputs` names the settings that it was made for."""

    template: Manifest
    inputs: str

    def annotations(self) -> dict[str, str]:
        text = json.dumps(self.template, sort_keys=True, separators=(",", ":"))
        return {names.TEMPLATE: text, names.TEMPLATE_HASH: names.digest(self.template),
                names.TEMPLATE_INPUTS: self.inputs}  # fmt: skip


def frozen_template(stateful_set: Manifest | None) -> FrozenTemplate | None:
    """As the StatefulSet has it; None where it has none, or one that somebody has changed."""
    annotations = stateful_set["metadata"].get("annotations") or {} if stateful_set else {}
    try:
        template = parsed(annotations[names.TEMPLATE])
        inputs = annotations[names.TEMPLATE_INPUTS]
    except (KeyError, ValueError):
        return None
    whole = _is_template(template) and names.digest(template) == annotations.get(names.TEMPLATE_HASH)
    return FrozenTemplate(template, inputs) if whole else None


def _is_template(content: object) -> bool:
    """Whether it has what is read of it here; whether pods can be made by the rest the API server says."""
    match content:
        case {"metadata": {"annotations": dict()}, "spec": dict()}:
            return True
    return False


def as_text(frozen: FrozenTemplate) -> str:
    """The whole of it, for an annotation."""
    return json.dumps({"inputs": frozen.inputs, "template": frozen.template}, sort_keys=True, separators=(",", ":"))


def template_of(text: str) -> FrozenTemplate | None:
    """What `as_text` wrote; None for anything else."""
    try:
        content = parsed(text)
    except ValueError:
        return None
    match content:
        case {"template": template, "inputs": str() as inputs} if _is_template(template):
            return FrozenTemplate(template, inputs)
    return None


def restart_inputs(spec: TradingBotSpec, venues: Mapping[str, VenueSpec]) -> str:
    """Names all that a person has written and that takes effect only at a start; no limit, size or spread is in it.

    Of the operator nothing is in it: neither its image nor its defaults. What this is made of must never change: every
    bot would be restarted by the operator in which it did.
    """
    return names.digest({
        "spec": settings(spec, ChangeClass.RESTART),
        "venues": {name: settings(venue, ChangeClass.RESTART) for name, venue in venues.items()},
    })  # fmt: skip


def marked(template: Manifest, restart_hash: str, inputs: str) -> Manifest:
    """With what the pods are known by. Markets that move restart the slots, and change nothing else about them."""
    metadata = template["metadata"]
    marks = {names.RESTART_HASH: restart_hash, names.TEMPLATE_INPUTS: inputs}
    return template | {"metadata": metadata | {"annotations": metadata["annotations"] | marks}}


def drift(stored: Manifest, rendered: Manifest) -> str:
    """What is otherwise in the template that this operator would make; empty: nothing."""
    return listed(list(_differences(stored, rendered, "")))


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if old == new:
        return
    before, after = _entries(old), _entries(new)
    if before is None or after is None:
        yield f"{path.lstrip('.')}: {_shown(old)} -> {_shown(new)}"
        return
    for name in sorted({*before, *after}):
        yield from _differences(before.get(name), after.get(name), path + name)


def _entries(value: Any) -> dict[str, Any] | None:  # noqa: ANN401 - any JSON
    """Of a mapping, or of a list of things that have names."""
    match value:
        case dict():
            return {f".{name}": inner for name, inner in value.items()}
        case [{"name": _}, *_]:
            return {f"[{item['name']}]": item for item in value}
    return None


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON
    text = "nothing" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
