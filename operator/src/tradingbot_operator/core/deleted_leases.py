"""A Lease that somebody has deleted: the stop that needs no operator, and a manual halt until a person resumes. Pure.

No runtime makes its own Lease, and one without a Lease does not trade. The operator makes another one only when the
halt that stands for the deletion is released.
"""

from collections.abc import Iterator

from tradingbot_operator.api.v1alpha1 import HaltStatus
from tradingbot_operator.core import names
from tradingbot_operator.core.halts import Halts
from tradingbot_operator.core.observed import Bot, Observed
from tradingbot_runtime.model.control import MANUAL_HALT


def halts_of_deleted(bot: Bot, observed: Observed) -> Iterator[HaltStatus]:
    """One for each slot whose Lease is gone."""
    for slot, uid in _deleted(bot, observed):
        name = names.slot_lease(bot.name, slot)
        message = f"somebody has deleted the Lease {name}, without which no pod of the slot trades"
        yield HaltStatus(id=_halt_id(slot, uid), slot=slot, reason=MANUAL_HALT, at=observed.now,
                         by=f"deletion of Lease/{name}", message=message, confirmed=False)  # fmt: skip


def leases_due(bot: Bot, observed: Observed, held: Halts) -> frozenset[int]:
    """Slots whose Lease is to be made, or taken up where an answer of ours was lost."""
    made = {slot.ordinal: slot.lease_uid for slot in bot.status.slots if slot.lease_uid}
    unknown = {slot for slot, uid in observed.leases.items() if uid and uid != made.get(slot)}
    released = {slot for slot, uid in _deleted(bot, observed) if not held.holds(slot, _halt_id(slot, uid))}
    return frozenset(unknown | released)


def slots_halted_by_deletion(bot: Bot) -> frozenset[int]:
    """Slots whose Lease is to be looked for, whatever their runtime says of itself meanwhile."""
    ids = {_halt_id(slot.ordinal, slot.lease_uid) for slot in bot.status.slots}
    return frozenset(halt.slot for halt in bot.status.halts if halt.id in ids)


def _deleted(bot: Bot, observed: Observed) -> Iterator[tuple[int, str]]:
    """(slot, uid that the Lease had)."""
    for slot in bot.status.slots:
        if slot.lease_uid and observed.leases.get(slot.ordinal, slot.lease_uid) is None:
            yield slot.ordinal, slot.lease_uid


def _halt_id(slot: int, uid: str) -> str:
    """By the uid: the release of one deletion does not release the next."""
    return f"lease-{slot}-{uid[:8]}"
