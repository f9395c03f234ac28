"""What the store knows of bots and Venues, as metrics: a handful of series for each, none for a market or order.

Runs at a scrape, beside the event loop: it reads manifests, which nobody changes once they are stored.
"""

import re
from calendar import timegm
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tradingbot_operator import metrics
from tradingbot_operator.api.v1alpha1 import ConditionStatus, Phase
from tradingbot_operator.core.conditions import ConditionType, Reason
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.store import name_of
from tradingbot_runtime.metric_families import Family, Readings
from tradingbot_runtime.model.events import TradingState

# A label's values are ours: what a status says in other words, of another version or by a pod's wish, is one more.
_TYPES, _STATUSES, _REASONS = frozenset(ConditionType), frozenset(ConditionStatus), frozenset(Reason)
_STATES, _PHASES = frozenset(TradingState), frozenset(Phase)
_DAY = "([0-9]{4})-([0-9]{2})-([0-9]{2})"
UNHEARD = "Unknown"
REPLICAS = {"current": "replicas", "ready": "readyReplicas", "updated": "updatedReplicas"}

_Labels = tuple[str, ...]


def bot_readings(bots: Iterable[Manifest]) -> Readings:
    """Of every family of the bots, whether there are any or not."""
    found: dict[Family, Counter[_Labels]] = {family: Counter() for family in metrics.OF_BOTS}
    for bot in bots:
        for family, values in _of(bot).items():
            found[family].update({(*name_of(bot), *labels): value for labels, value in values.items()})
    return found


def _of(bot: Manifest) -> Mapping[Family, Mapping[_Labels, int]]:
    spec, status, generation = bot.get("spec") or {}, bot.get("status") or {}, bot["metadata"].get("generation", 0)
    info = (_text(status, "strategy"), _text(spec, "mode"), _text(status, "currentRevision"))
    phase = status.get("phase", Phase.PENDING)
    desired = {("desired",): spec.get("replicas", 1)}
    return {
        metrics.BOT_INFO: {info: 1},
        metrics.BOT_DESIRED_STATE: {(_text(spec, "desiredState"),): 1},
        metrics.BOT_PHASE: {(phase if phase in _PHASES else UNHEARD,): 1},
        metrics.BOT_CONDITION: _conditions(status),
        metrics.BOT_REPLICAS: desired | {(kind,): status.get(field, 0) for kind, field in REPLICAS.items()},
        metrics.BOT_SLOTS: _counted(status.get("slots"), "state", _STATES, UNHEARD),
        metrics.BOT_HALTED: _counted(status.get("halts"), "reason", _REASONS, Reason.HALTED),
        metrics.BOT_GENERATION: {("desired",): generation, ("observed",): status.get("observedGeneration", 0)},
    }


def venue_readings(venues: Iterable[Manifest]) -> Readings:
    found: dict[_Labels, int] = {}
    expire: dict[_Labels, int] = {}
    for venue in venues:
        found |= {(*name_of(venue), *labels): 1 for labels in _conditions(venue.get("status") or {})}
        if day := re.fullmatch(_DAY, _text(venue.get("spec") or {}, "credentialsExpire")):
            expire[name_of(venue)] = timegm((*map(int, day.groups()), 0, 0, 0))  # 31 February: 3 March
    return {metrics.VENUE_CONDITION: found, metrics.VENUE_CREDENTIALS: expire}


def _conditions(status: Manifest) -> dict[_Labels, int]:
    known = (c for c in status.get("conditions") or () if c["type"] in _TYPES and c["status"] in _STATUSES)
    return {(condition["type"], condition["status"]): 1 for condition in known}


def _counted(items: Iterable[Manifest] | None, field: str, known: frozenset[Any], other: str) -> Counter[_Labels]:
    words = (item.get(field) for item in items or ())
    return Counter((str(word) if word in known else other,) for word in words)


def _text(content: Manifest, field: str) -> str:
    return str(content.get(field) or "")
