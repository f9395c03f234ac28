"""Holding a slot's Lease: take it, renew it, know when it is lost, give it back.

Nothing here may decide by the wall clock, and a renewal counts from its *start*: the API server may have applied it
at any time between the request and the answer.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol

import structlog

from tradingbot_runtime.config import LeaseReference
from tradingbot_runtime.lease.record import (
    MARGIN_NS,
    HeldByOther,
    LeaseConflict,
    LeaseGone,
    LeaseRecord,
    LeaseTiming,
    LeaseUnavailable,
    claimed,
    judge,
    released,
)

REQUEST_S = 5.0  # one request to the API server
TROUBLE = "API server: "  # whom is waited for, where it is the API server
POLL_S = 1.0  # how often a waiting pod looks, and the longest sleep while holding
RETRY_S = 0.5  # after a request that failed
RELEASE_S = 2.0  # SIGTERM has 5 s in all; the Lease runs out by itself
_SECOND_NS = 1_000_000_000

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("lease")


class LeaseLost(StrEnum):
    RENEW_DEADLINE_PASSED = "RenewDeadlinePassed"  # the API server has not confirmed a renewal for too long
    TAKEN_BY_OTHER = "TakenByOther"  # another holder's name is on it, or somebody took ours off
    DELETED = "Deleted"  # somebody stops this slot


class ReleaseOutcome(StrEnum):
    RELEASED = "Released"  # the next pod may take it at once
    NOT_OURS = "NotOurs"
    FAILED = "Failed"  # the next pod waits until it runs out


class LeaseApi(Protocol):
    """As `KubernetesLeases`."""

    async def read(self, name: str, timeout_s: float) -> LeaseRecord | None: ...

    async def replace(self, name: str, document: Mapping[str, Any], timeout_s: float) -> LeaseRecord: ...


def boot_time_ns() -> int:
    """Nanoseconds since boot, suspended time included; nobody can set it."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class SlotLease:
    """The Lease of one slot, for one pod. Use: `acquire`, then `keep` in a task; `release` at the end.

    `fenced_at_ns` is what the order path asks: from this moment of `clock` on, no order may be sent. It needs no
    event loop to come true, so a blocked loop or a suspended machine is fenced as well.
    """

    def __init__(
        self,
        api: LeaseApi,
        reference: LeaseReference,
        holder: str,
        clock: Callable[[], int] = boot_time_ns,
        margin_ns: int = MARGIN_NS,
    ) -> None:
        """`holder` is the pod's UID; ConfigError when the reference's times leave no room for `margin_ns`."""
        self._api = api
        self._name = reference.name
        self._holder = holder
        self._clock = clock
        self._timing = LeaseTiming(reference.duration_ns, reference.renew_ns, margin_ns)
        self._record: LeaseRecord | None = None
        self._observed_ns = 0  # when `_record` was first seen
        self._doubtful = True  # `_record` may not be the latest: read before the next write
        self._renewed_ns = 0  # start of the last renewal that was confirmed
        self.fenced_at_ns = 0

    @property
    def transitions(self) -> int:
        """How often the Lease has changed hands, this time included."""
        return 0 if self._record is None else self._record.transitions

    @property
    def is_known(self) -> bool:
        """Whether it has been read."""
        return self._record is not None

    async def acquire(self, on_wait: Callable[[str, float], None]) -> None:
        """Wait until the Lease is ours. Raises LeaseGone when there is none.

        `on_wait(for_whom, seconds)` is called every second of waiting, with the holder and how long it has at most
        if it renews no more, or with the API server's trouble. Another pod that lives may hold the Lease for ever,
        so the caller decides how long is too long.
        """
        while True:
            try:
                verdict = await self._look()
                if not isinstance(verdict, HeldByOther):
                    await self._write(REQUEST_S)
                    log.info("LeaseAcquired", lease=self._name, transitions=self.transitions)
                    return
                left_s = (verdict.free_at_ns - self._clock()) / _SECOND_NS
                on_wait(verdict.holder, left_s)
                await asyncio.sleep(min(max(left_s, 0), POLL_S))
            except LeaseConflict:
                await asyncio.sleep(RETRY_S)  # somebody was quicker: look again
            except LeaseUnavailable as trouble:
                on_wait(f"{TROUBLE}{trouble}", RETRY_S)
                await asyncio.sleep(RETRY_S)

    async def keep(self) -> LeaseLost:
        """Renew until the Lease is lost, and say why; then the slot is fenced, and its orders must be cancelled."""
        lost: LeaseLost | None = None
        while lost is None:
            now_ns = self._clock()
            due_ns = self._renewed_ns + self._timing.renew_ns
            if now_ns >= self._renewed_ns + self._timing.deadline_ns:
                lost = LeaseLost.RENEW_DEADLINE_PASSED
            elif now_ns < due_ns:  # in short steps: the loop's timers do not count suspended time
                await asyncio.sleep(min((due_ns - now_ns) / _SECOND_NS, POLL_S))
            else:
                lost = await self._renew()
        self.fenced_at_ns = min(self.fenced_at_ns, self._clock())
        return lost

    async def release(self) -> ReleaseOutcome:
        """Give the Lease back, once no order of ours is open; bounded by `RELEASE_S`. Fences at once."""
        self.fenced_at_ns = 0
        end_ns = self._clock() + int(RELEASE_S * _SECOND_NS)
        outcome = ReleaseOutcome.FAILED
        while outcome is ReleaseOutcome.FAILED and self._clock() < end_ns:
            outcome = await self._try_release(max((end_ns - self._clock()) / _SECOND_NS, 0.001))
        return outcome

    async def _look(self) -> object:
        record = await self._api.read(self._name, REQUEST_S)
        if record is None:
            raise LeaseGone(f"lease {self._name} does not exist; the runtime never makes one")
        self._observe(record)
        return judge(record, self._holder, self._observed_ns, self._clock())

    def _observe(self, record: LeaseRecord) -> None:
        known = self._record
        if known is None or (known.uid, known.version) != (record.uid, record.version):
            # Stamped after the answer: the change happened before, so what is counted from here ends too late.
            self._observed_ns = self._clock()
        self._record = record

    async def _write(self, timeout_s: float) -> None:
        if self._record is None:
            raise RuntimeError("the lease was never read")
        document = claimed(self._record, self._holder, self._timing.duration_ns, time.time_ns())
        started_ns = self._clock()
        self._doubtful = True
        written = await self._api.replace(self._name, document, timeout_s)
        if written.version == self._record.version or written.holder != self._holder:
            raise LeaseUnavailable("the API server says yes, but the Lease is as before")
        self._observe(written)
        self._doubtful = False
        self._renewed_ns = started_ns
        self.fenced_at_ns = started_ns + self._timing.fence_ns

    async def _renew(self) -> LeaseLost | None:
        """One attempt; None when it succeeded, or failed in a way that another attempt may mend."""
        try:
            if self._doubtful:
                lost = self._lost(await self._api.read(self._name, self._patience_s()))
                if lost is not None:
                    return lost
            await self._write(self._patience_s())
            return None
        except LeaseGone:
            return LeaseLost.DELETED
        except (LeaseConflict, LeaseUnavailable) as trouble:
            left_s = (self.fenced_at_ns - self._clock()) / _SECOND_NS
            log.warning("LeaseNotRenewed", lease=self._name, reason=str(trouble), fenced_in_s=round(left_s, 1))
            await asyncio.sleep(min(RETRY_S, self._patience_s()))
            return None

    def _lost(self, record: LeaseRecord | None) -> LeaseLost | None:
        if record is None or (self._record is not None and record.uid != self._record.uid):
            return LeaseLost.DELETED  # a new one of the same name does not undo the deletion
        if record.holder != self._holder:
            return LeaseLost.TAKEN_BY_OTHER
        self._observe(record)
        return None

    def _patience_s(self) -> float:
        left_ns = self._renewed_ns + self._timing.deadline_ns - self._clock()
        return min(REQUEST_S, max(left_ns / _SECOND_NS, 0.001))

    async def _try_release(self, timeout_s: float) -> ReleaseOutcome:
        try:
            if self._doubtful or self._record is None:
                self._record = await self._api.read(self._name, timeout_s)
            if self._record is None:
                return ReleaseOutcome.NOT_OURS
            if self._record.holder != self._holder:
                return ReleaseOutcome.NOT_OURS if self._record.holder else ReleaseOutcome.RELEASED
            self._doubtful = True
            self._record = await self._api.replace(self._name, released(self._record), timeout_s)
            return ReleaseOutcome.RELEASED
        except LeaseGone:
            return ReleaseOutcome.NOT_OURS
        except (LeaseConflict, LeaseUnavailable) as trouble:
            log.warning("LeaseNotReleased", lease=self._name, reason=str(trouble))
            await asyncio.sleep(min(RETRY_S, timeout_s))
            return ReleaseOutcome.FAILED
