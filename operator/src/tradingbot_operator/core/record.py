"""What the operator has written of a bot on its ConfigMap, as far as it can be read. Pure.

Anybody who may edit a ConfigMap may have changed it, and another version may have written it. What cannot be read is
never taken for "there was nothing": until the slots themselves have said what they have, nobody gets what one of them
may still hold.
"""

from collections.abc import Container
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tradingbot_operator.api.v1alpha1.tradingbot import MAX_SLOTS
from tradingbot_operator.core import names
from tradingbot_operator.core.assignment import instrument
from tradingbot_operator.core.children import IN_DOUBT, Accepted
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.core.outcome import Announcement
from tradingbot_operator.core.wording import listed
from tradingbot_operator.core.written import parsed
from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.config.slot import EPOCH_MOST

RECENT = 64  # documents of ConfigMaps that are kept as they were read: one decision reads each several times
HIGHEST_GENERATION = 2**53  # of a document that somebody may have edited


@dataclass(frozen=True, slots=True)
class Document:
    """What one slot was told. `config` is None where this version cannot read it; what it can see it sees all the same.

    `is_legible`: it is known at least which instruments it names.
    """

    config: SlotConfig | None = None
    markets: tuple[str, ...] = ()  # instruments
    hedges: tuple[str, ...] = ()
    generation: int = 0
    epoch: int = 0
    is_legible: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """All of it. `unread` names what cannot be read; `is_whole`: it is known which slot has, or had, what."""

    accepted: Accepted | None = None
    documents: dict[int, Document] = field(default_factory=dict)
    releasing: dict[str, int] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    unread: tuple[str, ...] = ()
    is_in_doubt: bool = False  # as the operator has written itself: not every slot has said yet what it has

    def is_whole(self, slots: Container[int]) -> bool:
        """`slots` are those that there are: a document of another one tells nobody anything."""
        lost = any(not one.is_legible for slot, one in self.documents.items() if slot in slots)
        return not (lost or self.is_in_doubt or names.RELEASING in self.unread)

    def unread_of(self, slots: Container[int]) -> tuple[str, ...]:
        """What somebody has to be told of."""
        lost = (names.slot_document(n) for n, one in self.documents.items() if n in slots and one.config is None)
        return (*self.unread, *lost)

    def told(self, config_map: str, slots: Container[int]) -> tuple[Announcement, ...]:
        """An Event for what cannot be read: what is written next is whole again."""
        if not (unread := self.unread_of(slots)):
            return ()
        what = f"{listed(unread)} of ConfigMap {config_map} cannot be read: somebody has changed it, or another version"
        go = "until every slot has said what it has, none gets what another one may hold"
        return (Announcement(Reason.RECORD_UNREADABLE, f"{what}; {go}", warning=True),)

    @property
    def granted(self) -> dict[str, int]:
        return {name: slot for slot, one in self.documents.items() for name in one.markets}

    @property
    def hedges(self) -> dict[str, int]:
        return {name: slot for slot, one in self.documents.items() for name in one.hedges}


def record(config_map: Manifest | None) -> Record:
    annotations = ((config_map or {}).get("metadata") or {}).get("annotations") or {}
    data = (config_map or {}).get("data") or {}
    accepted, releasing = last_accepted(config_map), _releasing(annotations.get(names.RELEASING, "{}"))
    held, stable = _held(annotations.get(names.HELD, "[]")), data.get(names.STABLE)
    unread = [names.RELEASING] if releasing is None else []
    unread += [names.HELD] if held is None else []
    unread += [names.ACCEPTED] if accepted is None and names.ACCEPTED in data else []
    unread += [names.STABLE] if stable is not None and _accepted(stable) is None else []
    pending = {name: slot for name, slot in (releasing or {}).items() if name != IN_DOUBT}
    return Record(accepted, _documents(config_map), pending, held or frozenset(), tuple(unread),
                  is_in_doubt=IN_DOUBT in (releasing or ()))  # fmt: skip


def last_accepted(config_map: Manifest | None) -> Accepted | None:
    """The last valid spec; None when there is none, or none that this version can read."""
    document = ((config_map or {}).get("data") or {}).get(names.ACCEPTED)
    return None if document is None else _accepted(document)


def configured(config_map: Manifest | None) -> dict[int, SlotConfig]:
    """The slots as the ConfigMap has them; without those that this version cannot read."""
    return {slot: one.config for slot, one in _documents(config_map).items() if one.config is not None}


def named(config_map: Manifest | None) -> frozenset[str]:
    """Every instrument that anything in it names, whatever its mode: what the bot may hold where nobody can say."""
    found, data = record(config_map), (config_map or {}).get("data") or {}
    specs = [accepted for key in (names.ACCEPTED, names.STABLE) if (accepted := _accepted(data.get(key, "")))]
    legs = (instrument(leg) for accepted in specs for leg in accepted.spec.legs)
    return frozenset({*legs, *found.granted, *found.hedges, *found.releasing, *found.held})


@lru_cache(RECENT)
def _accepted(document: str) -> Accepted | None:
    try:
        return Accepted.read(document)
    except ValueError:
        return None  # then it is as with a bot that was never accepted: nothing is changed until the spec is valid


def _documents(config_map: Manifest | None) -> dict[int, Document]:
    data = (config_map or {}).get("data") or {}
    slots = ((names.slot_of(key), text) for key, text in data.items())
    return {slot: _document(slot, text) for slot, text in slots if slot is not None}


@lru_cache(RECENT)
def _document(slot: int, text: str) -> Document:
    try:
        config = SlotConfig.model_validate_json(text)
    except ValueError:
        return _seen(text)
    if config.slot != slot:
        return Document()  # somebody has exchanged them
    hedges = tuple(instrument(leg) for leg in config.legs if leg.is_hedge)
    return Document(config, tuple(map(instrument, config.markets)), hedges, config.generation, config.epoch,
                    is_legible=True)  # fmt: skip


def _seen(text: str) -> Document:
    """Of a document that this version does not take."""
    try:
        content = parsed(text)
        hedging = "crossExchange" in content["strategy"]
        sides = [[_instrument(market[side]) for market in content["markets"]]
                 for side in ("execution", "reference")]  # fmt: skip
    except (LookupError, TypeError, ValueError):
        return Document()
    number, epoch = content.get("generation", 0), content.get("epoch", 0)
    return Document(None, tuple(sides[0]), tuple(sides[1]) if hedging else (), _natural(number, HIGHEST_GENERATION),
                    _natural(epoch, EPOCH_MOST), is_legible=True)  # fmt: skip


def _natural(number: object, most: int) -> int:
    return number if type(number) is int and 0 <= number <= most else 0


def _instrument(side: Any) -> str:  # noqa: ANN401 - any JSON
    return f"{side['venue']}/{side['symbol']}"


def _releasing(text: object) -> dict[str, int] | None:
    """None where it cannot be read. `IN_DOUBT` in it stands for what no record names."""
    try:
        content = parsed(text)
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    good = all(type(slot) is int and (0 <= slot < MAX_SLOTS or name == IN_DOUBT) for name, slot in content.items())
    return content if good else None


def _held(text: object) -> frozenset[str] | None:
    try:
        content = parsed(text)
    except ValueError:
        return None
    if not isinstance(content, list) or not all(isinstance(name, str) for name in content):
        return None
    return frozenset(content)
