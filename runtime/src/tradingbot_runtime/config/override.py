"""`--set path=value`: a field of a manifest, changed from the command line."""

import re
from typing import Any

import yaml

from tradingbot_runtime.config.bot import TradingBotSpec
from tradingbot_runtime.config.fields import TextRule
from tradingbot_runtime.config.problems import InvalidConfig, field_of, model_in

NAMING = (["metadata", "name"], ["metadata", "namespace"], ["metadata", "uid"])
_PART = re.compile(r"[^.\[\]]+")


def override(bot: dict[str, Any], assignment: str) -> None:
    """Changes `bot`, a TradingBot as read from YAML, by `path=value`.

    The path is written like `spec.markets[0].name`. The value is YAML, and text where the field is a text, so that
    `...spreadBps=12` needs no quotes. Raises InvalidConfig when the path leads nowhere or the value is no YAML; whether
    the field may have that value is found out when the manifest is validated.
    """
    path, separator, text = assignment.partition("=")
    parts = _PART.findall(path)
    if not separator or not parts:
        raise InvalidConfig([f"--set {assignment}: must be path=value, e.g. spec.replicas=2"])
    if parts[0] != "spec" and parts not in NAMING:
        allowed = ", ".join(".".join(each) for each in NAMING)
        raise InvalidConfig([f"--set {path}: cannot be set; allowed: a field of spec, {allowed}"])
    try:
        value = _as_written(text) if _is_text(parts) else yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidConfig([f"--set {path}: {text!r} is not readable as YAML"]) from error
    target: Any = bot
    for depth, part in enumerate(parts):
        try:
            if depth == len(parts) - 1:
                target[_key(target, part)] = value
            else:
                target = _entered(target, part)
        except (ValueError, IndexError, TypeError) as error:
            raise InvalidConfig([f"--set {path}: there is no {part!r} in {'.'.join(parts[:depth])}"]) from error


def _as_written(text: str) -> Any:  # noqa: ANN401 - a YAML tree
    """The YAML tree with every scalar as text: `12.50` stays `12.50`."""
    return yaml.load(text, yaml.BaseLoader)  # noqa: S506 - the BaseLoader builds texts, lists and mappings only


def _key(target: Any, part: str) -> str | int:  # noqa: ANN401 - a YAML tree
    return int(part) if isinstance(target, list) else part


def _entered(target: Any, part: str) -> Any:  # noqa: ANN401 - a YAML tree
    """What is at `part`; a mapping is made where nothing is."""
    key = _key(target, part)
    if isinstance(target, dict) and target.get(key) is None:
        target[key] = {}
    return target[key]


def _is_text(parts: list[str]) -> bool:
    """Whether the field at `parts` is a text, or made of texts: decimals, durations, quantities and names are."""
    annotation: Any = TradingBotSpec
    for part in parts[1:]:
        model = model_in(annotation)
        if model is None or part.isdigit():
            continue  # a key of a map, or an item of a list: still the same field
        field = field_of(model, part)
        if field is None:
            return False
        annotation = (field.annotation, *field.metadata)
    return parts[0] == "metadata" or (model_in(annotation) is None and _has_text_rule(annotation))


def _has_text_rule(annotation: Any) -> bool:  # noqa: ANN401 - an annotation is anything
    if isinstance(annotation, TextRule):
        return True
    inside = annotation if isinstance(annotation, tuple) else getattr(annotation, "__args__", ())
    return any(_has_text_rule(part) for part in (*inside, *getattr(annotation, "__metadata__", ())))
