"""Writes what a decision says of a resource, where it differs; also where what was decided could not be carried out."""

from contextlib import suppress
from dataclasses import dataclass

import structlog

from tradingbot_operator.api.v1alpha1 import TradingBotStatus
from tradingbot_operator.api_errors import ApiError, ApiRefused, BelongsToSomebodyElse, Conflict, NotFound
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import Bot, Manifest
from tradingbot_operator.core.outcome import Outcome, announcements
from tradingbot_operator.core.resumes import OF_A_RESUME
from tradingbot_operator.core.write_refused import Refused, Undone, news, status_of_undone
from tradingbot_operator.halts_counted import count_anew
from tradingbot_operator.observation import Observer
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.recorder import Recorder
from tradingbot_operator.runtime_client import RuntimeClient
from tradingbot_operator.store import Name, Store, slim
from tradingbot_runtime.logs import of_object

NAMESPACE_GOES = "because it is being terminated"  # of the admission plugin NamespaceLifecycle

log = structlog.get_logger("reconcile")


@dataclass(frozen=True, slots=True)
class Statuses:
    """Raises ApiError when the API server did not."""

    cluster: Cluster
    store: Store
    queue: WorkQueue[tuple[str, str, str]]  # kind, namespace, name
    runtime: RuntimeClient
    recorder: Recorder
    observer: Observer

    async def say(self, bot: Bot, status: TradingBotStatus) -> None:
        if status != bot.status:
            content = status.model_dump(mode="json", by_alias=True, exclude_none=True)
            await self.write("TradingBot", (bot.namespace, bot.name), content)
            halted_ns = self._halted_ns(bot) if status.halts != bot.status.halts else {}
            self.recorder.history.written((bot.namespace, bot.name), bot.status, status, halted_ns)

    async def say_undone(self, bot: Bot, outcome: Outcome, leases: dict[int, str], error: ApiError) -> None:
        """People read the status alone: that one object cannot be written must hide neither that nor a halt.

        Raises nothing: what stopped it is what its caller raises.
        """
        undone = Undone(leases, refusal(error))
        if undone.refused is None and not news(bot, outcome.status):
            return  # most often it works in a moment
        status = status_of_undone(bot, outcome.status, undone, self.observer.timestamp())
        with suppress(ApiError):
            await self.say(bot, status)
            resumes = (event for event in outcome.events if event.reason in OF_A_RESUME)
            for announcement in (*resumes, *announcements(bot.status, status)):
                self.recorder.tell(bot, announcement)

    async def write(self, kind: str, name: Name, status: Manifest) -> None:
        where, before = {"namespace": name[0], "name": name[1]}, self.store.get(kind, name)
        try:
            stored = slim(kind, await self.cluster.apply_status(kind, where, status))
        except NotFound:
            log.info("GoneBeforeItsStatus", **of_object(kind, *name))
            return
        self.store.put(kind, stored)
        if kind == "TradingBot" and before is not None:  # the watch tells of it later, and that is no news
            count_anew(self.store, self.queue, before, stored)
        if before is None or _asked(before) != _asked(stored):  # the watch that tells of it later tells us no news
            self.queue.add((kind, *name), Priority.SPEC)

    def _halted_ns(self, bot: Bot) -> dict[str, int]:
        uids = (pod["metadata"]["uid"] for pod in self.observer.pods((bot.namespace, bot.name)))
        reports = (self.runtime.view(uid).report for uid in uids)
        return {halt.id: halt.at_ns for report in reports if report for halt in report.halts}


def refusal(error: ApiError) -> Refused | None:
    """None for what may be another answer at once: none, a conflict, something that is not there yet.

    Also in a namespace that is going, where nothing more can be made and the bot goes next.
    """
    if not isinstance(error, ApiRefused) or isinstance(error, Conflict | NotFound) or NAMESPACE_GOES in error.words:
        return None
    reason = Reason.NAME_TAKEN if isinstance(error, BelongsToSomebodyElse) else Reason.WRITE_REFUSED
    return Refused(error.what, error.words, reason)


def _asked(manifest: Manifest) -> tuple[object, ...]:
    """What people change: an edit that came between our look and our write is in the answer to the write."""
    metadata = manifest["metadata"]
    return tuple(metadata.get(key) for key in ("uid", "generation", "deletionTimestamp", "labels", "annotations"))
