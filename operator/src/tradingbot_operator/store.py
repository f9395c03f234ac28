"""The operator's view of the cluster: objects by kind and key, fed by the watches, repaired by a periodic LIST."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tradingbot_operator.core import names
from tradingbot_operator.core.claims import wants
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.core.ownership import OWNED, owned_fields

Name = tuple[str, str]  # namespace, name

# Of these it is enough to know that they are there, the hash of what was applied, and which fields are still ours.
METADATA_ONLY = frozenset({"Service", "ServiceAccount", "Role", "RoleBinding", "PodDisruptionBudget", "NetworkPolicy"})
_APPLIED = METADATA_ONLY | {"ConfigMap", "StatefulSet"}
LONGEST_WORD = 128
_METADATA = frozenset({"apiVersion", "kind", "metadata"})


def name_of(manifest: Manifest) -> Name:
    return (manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def slim(kind: str, manifest: Manifest) -> Manifest:
    """What is worth its memory, and no secrets."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
    owned = {OWNED: owned_fields(manifest)} if kind in _APPLIED else {}
    content = {key: value for key, value in manifest.items() if _kept(kind, key)}
    if kind == "StatefulSet" and "spec" in content:  # the template is large, and known by its hash
        content["spec"] = {key: value for key, value in content["spec"].items() if key != "template"}
    kept: Manifest = _sharing(content | {"metadata": metadata} | owned)
    return kept


def _sharing(part: Any) -> Any:  # noqa: ANN401 - JSON
    """The same, with each word once in memory: a bot's dozen objects say mostly the same, and half of it are words."""
    if isinstance(part, dict):
        return {sys.intern(key): _sharing(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_sharing(value) for value in part]
    return sys.intern(part) if type(part) is str and len(part) <= LONGEST_WORD else part


def _kept(kind: str, key: str) -> bool:
    if kind in METADATA_ONLY or kind == "Secret":
        return key in _METADATA
    return kind != "Pod" or key != "spec"


@dataclass(slots=True)
class Store:
    """Bounded by what the cluster holds: the watches are filtered by label, and a sweep drops what is gone."""

    _objects: dict[str, dict[Name, Manifest]] = field(default_factory=dict)
    _children: dict[Name, dict[tuple[str, str], Manifest]] = field(default_factory=dict)  # bot -> (kind, name) -> it
    _sweeps: dict[str, set[Name]] = field(default_factory=dict)  # kind -> touched since its LIST began
    claims: dict[Name, frozenset[str]] = field(default_factory=dict)  # bot -> instruments that are its own
    wants: dict[Name, frozenset[str]] = field(default_factory=dict)  # bot -> instruments that its spec asks for, if any

    def put(self, kind: str, manifest: Manifest) -> bool:
        """Whether that was news. An older version than the stored one is not (a watch lags behind our own writes)."""
        name = name_of(manifest)
        old = self._objects.setdefault(kind, {}).get(name)
        self._touch(kind, name)
        if old is not None and not _newer(manifest, old):
            return False
        if old is not None and _bot(old) != _bot(manifest):
            self._drop(kind, name)
        self._objects[kind][name] = manifest
        if kind == "TradingBot":
            self._want(name, wants(manifest))
        if bot := _bot(manifest):
            self._children.setdefault(bot, {})[(kind, name[1])] = manifest
        return True

    def remove(self, kind: str, manifest: Manifest) -> bool:
        """Whether it was there; a successor of the same name stays."""
        name = name_of(manifest)
        self._touch(kind, name)
        old = self._objects.get(kind, {}).get(name)
        if old is None or old["metadata"].get("uid") != manifest["metadata"].get("uid"):
            return False
        self._drop(kind, name)
        return True

    def get(self, kind: str, name: Name) -> Manifest | None:
        return self._objects.get(kind, {}).get(name)

    def all(self, kind: str, namespace: str | None = None) -> Iterator[Manifest]:
        for (where, _), manifest in tuple(self._objects.get(kind, {}).items()):
            if namespace in (None, where):
                yield manifest

    def children(self, bot: Name) -> dict[tuple[str, str], Manifest]:
        return dict(self._children.get(bot, {}))

    def forget(self, kind: str, name: Name) -> None:
        """It has to be looked at again; one that is not there is fine."""
        if name in self._objects.get(kind, {}):
            self._drop(kind, name)

    def count(self, kind: str) -> int:
        return len(self._objects.get(kind, {}))

    def sweep(self, kind: str) -> "Sweep":
        return Sweep(self, kind)

    def begin(self, kind: str) -> set[Name]:
        return self._sweeps.setdefault(kind, set())

    def end(self, kind: str) -> None:
        self._sweeps.pop(kind, None)

    def names(self, kind: str) -> tuple[Name, ...]:
        return tuple(self._objects.get(kind, {}))

    def drop(self, kind: str, name: Name) -> Manifest:
        return self._drop(kind, name)

    def _touch(self, kind: str, name: Name) -> None:
        if kind in self._sweeps:
            self._sweeps[kind].add(name)

    def _want(self, name: Name, instruments: frozenset[str]) -> None:
        if instruments:
            self.wants[name] = instruments
        else:
            self.wants.pop(name, None)

    def _drop(self, kind: str, name: Name) -> Manifest:
        manifest = self._objects[kind].pop(name)
        if kind == "TradingBot":
            self._want(name, frozenset())
        if bot := _bot(manifest):
            children = self._children.get(bot, {})
            children.pop((kind, name[1]), None)
            if not children:
                self._children.pop(bot, None)
        return manifest


class Sweep:
    """Mark and sweep of one kind with one LIST; what the watch touches meanwhile is newer than the LIST and stays.

    kopf resumes a watch without a new LIST, and after a 410 it never tells what was deleted in between
    (reference: measured on 1.45.2), so the watches alone cannot be trusted for ever.
    """

    def __init__(self, store: Store, kind: str) -> None:
        self._store = store
        self._kind = kind
        self._seen: set[Name] = set()
        self.missed: list[Manifest] = []  # the LIST has them, or a newer version: the watch should have told us
        self.ghosts: list[Manifest] = []  # the store had them, the LIST has not

    def __enter__(self) -> Self:
        self._touched = self._store.begin(self._kind)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """A LIST that failed half way proves nothing: then nothing is dropped."""
        touched = frozenset(self._touched)
        self._store.end(self._kind)
        if kind is not None:
            return
        for name in self._store.names(self._kind):
            if name not in self._seen and name not in touched:
                self.ghosts.append(self._store.drop(self._kind, name))

    def see(self, manifest: Manifest) -> None:
        name = name_of(manifest)
        self._seen.add(name)
        if name in self._touched:
            return
        if self._store.put(self._kind, manifest):
            self.missed.append(manifest)
        self._touched.discard(name)


def _bot(manifest: Manifest) -> Name | None:
    bot = (manifest["metadata"].get("labels") or {}).get(names.BOT)
    return (manifest["metadata"]["namespace"], bot) if bot else None


def _newer(new: Manifest, old: Manifest) -> bool:
    """Resource versions of one kind grow, and compare as numbers (KEP-5504); also those of one name's two objects.

    A watch that lags behind a sweep goes on telling of an object whose successor is known already.
    """
    after, before = new["metadata"], old["metadata"]
    versions = (after.get("resourceVersion", ""), before.get("resourceVersion", ""))
    if all(version.isdecimal() for version in versions):
        return int(versions[0]) > int(versions[1])
    return bool(versions[0] != versions[1])
