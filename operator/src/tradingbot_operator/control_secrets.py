"""Looks at the bots' own control Secrets, round after round: there is no right to list or watch Secrets (`rbac.yaml`).

Each look asks for the metadata of one Secret that this operator made, by its name, and the API server answers from
memory. What it says that is news goes into the store, and the bot is looked at; Secrets of others are never asked for.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from tradingbot_operator.api_errors import ApiError
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.reconcile import Key
from tradingbot_operator.resync import affected
from tradingbot_operator.spread import HALTS_FIRST_S, Spread, wait_while
from tradingbot_operator.store import Name, Store, slim
from tradingbot_runtime.logs import of_object

ROUND_S = 7.0  # with the reconciliation behind it a Secret that was deleted is back within ten seconds
MOST_A_SECOND = 20  # a look takes 1.6 ms of processors: from 140 bots on a round takes longer
AT_ONCE = 4  # of the connections that everything else needs, too

log = structlog.get_logger("control_secrets")


@dataclass(frozen=True, slots=True)
class ControlSecrets:
    """The work of one round is spread over it, however many bots there are."""

    cluster: Cluster
    store: Store
    queue: WorkQueue[Key]
    clock: Callable[[], float]
    is_halting: Callable[[], bool] = lambda: False
    round_s: float = ROUND_S

    async def watch(self) -> None:
        """Never returns; an API server that does not answer is asked again in the next round."""
        while True:
            await self.round()

    async def round(self) -> None:
        started, known = self.clock(), self.store.names("Secret")
        spread = Spread(self.clock, started, max(self.round_s, len(known) / MOST_A_SECOND))
        for first in range(0, len(known), AT_ONCE):
            await wait_while(self.is_halting, HALTS_FIRST_S)
            await asyncio.gather(*(self._look(name) for name in known[first : first + AT_ONCE]))
            await spread.at((first + AT_ONCE) / len(known))
        await spread.at(1)

    async def _look(self, name: Name) -> None:
        try:
            found = await self.cluster.metadata("Secret", *name, cached=True)
            if found is None:  # an API server that has just started may not know it yet
                found = await self.cluster.metadata("Secret", *name)
        except ApiError as error:
            log.warning("ControlSecretNotSeen", **of_object("Secret", *name), error=str(error))
            return
        before = self.store.get("Secret", name)
        if before is None:  # a reconciliation was faster
            return
        if found is None:
            self.store.forget("Secret", name)
        elif not self.store.put("Secret", slim("Secret", found)):
            return
        for key in affected("Secret", before, self.store):
            self.queue.add(key, Priority.CHILD)
