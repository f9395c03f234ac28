"""Leader election with a Lease: one operator acts; one that cannot renew ends before another may take over.

Expiry counts from when *we* saw the Lease change, on our own monotonic clock: nodes' clocks differ.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from tradingbot_operator.api_errors import ApiError, ApiUnavailable, Conflict
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.settings import Election
from tradingbot_runtime.network_errors import unreached

log = structlog.get_logger("leadership")


@dataclass(slots=True)
class Leadership:
    """`term` is the Lease's leaseTransitions: it grows with every change of leader, and pods refuse a lower one."""

    cluster: Cluster
    identity: str
    election: Election
    clock: Callable[[], float]
    now: Callable[[], datetime]
    term: int = 0
    leading: bool = False
    answering: tuple[float, float] | None = None  # since when and until when the API server answered, without a failure
    _lease: Manifest = field(default_factory=dict)
    _seen: tuple[str, float] = ("", 0.0)  # resourceVersion of the Lease, and when we first saw it
    _alive_until: float = 0.0  # the other leader, as it was seen to renew

    def sees_leader(self) -> bool:
        """Whether another one holds the Lease and lives: who wrote it before we looked may be dead since."""
        return self.clock() < self._alive_until

    async def acquire(self) -> int:
        """Wait until we lead, and return the term."""
        while True:
            try:
                if await self._try():
                    self.leading = True
                    self._answered()
                    log.info("Leading", identity=self.identity, term=self.term)
                    return self.term
            except ApiError as error:
                log.warning("LeaseNotReachable", error=str(error))
            await asyncio.sleep(self.election.retry_s)

    async def keep(self) -> str:
        """Renew until the leadership is lost; returns why."""
        renewed = self.clock()
        while True:
            await asyncio.sleep(self.election.retry_s)
            left = self.election.renew_deadline_s - (self.clock() - renewed)
            if left <= 0:
                return "the Lease could not be renewed in time"
            asked = self.clock()
            try:
                await self._in_time(self._renew(), left)
                renewed = asked
                self._answered()
            except Conflict:
                self._answered()
                if not await self._still_ours():
                    return "another operator holds the Lease"
            except ApiError as error:
                self.answering = None
                log.warning("LeaseNotRenewed", error=str(error))

    def _answered(self) -> None:
        now = self.clock()
        self.answering = (self.answering[0] if self.answering else now, now)

    async def release(self) -> None:
        """Let the next one start at once instead of after the Lease has run out."""
        if not self.leading:
            return
        self.leading = False
        try:
            release = self.cluster.replace(self._with({"holderIdentity": "", "leaseDurationSeconds": 1}))
            await self._in_time(release, self.election.retry_s)
        except ApiError as error:
            log.info("LeaseNotReleased", error=str(error))

    async def _in_time(self, write: Awaitable[object], seconds: float) -> None:
        """Raises ApiError, also when the answer takes longer than `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await write
        except TimeoutError as error:
            told = unreached(error, self.cluster.configuration.host, seconds)
            raise ApiUnavailable(f"no answer from the API server about the Lease: {told}") from error

    async def _try(self) -> bool:
        lease = await self.cluster.get("Lease", self.election.namespace, self.election.name)
        if lease is None:
            return await self._create()
        self._lease = lease
        spec = lease.get("spec") or {}
        duration = float(spec.get("leaseDurationSeconds") or self.election.duration_s)
        self._observe(lease["metadata"]["resourceVersion"], duration if spec.get("holderIdentity") else 0.0)
        if spec.get("holderIdentity") and self.clock() - self._seen[1] < duration:
            return False
        self.term = int(spec.get("leaseTransitions") or 0) + 1
        return await self._take({"acquireTime": self._time(), "leaseTransitions": self.term})

    def _observe(self, version: str, held_for_s: float) -> None:
        before, now = self._seen[0], self.clock()
        if before == version:
            return
        self._seen = (version, now)
        self._alive_until = now + held_for_s if before else 0.0

    async def _create(self) -> bool:
        # A Lease that somebody deleted must not start at 0 again: every pod would refuse our messages for ever.
        self.term = int(self.now().timestamp()) // 60
        metadata = {"name": self.election.name, "namespace": self.election.namespace}
        manifest = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
        content = {"acquireTime": self._time(), "leaseTransitions": self.term}
        try:
            self._lease = await self.cluster.create(manifest | {"spec": self._held() | content})
        except Conflict:
            return False
        return True

    async def _take(self, changes: Manifest) -> bool:
        try:
            self._lease = await self.cluster.replace(self._with(self._held() | changes))
        except Conflict:
            return False
        return True

    async def _renew(self) -> None:
        self._lease = await self.cluster.replace(self._with({"renewTime": self._time()}))

    async def _still_ours(self) -> bool:
        """After a conflict: somebody else wrote the Lease, but not every writer is another leader."""
        try:
            lease = await self.cluster.get("Lease", self.election.namespace, self.election.name)
        except ApiError:
            return True  # not known; the deadline decides
        if lease is None or (lease.get("spec") or {}).get("holderIdentity") != self.identity:
            return False
        self._lease = lease
        return True

    def _held(self) -> Manifest:
        return {"holderIdentity": self.identity, "leaseDurationSeconds": round(self.election.duration_s),
                "renewTime": self._time()}  # fmt: skip

    def _with(self, changes: Manifest) -> Manifest:
        manifest = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": self._lease["metadata"]}
        return manifest | {"spec": (self._lease.get("spec") or {}) | changes}

    def _time(self) -> str:
        return self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
