"""Manifests as people write them: YAML documents of kind TradingBot and Venue, with `--set` overrides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from tradingbot_runtime.config.bot import TradingBotSpec
from tradingbot_runtime.config.problems import InvalidConfig, problems
from tradingbot_runtime.config.slot import BotIdentity
from tradingbot_runtime.config.venue import VenueSpec

API_VERSION = "tradingbot.dev/v1alpha1"
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One TradingBot and the Venues beside it."""

    identity: BotIdentity
    bot: TradingBotSpec
    venues: Mapping[str, VenueSpec]


def load(text: str, overrides: Iterable[str] = ()) -> Manifest:
    """Read a manifest with exactly one TradingBot; other kinds than TradingBot and Venue are passed over.

    `overrides` are `path=value` on the TradingBot, e.g. `spec.strategy.marketMaking.spreadBps=12`; the value is read
    as YAML, and text where a text is wanted. Raises InvalidConfig with one line for each mistake.
    """
    try:
        documents = [d for d in yaml.safe_load_all(text) if d is not None]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidConfig([f"not readable as YAML: {' '.join(str(error).split())}"]) from error
    ours = [d for d in documents if isinstance(d, dict) and d.get("apiVersion") == API_VERSION]
    bots = [d for d in ours if d.get("kind") == "TradingBot"]
    if len(bots) != 1:
        raise InvalidConfig([f"exactly one TradingBot ({API_VERSION}) is required; found {len(bots)}"])
    for override in overrides:
        _override(bots[0], override)
    found: list[str] = []
    bot = _spec(TradingBotSpec, bots[0], "TradingBot", found)
    venues = {_name(v): _spec(VenueSpec, v, f"Venue {_name(v)}", found) for v in ours if v.get("kind") == "Venue"}
    if bot is not None:
        found += _missing_venues(bot, venues)
    if found or bot is None:
        raise InvalidConfig(found)
    metadata = bots[0].get("metadata") or {}
    name = str(metadata.get("name") or "bot")
    identity = BotIdentity(namespace=str(metadata.get("namespace") or "default"), name=name,
                           uid=str(metadata.get("uid") or f"local-{name}"))  # fmt: skip
    return Manifest(identity, bot, {name: venue for name, venue in venues.items() if venue is not None})


def _name(document: Mapping[str, Any]) -> str:
    return str((document.get("metadata") or {}).get("name", ""))


def _spec(model: type[M], document: Mapping[str, Any], kind: str, found: list[str]) -> M | None:
    try:
        return model.model_validate(document.get("spec") or {})
    except ValidationError as error:
        found += [f"{kind}: {line}" for line in problems(error, model, "spec")]
        return None


def _missing_venues(bot: TradingBotSpec, venues: Mapping[str, object]) -> list[str]:
    known = ", ".join(sorted(venues)) or "none"
    return [
        f"TradingBot: spec.markets[{i}].{role}.venue: {symbol.venue!r}: no such Venue in the manifest; there: {known}"
        for i, market in enumerate(bot.markets)
        for role, symbol in (("reference", market.reference), ("execution", market.execution))
        if symbol.venue not in venues
    ]


def _override(document: dict[str, Any], override: str) -> None:
    path, separator, text = override.partition("=")
    if not separator or not path:
        raise InvalidConfig([f"--set {override}: must be path=value, e.g. spec.replicas=2"])
    *parents, last = path.split(".")
    target: Any = document
    for part in parents:
        target = _step(target, part, path)
    value = yaml.safe_load(text)
    old = target[int(last)] if isinstance(target, list) else target.get(last)
    if isinstance(old, str) or (isinstance(value, float) and not isinstance(old, float)):
        value = text  # decimals are strings in a spec: `--set ...spreadBps=12` means "12"
    target[int(last) if isinstance(target, list) else last] = value


def _step(target: Any, part: str, path: str) -> Any:  # noqa: ANN401 - a YAML tree
    try:
        if isinstance(target, list):
            return target[int(part)]
        return target.setdefault(part, {})
    except (ValueError, IndexError, AttributeError) as error:
        raise InvalidConfig([f"--set {path}: there is no {part!r}"]) from error
