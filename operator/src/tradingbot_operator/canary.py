"""A Lease that the leader touches now and then, and that has to come back: through its watch, the queue and a worker.

It proves that the way of all news is open where nothing else happens, and it is a Lease, because a cluster in which
nothing changes is written nothing else.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from tradingbot_operator.api.v1alpha1 import GROUP
from tradingbot_operator.api_errors import ApiError
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.reconcile import Key
from tradingbot_runtime.logs import of_object

KIND = "Canary"  # of its keys in the queue
NAME = f"{names.FIELD_MANAGER}-canary"
LABELS = {f"{GROUP}/canary": names.FIELD_MANAGER}
SELECTOR = ",".join(f"{label}={value}" for label, value in LABELS.items())

log = structlog.get_logger("canary")


@dataclass(slots=True)
class Canary:
    """One Lease in each of `namespaces`: as many as there are watches to prove."""

    cluster: Cluster
    queue: WorkQueue[Key]
    identity: str
    namespaces: tuple[str, ...]
    clock: Callable[[], float]
    now: Callable[[], datetime]
    came_back: dict[str, float] = field(default_factory=dict)  # by namespace, when
    _touches: int = 0
    _out: dict[str, tuple[int, float]] = field(default_factory=dict)  # the first that is not back: its number, when
    _told: dict[str, int] = field(default_factory=dict)  # the last number that the watch has told of

    async def keep(self, every_s: float) -> None:
        """Never returns; an API server that does not answer is asked again the next time."""
        while True:
            for namespace in self.namespaces:
                await self.touch(namespace)
            await asyncio.sleep(every_s)

    async def touch(self, namespace: str) -> None:
        self._touches += 1
        number, is_first = self._touches, namespace not in self._out
        if is_first:  # before it is written: the watch may be faster than the answer
            self._out[namespace] = (number, self.clock())
        try:
            await self.cluster.apply(self._lease(namespace, number))
        except ApiError as error:
            if is_first:  # what was not written need not come back
                self._out.pop(namespace, None)
            log.warning("CanaryNotTouched", **of_object("Lease", namespace, NAME), error=str(error))

    def hear(self, lease: Manifest) -> None:
        """The watch tells of a Lease; only our own touches go on into the queue."""
        metadata, spec = lease["metadata"], lease.get("spec") or {}
        if metadata["name"] == NAME and spec.get("holderIdentity") == self.identity:
            self._told[metadata["namespace"]] = int(spec.get("leaseTransitions") or 0)
            self.queue.add((KIND, metadata["namespace"], NAME), Priority.CHILD)

    def arrive(self, namespace: str) -> None:
        """A worker has taken its key."""
        self.came_back[namespace] = self.clock()
        if namespace in self._out and self._told.get(namespace, 0) >= self._out[namespace][0]:
            del self._out[namespace]

    def age_s(self) -> float | None:
        """Since the one that is the latest came back; None where none ever did."""
        return self.clock() - min(self.came_back.values()) if self.came_back else None

    def out_for_s(self) -> float:
        """How long the oldest touch has been waited for; 0: all are back."""
        return max((self.clock() - since for _, since in self._out.values()), default=0.0)

    def _lease(self, namespace: str, number: int) -> Manifest:
        at = self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": NAME, "namespace": namespace, "labels": LABELS},
            "spec": {"holderIdentity": self.identity, "leaseTransitions": number, "renewTime": at},
        }  # fmt: skip
