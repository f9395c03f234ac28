"""An API server in memory that does what real ones do at their worst.

No answer, a lost answer, 409, 429, 500; and the operator's own process may die before or after any request. In place of
`cluster.Cluster`, for the real reconciler: its store, queue and sweeps are the product's own.
"""

import copy
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from harness.bot_model import fields
from tradingbot_operator.api_errors import ApiRefused, ApiUnavailable, Conflict, NotFound
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.resync import CHILDREN, RESOURCES

Key = tuple[str, str, str]  # kind, namespace, name
NOW = "2026-01-02T00:00:00Z"
WATCHED = frozenset({*RESOURCES, *CHILDREN})


class Crash(BaseException):
    """The operator's process ends here; nothing in it may catch that."""


class Fault(Enum):
    """What becomes of one request."""

    REFUSED = auto()  # 429, 500, no connection: nothing was done
    CONFLICT = auto()  # 409, of a write
    LOST = auto()  # it was done, and nobody hears of it
    CRASH_BEFORE = auto()
    CRASH_AFTER = auto()


@dataclass
class FakeApi:
    """`faults`: of the requests to come, by how many are between; none when it is empty."""

    objects: dict[Key, Manifest] = field(default_factory=dict)
    told: list[tuple[str, str, Manifest]] = field(default_factory=list)  # by the watches, so far undelivered
    faults: dict[int, Fault] = field(default_factory=dict)  # by the number of the request
    denied: frozenset[str] = frozenset()  # kinds that a policy lets nobody create or change
    failing: frozenset[str] = frozenset()  # kinds of which no write is answered
    requests: int = 0
    changes: int = 0  # of objects, whoever made them
    writes: list[str] = field(default_factory=list)
    on_gone: Callable[[Manifest], None] = lambda _: None
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # -- what the operator calls ---------------------------------------------------------------------------------

    async def apply(self, manifest: Manifest) -> Manifest:
        return self._write("apply", manifest, lambda: self._applied(manifest))

    async def apply_status(self, kind: str, metadata: Mapping[str, str], status: Manifest) -> Manifest:
        key = (kind, metadata["namespace"], metadata["name"])
        return self._write("status", {"kind": kind, "metadata": metadata}, lambda: self.change(key, status=status))

    async def create(self, manifest: Manifest) -> Manifest:
        return self._write("create", manifest, lambda: self.add(manifest))

    async def replace(self, manifest: Manifest) -> Manifest:
        return self._write("replace", manifest, lambda: self.change(key_of(manifest), **manifest))

    async def merge(self, kind: str, namespace: str, name: str, body: Manifest) -> Manifest:
        where = {"kind": kind, "metadata": {"namespace": namespace, "name": name}}
        return self._write("merge", where, lambda: self.change((kind, namespace, name), **body))

    async def delete(self, kind: str, namespace: str, name: str, uid: str) -> Manifest | None:
        where = {"kind": kind, "metadata": {"namespace": namespace, "name": name}}
        self._write("delete", where, lambda: self._deleted((kind, namespace, name), uid))
        return None

    async def set_finalizers(self, manifest: Manifest, finalizers: Sequence[str]) -> Manifest:
        return self._write("finalizers", manifest, lambda: self._with_finalizers(manifest, finalizers))

    async def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        self._fail(writes=False)
        return copy.deepcopy(self.objects.get((kind, namespace, name)))

    async def metadata(self, kind: str, namespace: str, name: str, **_: bool) -> Manifest | None:
        found = await self.get(kind, namespace, name)
        return {"kind": kind, "metadata": found["metadata"]} if found else None

    async def look_up(self, kind: str, namespace: str, name: str) -> Manifest | None:
        return await self.metadata(kind, namespace, name)

    async def list(self, kind: str, selector: str = "", **_: object) -> AsyncIterator[Manifest]:
        self._fail(writes=False)
        wanted = dict([selector.split("=")]) if selector else {}
        for manifest in [m for (k, _, _), m in self.objects.items() if k == kind]:
            if wanted.items() <= (manifest["metadata"].get("labels") or {}).items():
                yield copy.deepcopy(manifest)

    # -- what everybody else does --------------------------------------------------------------------------------

    def add(self, manifest: Manifest) -> Manifest:
        """Raises Conflict when it is there."""
        key = key_of(manifest)
        if key in self.objects:
            raise Conflict(409, f"{key} exists")
        number = next(self._numbers)
        made = {"uid": f"uid-{number}", "creationTimestamp": NOW, "resourceVersion": str(number), "generation": 1}
        stored = copy.deepcopy(manifest) | {"metadata": {**copy.deepcopy(dict(manifest["metadata"])), **made}}
        self.objects[key] = stored
        self._tell("ADDED", stored)
        return copy.deepcopy(stored)

    def change(self, key: Key, **parts: object) -> Manifest:
        """Replace these parts; what changes nothing has no new version. Raises NotFound."""
        if key not in self.objects:
            raise NotFound(404, f"{key} is not there")
        before = self.objects[key]
        after = copy.deepcopy(before) | copy.deepcopy({k: v for k, v in parts.items() if k != "metadata"})
        given = copy.deepcopy(dict(parts.get("metadata") or {}))  # type: ignore[call-overload]  # a manifest's
        kept = {
            name: before["metadata"][name] for name in ("uid", "creationTimestamp", "resourceVersion", "generation")
        }
        after["metadata"] = {**before["metadata"], **given, **kept}
        if after == before:
            return copy.deepcopy(before)
        if after.get("spec") != before.get("spec"):
            after["metadata"]["generation"] += 1
        after["metadata"]["resourceVersion"] = str(next(self._numbers))
        self.objects[key] = after
        self._tell("MODIFIED", after)
        return copy.deepcopy(after)

    def remove(self, key: Key) -> None:
        """It is gone, and so is what it owned."""
        gone = self.objects.pop(key, None)
        if gone is None:
            return
        self._tell("DELETED", gone)
        self.on_gone(gone)
        for other, manifest in tuple(self.objects.items()):
            owners = manifest["metadata"].get("ownerReferences") or ()
            if any(owner["uid"] == gone["metadata"]["uid"] for owner in owners):
                self.remove(other)

    def _applied(self, manifest: Manifest) -> Manifest:
        entry = {"manager": names.FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields(manifest)}
        owned = manifest | {"metadata": {**manifest["metadata"], "managedFields": [entry]}}
        if key_of(manifest) not in self.objects:
            return self.add(owned)
        return self.change(key_of(manifest), **owned)

    def _deleted(self, key: Key, uid: str) -> Manifest:
        found = self.objects.get(key)
        if found is not None and found["metadata"]["uid"] == uid:
            self.remove(key)
        return {}

    def _with_finalizers(self, manifest: Manifest, finalizers: Sequence[str]) -> Manifest:
        key = key_of(manifest)
        found = self.objects.get(key)
        if found is None:
            raise NotFound(404, f"{key} is not there")
        if found["metadata"]["resourceVersion"] != manifest["metadata"]["resourceVersion"]:
            raise Conflict(409, "it has changed")
        stored = self.change(key, metadata={"finalizers": [*finalizers]})
        if not finalizers and "deletionTimestamp" in stored["metadata"]:
            self.remove(key)
        return stored

    def _tell(self, event: str, manifest: Manifest) -> None:
        kind = manifest["kind"]
        self.changes += 1
        if kind in WATCHED:
            self.told.append((kind, event, copy.deepcopy(manifest)))

    def _write(self, verb: str, manifest: Manifest, effect: Callable[[], Manifest]) -> Manifest:
        fault = self._fail(writes=True)
        if manifest["kind"] in self.failing and verb != "status":
            raise ApiUnavailable("500")
        if manifest["kind"] in self.denied and verb != "status":
            name = manifest["metadata"]["name"]
            raise ApiRefused(403, f"403 {name}", f"{manifest['kind']}/{name}", f'"{name}" is forbidden: a policy')
        if manifest["kind"] != "Event":
            self.writes.append(f"{verb} {manifest['kind']}/{manifest['metadata']['name']}")
        answer = effect()
        if fault is Fault.CRASH_AFTER:
            raise Crash
        if fault is Fault.LOST:
            raise ApiUnavailable("the answer was lost")
        return answer

    def _fail(self, *, writes: bool) -> Fault | None:
        self.requests += 1
        fault = self.faults.pop(self.requests, None)
        if fault is Fault.CRASH_BEFORE:
            raise Crash
        if fault is Fault.CONFLICT and writes:
            raise Conflict(409, "somebody else was faster")
        if fault is Fault.REFUSED or (fault is not None and not writes):
            raise ApiUnavailable("500")
        return fault


def key_of(manifest: Manifest) -> Key:
    return (manifest["kind"], manifest["metadata"]["namespace"], manifest["metadata"]["name"])
