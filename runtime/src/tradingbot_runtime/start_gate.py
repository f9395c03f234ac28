"""The slot's Lease in the life of a process: answered for from the first moment, held to trade, then given back."""

import asyncio
import math
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from tradingbot_runtime.config import LeaseReference
from tradingbot_runtime.lease import TROUBLE, KubernetesLeases, LeaseGone, SlotLease, boot_time_ns
from tradingbot_runtime.slot import Slot

log = structlog.get_logger("app")

LEASE_GONE_S = 2.0
MINUTE_S = 60
SECOND_NS = 1_000_000_000


@dataclass(slots=True)
class StartGate:
    """Without a cluster there is no Lease, and the gate is open."""

    leases: KubernetesLeases | None
    reference: LeaseReference | None
    pod_uid: str
    lease: SlotLease | None = None

    async def answer(self, stack: AsyncExitStack) -> None:
        """Before anything else: a container of this pod that was killed may have left the Lease with us."""
        if self.reference is None or self.leases is None:
            return
        await stack.enter_async_context(self.leases)
        # Until it is acquired the slot is fenced; whatever the end of this process is, it gives back what it can.
        self.lease = SlotLease(self.leases, self.reference, self.pod_uid)
        stack.push_async_callback(self._give_back, self.lease)

    async def _give_back(self, lease: SlotLease) -> None:
        log.info("LeaseReleased", outcome=await lease.release())

    async def acquire(self, slot: Slot) -> None:
        """Return when the slot may trade, telling what it waits for."""
        if self.lease is None:
            return
        while True:
            try:
                await self.lease.acquire(lambda who, left_s: slot.update(waiting_for=told(who, left_s, time.time())))
            except LeaseGone as gone:
                # Somebody deleted it to stop this slot; the operator makes a new one when a person resumes.
                slot.update(fenced=f"there is no Lease: {gone}")
                await asyncio.sleep(LEASE_GONE_S)
            else:
                break
        slot.update(fenced="")

    async def keep(self, slot: Slot) -> bool:
        """Renew until the Lease is lost, which fences the slot; False at once where there is none."""
        if self.lease is None:
            return False
        lost = await self.lease.keep()
        log.error("LeaseLost", reason=lost)
        slot.update(fenced=str(lost))
        return True

    def is_fenced(self) -> bool:
        return self.lease is not None and boot_time_ns() >= self.lease.fenced_at_ns

    def lease_left_s(self) -> float | None:
        """Until the slot is fenced unless the Lease is renewed; None where there is none to hold."""
        return None if self.lease is None else max(self.lease.fenced_at_ns - boot_time_ns(), 0) / SECOND_NS

    def account_uid(self) -> str:
        """Of the ServiceAccount whose token is used; empty outside of a cluster."""
        return self.leases.account_uid if self.leases is not None else ""

    def holdings(self) -> int | None:
        """How often the Lease has changed hands; None where it has not been seen, or there is none."""
        return self.lease.transitions if self.lease is not None and self.lease.is_known else None


def told(who: str, left_s: float, now_s: float) -> str:
    """What is waited for, and until which minute (UTC): with seconds it would be another message each time."""
    if who.startswith(TROUBLE):
        return f"the Lease ({who})"
    until = datetime.fromtimestamp(math.ceil((now_s + left_s) / MINUTE_S) * MINUTE_S, UTC)
    return (
        f"the Lease ({who}): the pod of this uid held it last, and may have orders in the market until it has run out, "
        f"by {until:%H:%M} UTC unless that pod renews it"
    )
