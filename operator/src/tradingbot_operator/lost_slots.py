"""Slots that nobody hears: their Leases are looked at until they are renewed or have run out.

By how long a Lease has been seen unchanged, on our own clock; the times in it are those of another machine.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Bot, Manifest, Silence
from tradingbot_operator.store import Name
from tradingbot_runtime.config import LeaseReference

UNSAID_S = LeaseReference(name="unsaid").duration_ns / 1e9  # a runtime always says it


@dataclass(slots=True)
class LostSlots:
    cluster: Cluster
    clock: Callable[[], float]
    _seen: dict[Name, dict[int, tuple[str, float]]] = field(default_factory=dict)  # renewal, and since when

    async def look(self, bot: Bot, slots: Collection[int]) -> dict[int, Silence]:
        """Of these slots of the bot, and no others: what is heard again is forgotten. Raises ApiError."""
        name = (bot.namespace, bot.name)
        before, seen = self._seen.get(name, {}), dict[int, tuple[str, float]]()
        found: dict[int, Silence] = {}
        for slot in slots:
            lease = await self.cluster.get("Lease", bot.namespace, names.slot_lease(bot.name, slot))
            if lease is None:  # somebody has deleted it: no process of it trades
                continue
            renewal = names.digest([lease["metadata"]["uid"], lease.get("spec") or {}])
            known, since = before.get(slot, ("", 0.0))
            since = since if known == renewal else self.clock()
            seen[slot] = (renewal, since)
            found[slot] = _silence(lease, renewal, self.clock() - since)
        self.forget(name)  # only now: a question that fails must not begin the wait anew
        if seen:
            self._seen[name] = seen
        return found

    def forget(self, bot: Name) -> None:
        self._seen.pop(bot, None)


def _silence(lease: Manifest, renewal: str, unrenewed_for_s: float) -> Silence:
    spec = lease.get("spec") or {}
    return Silence(
        holder=spec.get("holderIdentity") or "",
        renewal=renewal,
        duration_s=float(spec.get("leaseDurationSeconds") or UNSAID_S),
        unrenewed_for_s=unrenewed_for_s,
    )
