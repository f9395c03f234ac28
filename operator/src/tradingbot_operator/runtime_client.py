"""The control streams of all bots: one to each pod whose container has started."""

import asyncio
from collections import Counter
from collections.abc import Collection

import aiohttp
import structlog

from tradingbot_operator.core.observed import Stream
from tradingbot_operator.core.outcome import HaltOrder, HaltSlot, ResumeSlot
from tradingbot_operator.core.venue import HeardVenue
from tradingbot_operator.observation import moment
from tradingbot_operator.pod_stream import VENUES_GONE_AFTER_S, PodStream
from tradingbot_operator.surroundings import BotName, Surroundings
from tradingbot_runtime.logs import of_bot

BEGUN_AGAIN_S = 1.0

log = structlog.get_logger("runtime_client")


class RuntimeClient:
    """The streams of all bots. `session` is the caller's to close."""

    def __init__(self, session: aiohttp.ClientSession, around: Surroundings) -> None:
        self.counters: Counter[str] = Counter()
        self._session = session
        self._around = around
        self._streams: dict[str, PodStream] = {}  # by the pod's uid
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._of: dict[BotName, set[str]] = {}  # the streams of each bot

    def ensure(self, bot: BotName, uid: str, pod: str, address: str) -> None:
        """Have a stream to this pod; one to another address of it is replaced, and one that a bug has ended."""
        stream = self._streams.get(uid)
        if stream is not None and stream.address == address and not self._tasks[uid].done():
            return
        if stream is not None:
            self._end(uid)
        stream = PodStream(bot, pod, address, self._around, self._session, self.counters)
        self._streams[uid] = stream
        self._of.setdefault(bot, set()).add(uid)
        task = self._tasks[uid] = asyncio.create_task(stream.run(), name=f"control stream {pod}")
        task.add_done_callback(lambda ended: self._ended(ended, stream))

    def keep_only(self, bot: BotName, uids: Collection[str]) -> None:
        """End the bot's streams to pods that are gone."""
        for uid in self._of.get(bot, set()) - set(uids):
            self._end(uid)

    def kick(self, uid: str) -> None:
        if stream := self._streams.get(uid):
            stream.kick()

    def view(self, uid: str) -> Stream:
        stream = self._streams.get(uid)
        return stream.view() if stream else Stream()

    def venue_reports(self, namespace: str, venue: str) -> list[HeardVenue]:
        """What the slots that are heard say of a venue."""
        return [
            HeardVenue(stream.bot[1], stream.slot, report, moment(report.key_since_ns) if report.key_since_ns else "")
            for stream in self._streams.values()
            if stream.bot[0] == namespace and stream.slot is not None
            for report in stream.venues
            if report.venue == venue
        ]

    async def drain(self, uid: str, reason: str, *, flatten: bool) -> None:
        if stream := self._streams.get(uid):
            await stream.drain(reason, flatten=flatten)

    async def configure(self, uid: str, document: str, config_hash: str) -> None:
        if stream := self._streams.get(uid):
            await stream.configure(document, config_hash)

    async def order(self, uid: str, order: HaltOrder) -> None:
        stream = self._streams.get(uid)
        match order:
            case HaltSlot() if stream:
                await stream.halt(order.halt)
            case ResumeSlot() if stream:
                await stream.resume(order.halt_id, order.by)

    def ordered(self, uid: str, order: HaltOrder) -> bool:
        """Whether it has left, on the present connection."""
        told = self.view(uid)
        match order:
            case HaltSlot():
                return order.halt.id in told.halts_ordered
            case ResumeSlot():
                return order.halt_id in told.resumes_ordered

    @property
    def streams(self) -> Collection[PodStream]:
        return self._streams.values()

    def connected(self) -> int:
        return sum(1 for stream in self._streams.values() if stream.view().connected)

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for uid in list(self._streams):
            self._end(uid)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: "asyncio.Task[None]", stream: PodStream) -> None:
        """A stream never ends by itself. What ends it all the same must not leave its pod unheard: it begins anew."""
        if all(task is not one for one in self._tasks.values()):
            return  # we have ended it
        self.counters["ended"] += 1
        if not task.cancelled():  # kopf, when it ends, cancels whatever began after it
            log.error("ControlStreamEnded", **of_bot(*stream.bot), pod=stream.pod, exc_info=task.exception())
        self._around.changed_after(stream.bot, BEGUN_AGAIN_S)

    def _end(self, uid: str) -> None:
        stream = self._streams.pop(uid)
        self._of[stream.bot].discard(uid)
        if not self._of[stream.bot]:
            del self._of[stream.bot]
        self._around.venues_changed(stream.bot, [venue.venue for venue in stream.venues], VENUES_GONE_AFTER_S)
        self._tasks.pop(uid).cancel()
