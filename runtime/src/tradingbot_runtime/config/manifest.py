"""Manifests as people write them: YAML documents of kind TradingBot and Venue, with `--set` overrides."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tradingbot_runtime.config.bot import TradingBotSpec
from tradingbot_runtime.config.document import documents
from tradingbot_runtime.config.fields import BotName, VenueName
from tradingbot_runtime.config.override import override
from tradingbot_runtime.config.problems import InvalidConfig, problems
from tradingbot_runtime.config.slot import BotIdentity
from tradingbot_runtime.config.spec import M, as_written
from tradingbot_runtime.config.venue import VenueSpec

API_VERSION = "tradingbot.dev/v1alpha1"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One TradingBot and the Venues beside it."""

    identity: BotIdentity
    bot: TradingBotSpec
    venues: Mapping[str, VenueSpec]


def load(text: str | bytes, overrides: Iterable[str] = (), file: str = "manifest") -> Manifest:
    """Read a manifest with exactly one TradingBot; other kinds than TradingBot and Venue are passed over.

    `overrides` are `path=value` on the TradingBot, e.g. `spec.strategy.marketMaking.spreadBps=12`. Raises
    InvalidConfig with one line for each mistake; one that is about no object names the `file`.
    """
    try:
        ours = [d for d in documents(text) if d.get("apiVersion") == API_VERSION]
    except InvalidConfig as error:
        raise InvalidConfig(f"{file}: {problem}" for problem in error.problems) from error
    bots = [d for d in ours if d.get("kind") == "TradingBot"]
    if len(bots) != 1:
        raise InvalidConfig([f"{file}: exactly one TradingBot ({API_VERSION}) is required; found {len(bots)}"])
    for assignment in overrides:
        override(bots[0], assignment)
    found: list[str] = []
    bot = _part(_Bot, bots[0], "TradingBot", found)
    venues: dict[str, VenueSpec] = {}
    unreadable: set[str] = set()
    for document in ours:
        if document.get("kind") == "Venue":
            _add_venue(document, venues, unreadable, found)
    if bot is not None:
        found += _missing_venues(bot.spec, venues.keys() | unreadable)
    if found or bot is None:
        raise InvalidConfig(found)
    return Manifest(bot.identity(), bot.spec, venues)


class _Metadata(BaseModel):
    """Kubernetes has many more fields here; they mean nothing to the runtime."""

    namespace: str = "default"
    uid: str | None = None


class _BotMetadata(_Metadata):
    name: BotName


class _VenueMetadata(_Metadata):
    name: VenueName


class _Object(BaseModel):
    model_config = ConfigDict(extra="forbid")

    apiVersion: Any = None  # noqa: N815 - Kubernetes' name; it was looked at before
    kind: Any = None
    status: Any = None  # what `kubectl get -o yaml` prints is a manifest too


class _Bot(_Object):
    metadata: _BotMetadata
    spec: TradingBotSpec

    def identity(self) -> BotIdentity:
        named = self.metadata
        return BotIdentity(namespace=named.namespace, name=named.name, uid=named.uid or f"local-{named.name}")


class _Venue(_Object):
    metadata: _VenueMetadata
    spec: VenueSpec


def _part(model: type[M], document: Mapping[str, Any], label: str, found: list[str]) -> M | None:
    try:
        return as_written(model, document)
    except ValidationError as error:
        found += [f"{label}: {line}" for line in problems(error, model)]
        return None


def _add_venue(
    document: Mapping[str, Any], venues: dict[str, VenueSpec], unreadable: set[str], found: list[str]
) -> None:
    metadata = document.get("metadata")
    name = str(metadata.get("name")) if isinstance(metadata, dict) else ""
    venue = _part(_Venue, document, f"Venue {name}".rstrip(), found)
    if name in venues:
        found.append(f"Venue {name}: metadata.name: is written twice in the manifest")
    elif venue is None:
        unreadable.add(name)  # it has its own lines: not to be called missing as well
    else:
        venues[name] = venue.spec


def _missing_venues(bot: TradingBotSpec, venues: AbstractSet[str]) -> list[str]:
    known = ", ".join(sorted(venues)) or "none"
    return [
        f"TradingBot: spec.markets[{i}].{role}.venue: {symbol.venue!r}: no such Venue in the manifest; there: {known}"
        for i, market in enumerate(bot.markets)
        for role, symbol in (("reference", market.reference), ("execution", market.execution))
        if symbol.venue not in venues
    ]
