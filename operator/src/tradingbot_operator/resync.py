"""The periodic LIST of everything: fills the store at the start, repairs it afterwards, and proves that we still see.

The watches carry the news; this is for what a watch lost (see `store.Sweep`).
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

import structlog

from tradingbot_operator.cluster import CHUNK, Cluster
from tradingbot_operator.contained import contained
from tradingbot_operator.core import names
from tradingbot_operator.core.claims import claims
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.observation import concerned
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.reconcile import Key
from tradingbot_operator.spread import Counted, Spread
from tradingbot_operator.store import METADATA_ONLY, Name, Store, Sweep, name_of, slim
from tradingbot_operator.venue_users import venue_names

log = structlog.get_logger("resync")

RESOURCES = ("Venue", "TradingHalt", "TradingBot")
CHILDREN = ("StatefulSet", "Pod", "ConfigMap", "Service", "ServiceAccount", "Role", "RoleBinding",
            "PodDisruptionBudget", "NetworkPolicy")  # fmt: skip


@dataclass(slots=True)
class Resync:
    cluster: Cluster
    store: Store
    queue: WorkQueue[Key]
    clock: Callable[[], float]
    last_success: float | None = None
    last_end: float | None = None  # of a sweep that failed, too
    counters: Counter[str] = field(default_factory=Counter)
    missed: Callable[[str, Name], None] = lambda *_: None  # hears of what a watch has not told (yet)

    async def sweep(self, spread_over_s: float = 0.0) -> None:
        """LIST every kind and set every resource to be looked at. Raises ApiError."""
        try:
            await self._sweep(Spread(self.clock, self.clock(), spread_over_s))
        finally:
            self.last_end = self.clock()

    async def again(self, kinds: Iterable[str]) -> None:
        """LIST these alone, at once. Raises ApiError.

        What went between the first LIST and the one that its watch begins with is told by nobody.
        """
        at_once = Counted(Spread(self.clock, self.clock(), 0), whole=1, each=CHUNK)
        for kind in kinds:
            await self._refresh(kind, at_once)

    async def _sweep(self, spread: Spread) -> None:
        first, missed = self.last_success is None, 0
        counted = Counted(spread, sum(self.store.count(kind) for kind in (*RESOURCES, *CHILDREN)), CHUNK)
        for kind in (*RESOURCES, *CHILDREN):
            missed += await self._refresh(kind, counted)
        self._claims()
        for kind in RESOURCES:
            for manifest in self.store.all(kind):
                self.queue.add((kind, *name_of(manifest)), Priority.RESYNC)
        self.last_success = self.clock()
        if missed and not first:
            log.warning("WatchMissed", objects=missed)

    async def _refresh(self, kind: str, counted: Counted) -> int:
        """How many objects of that kind were not as the store had them."""
        with self.store.sweep(kind) as sweep:
            async for manifest in self._list(kind):
                sweep.see(slim(kind, manifest))
                await counted.one_more()
        return self._found(kind, sweep)

    def _list(self, kind: str) -> AsyncIterator[Manifest]:
        selector = "" if kind in RESOURCES else names.SELECTOR
        return self.cluster.list(kind, selector, metadata_only=kind in METADATA_ONLY)

    def _found(self, kind: str, sweep: Sweep) -> int:
        """How many objects were not as the store had them."""
        self.counters["missed"] += len(sweep.missed)
        self.counters["ghosts"] += len(sweep.ghosts)
        for manifest in sweep.missed:
            self.missed(kind, name_of(manifest))
        for manifest in (*sweep.missed, *sweep.ghosts):
            with contained("FoundAndNotRead", kind=kind, name="/".join(name_of(manifest))):
                for key in affected(kind, manifest, self.store):
                    self.queue.add(key, Priority.CHILD)
        return len(sweep.missed) + len(sweep.ghosts)

    def _claims(self) -> None:
        """What the bots hold, from what was accepted before this operator started; later `decide` keeps it."""
        for config_map in self.store.all("ConfigMap"):
            bot = (config_map["metadata"].get("labels") or {}).get(names.BOT)
            name = "/".join(name_of(config_map))
            with contained("ClaimsNotRead", config_map=name):
                if bot:
                    self.store.claims.setdefault((config_map["metadata"]["namespace"], bot), claims(config_map))


def affected(kind: str, manifest: Manifest, store: Store) -> list[Key]:
    """The keys to look at when an object changed."""
    namespace, name = name_of(manifest)
    match kind:
        case "TradingBot":
            venues = (("Venue", namespace, venue) for venue in venue_names(manifest))
            halts = (("TradingHalt", namespace, name_of(halt)[1]) for halt in store.all("TradingHalt", namespace)
                     if any(concerned(halt, [manifest])))  # fmt: skip
            return [("TradingBot", namespace, name), *venues, *halts]
        case "TradingHalt":
            users = [name_of(bot)[1] for bot in concerned(manifest, store.all("TradingBot", namespace))]
            return [("TradingHalt", namespace, name), *(("TradingBot", namespace, user) for user in users)]
        case "Venue":
            users = [name_of(bot)[1] for bot in store.all("TradingBot", namespace) if name in venue_names(bot)]
            return [("Venue", namespace, name), *(("TradingBot", namespace, user) for user in users)]
        case _:
            bot = (manifest["metadata"].get("labels") or {}).get(names.BOT)
            return [("TradingBot", namespace, bot)] if bot else []
