"""The slot's Lease: a start gate (nobody else trades this slot) and a self-fence (when we may not trade it any more).

`record.py` judges and is pure, `api.py` speaks HTTP, `slot.py` waits, renews and releases. The runtime never creates
a Lease: a missing one means that somebody deleted it to stop the slot.
"""

from tradingbot_runtime.lease.api import KubernetesLeases
from tradingbot_runtime.lease.record import (
    Free,
    Gone,
    HeldByOther,
    LeaseConflict,
    LeaseGone,
    LeaseRecord,
    LeaseTiming,
    LeaseUnavailable,
    Ours,
    judge,
)
from tradingbot_runtime.lease.slot import TROUBLE, LeaseLost, ReleaseOutcome, SlotLease, boot_time_ns

__all__ = [
    "TROUBLE",
    "Free",
    "Gone",
    "HeldByOther",
    "KubernetesLeases",
    "LeaseConflict",
    "LeaseGone",
    "LeaseLost",
    "LeaseRecord",
    "LeaseTiming",
    "LeaseUnavailable",
    "Ours",
    "ReleaseOutcome",
    "SlotLease",
    "boot_time_ns",
    "judge",
]  # fmt: skip
