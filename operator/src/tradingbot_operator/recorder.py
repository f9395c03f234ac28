"""What happened, told: as Kubernetes Events, one object per cause, counted up; and as how long it took, for metrics."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from tradingbot_operator.api.v1alpha1 import GROUP, VERSION
from tradingbot_operator.api_errors import ApiError, Conflict
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Bot, Manifest
from tradingbot_operator.core.outcome import Announcement
from tradingbot_operator.history import History
from tradingbot_operator.observation import timestamp
from tradingbot_operator.spread import HALTS_FIRST_S, wait_while
from tradingbot_runtime.logs import of_bot

log = structlog.get_logger("recorder")

MOST_WAITING = 10_000  # Events of a kilobyte


@dataclass(frozen=True, slots=True)
class Recorder:
    """Events tell people what happened; that one cannot be written never stops a reconciliation, nor holds it up.

    They are posted one after the other, by `keep`: a thousand at once must not come between a thousand statuses.
    """

    cluster: Cluster
    instance: str
    now: Callable[[], datetime]
    counters: Counter[str] = field(default_factory=Counter)
    history: History = field(init=False)
    _waiting: deque[Manifest] = field(default_factory=deque)
    _filled: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        object.__setattr__(self, "history", History(self.now))

    def tell(self, bot: Bot, announcement: Announcement, pod: Mapping[str, str] | None = None) -> None:
        """`pod` is the reference of the pod that it is about, if any."""
        level = log.warning if announcement.warning else log.info
        about = {"halt_id": ", ".join(ids)} if (ids := announcement.halt_ids) else {}
        level(announcement.reason, **of_bot(bot.namespace, bot.name), **about, message=announcement.message)
        if len(self._waiting) == MOST_WAITING:
            self._failed(f"{MOST_WAITING} wait")
            return
        self._waiting.append(self._event(bot, announcement, pod))
        self._filled.set()

    async def keep(self, is_halting: Callable[[], bool] = lambda: False) -> None:
        """Post what is told, until cancelled. Bots that wait to be halted, or to be told halted, come first."""
        while True:
            await self._filled.wait()
            await wait_while(is_halting, HALTS_FIRST_S)
            await self._post_first()

    async def post_waiting(self) -> None:
        while self._waiting:
            await self._post_first()

    async def _post_first(self) -> None:
        await self._post(self._waiting[0])
        self._waiting.popleft()
        if not self._waiting:
            self._filled.clear()

    async def _post(self, event: Manifest) -> None:
        try:
            await self._count_up(event)
            self.counters["posted"] += 1
        except ApiError as error:
            self._failed(str(error))

    def _failed(self, why: str) -> None:
        self.counters["failed"] += 1
        log.warning("EventNotPosted", error=why)

    async def _count_up(self, event: Manifest) -> None:
        metadata = event["metadata"]
        try:
            await self.cluster.create(event)
        except Conflict:
            old = await self.cluster.get("Event", metadata["namespace"], metadata["name"])
            count = (old or {}).get("count", 0) + 1
            body = {"count": count, "lastTimestamp": event["lastTimestamp"]}
            await self.cluster.merge("Event", metadata["namespace"], metadata["name"], body)

    def _event(self, bot: Bot, announcement: Announcement, pod: Mapping[str, str] | None) -> Manifest:
        now = timestamp(self.now())
        cause = names.digest([bot.metadata.uid, announcement.reason, announcement.message, announcement.pod])
        regarding = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "TradingBot", "namespace": bot.namespace,
                     "name": bot.name, "uid": bot.metadata.uid}  # fmt: skip
        return {
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": f"{bot.name}.{cause}", "namespace": bot.namespace},
            "involvedObject": regarding, **({"related": dict(pod)} if pod else {}),
            "type": "Warning" if announcement.warning else "Normal",
            "reason": announcement.reason, "message": announcement.message[:1024], "action": "Reconcile",
            "source": {"component": names.FIELD_MANAGER}, "reportingComponent": names.FIELD_MANAGER,
            "reportingInstance": self.instance, "count": 1, "firstTimestamp": now, "lastTimestamp": now,
        }  # fmt: skip
