"""Why a StatefulSet has fewer pods than it wants: what the API server said to its controller, which writes an Event.

There is no condition for it on a StatefulSet. The Events are listed for all bots at once, and only while one of them
lacks a pod: rarer and rarer where that lasts, for to the API server a LIST of Events is work, however few are wanted.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from tradingbot_operator.api_errors import ApiError
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core.observed import Manifest, Trouble
from tradingbot_operator.core.pods_refused import pods_refused
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.resync import affected
from tradingbot_operator.spread import HALTS_FIRST_S, wait_while
from tradingbot_operator.store import Store

LOOK_S = 2.0  # one that lacks a pod at two looks in a row is asked about
LONGEST_S = 30.0
CLOCKS = timedelta(seconds=10)  # the controller's, which writes the Events, and ours differ
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
SAME_ATTEMPT = timedelta(seconds=60)  # of several slots; what was said before that has been mended, or is said again
EVENTS = "involvedObject.kind=StatefulSet,reason=FailedCreate"

log = structlog.get_logger("refused_pods")


@dataclass(slots=True)
class RefusedPods:
    """What is known is forgotten with the last missing pod: it explains nothing any more."""

    cluster: Cluster
    store: Store
    queue: WorkQueue[tuple[str, str, str]]
    now: Callable[[], datetime]
    is_halting: Callable[[], bool] = lambda: False
    _lacking: dict[str, datetime] = field(default_factory=dict)  # by the StatefulSet's uid: since when
    _found: dict[str, Trouble] = field(default_factory=dict)  # by uid, as above
    _began: bool = False
    _pause_s: float = LOOK_S
    _asked: datetime = LONG_AGO

    def of(self, uid: str) -> Trouble | None:
        """Of the StatefulSet with that uid."""
        return self._found.get(uid)

    async def watch(self) -> None:
        """Never returns."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        lacking = {stored["metadata"]["uid"]: stored for stored in self.store.all("StatefulSet") if _lacks(stored)}
        before, now = self._lacking, self.now()
        # What lacked a pod before this operator looked for the first time may have been told about long ago.
        since = now if self._began else LONG_AGO
        self._began = True
        self._lacking = {uid: before.get(uid, since) for uid in lacking}
        self._found = {uid: found for uid, found in self._found.items() if uid in lacking}
        if lacking.keys() - before.keys():
            self._pause_s = LOOK_S
        asked_about = lacking.keys() & before.keys()
        if asked_about and (now - self._asked).total_seconds() >= self._pause_s:
            self._asked, self._pause_s = now, min(2 * self._pause_s, LONGEST_S)
            await wait_while(self.is_halting, HALTS_FIRST_S)
            await self._ask({uid: lacking[uid] for uid in asked_about})

    async def _ask(self, lacking: dict[str, Manifest]) -> None:
        told: dict[str, list[tuple[datetime, str]]] = {}
        try:
            async for event in self.cluster.list("Event", fields=EVENTS):
                uid, at = event["involvedObject"].get("uid", ""), _at(event)
                if uid in lacking and at is not None and self._is_of_now(uid, at):
                    told.setdefault(uid, []).append((at, event.get("message") or ""))
        except ApiError as error:
            log.warning("EventsNotListed", error=str(error))
            return
        for uid, said in told.items():
            found = pods_refused(min(_latest(said)))
            if uid in self._lacking and self._found.get(uid) != found:
                self._found[uid] = found
                for key in affected("StatefulSet", lacking[uid], self.store):
                    self.queue.add(key, Priority.CHILD)

    def _is_of_now(self, uid: str, at: datetime) -> bool:
        return at >= self._lacking.get(uid, at) - CLOCKS


def _latest(said: list[tuple[datetime, str]]) -> Iterator[str]:
    newest = max(at for at, _ in said)
    return (message for at, message in said if at >= newest - SAME_ATTEMPT)


def _lacks(stateful_set: Manifest) -> bool:
    wanted: int = (stateful_set.get("spec") or {}).get("replicas", 0)
    made: int = (stateful_set.get("status") or {}).get("replicas", 0)
    return wanted > made


def _at(event: Manifest) -> datetime | None:
    """Of both recorders' ways to count an Event up."""
    told = (event.get("series") or {}).get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return datetime.fromisoformat(told) if told else None
