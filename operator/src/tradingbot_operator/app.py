"""Where the operator's objects meet, and the order in which they start and end."""

import asyncio
import gc
import random
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog

from tradingbot_operator import handlers, telemetry
from tradingbot_operator.api_errors import ApiError, NotFound
from tradingbot_operator.canary import KIND as CANARY
from tradingbot_operator.canary import Canary
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.contained import Broken
from tradingbot_operator.control_secrets import ControlSecrets
from tradingbot_operator.core import names
from tradingbot_operator.endings import GOODBYE_S, end, exit_code, lost, on_signals
from tradingbot_operator.health import Health
from tradingbot_operator.identities import Identities
from tradingbot_operator.leadership import Leadership
from tradingbot_operator.lost_slots import LostSlots
from tradingbot_operator.made_once import MadeOnce
from tradingbot_operator.observation import Observer
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.reconcile import Key, Reconciler
from tradingbot_operator.recorder import Recorder
from tradingbot_operator.refused_pods import RefusedPods
from tradingbot_operator.resync import CHILDREN, RESOURCES, Resync
from tradingbot_operator.runtime_client import RuntimeClient
from tradingbot_operator.settings import Settings
from tradingbot_operator.store import Store
from tradingbot_operator.surroundings import BotName, Leader, Surroundings
from tradingbot_operator.watches import Watches
from tradingbot_runtime.logs import LineWriter, in_detail, of_object

if TYPE_CHECKING:
    from tradingbot_operator.traces import TracedReconciler, Traces  # what they need may not be installed

FIRST_LIST_S = 60.0
RETRY_S = 1.0
SILENT_S = 10.0  # a watch that has told nothing for so long, and not all of the first LIST

log = structlog.get_logger("app")


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class App:
    """One operator process: a standby first, the leader when it holds the Lease."""

    settings: Settings
    cluster: Cluster
    session: aiohttp.ClientSession
    lines: LineWriter
    traces: "Traces | None" = None
    runtime: RuntimeClient | None = None

    async def run(self) -> int:
        """The exit code."""
        clock = asyncio.get_running_loop().time
        store = Store()
        health = self._health(store, clock)
        leadership, tally = health.leadership, telemetry.Reconciliations()
        recorder = Recorder(self.cluster, self.settings.identity, utc_now)
        shown = telemetry.Telemetry(health, self.settings.workers, store, self.cluster, lambda: self.runtime, recorder,
                                    tally, dict if self.traces is None else self.traces.dropped)  # fmt: skip
        server = await telemetry.serve(shown, self.settings.http_host, self.settings.http_port)
        stop = asyncio.Event()
        on_signals(stop)
        try:
            if not await _first(leadership.acquire(), stop):
                return 0
            return await self._lead(Leading(store, recorder, health, tally, stop))
        finally:
            await leadership.release()
            with suppress(TimeoutError):  # what has happened is told while the next one leads already
                async with asyncio.timeout(GOODBYE_S):
                    await recorder.post_waiting()
            await server.cleanup()

    def _health(self, store: Store, clock: Callable[[], float]) -> Health:
        settings, cluster = self.settings, self.cluster
        queue: WorkQueue[Key] = WorkQueue(clock, random.random)
        watches = Watches(clock, store)
        leadership = Leadership(cluster, settings.identity, settings.election, clock, utc_now)
        resync = Resync(cluster, store, queue, clock, missed=watches.miss)
        proved = settings.namespaces or (settings.installation.namespace,)
        canary = Canary(cluster, queue, settings.identity, proved, clock, utc_now)
        return Health(clock, settings.resync_s, settings.stuck_after_s, leadership, queue, resync, watches, canary)

    async def _lead(self, parts: "Leading") -> int:
        started = parts.clock()
        identities = Identities(self.cluster)
        installation = self.settings.installation
        runtime = self.runtime = RuntimeClient(self.session, self._surroundings(parts, identities))
        refused = RefusedPods(self.cluster, parts.store, parts.queue, utc_now, parts.is_halting)
        observer = Observer(parts.store, runtime.view, utc_now, lambda: parts.clock() - started, refused.of)
        once = MadeOnce(self.cluster, parts.store, parts.recorder, observer, utc_now, identities.forget)
        reconciler = Reconciler(self.cluster, parts.store, parts.queue, runtime, parts.recorder, observer,
                                installation, once, LostSlots(self.cluster, parts.clock))  # fmt: skip
        works = reconciler if self.traces is None else self.traces.over(reconciler, parts.queue)
        intake = handlers.Intake(parts.store, parts.queue, runtime.kick, parts.health.watches.hear)
        keeper = asyncio.create_task(parts.leadership.keep(), name="leadership")
        keeper.add_done_callback(at_once := partial(lost, self.lines))
        if not await _first_list(parts):
            return 1
        gc.collect()
        gc.freeze()  # the store: hundreds of thousands of objects that each full collection would go through
        parts.health.watches.expect((*RESOURCES, *CHILDREN))
        registry = handlers.registry(intake, parts.health.canary.hear, self.cluster.configuration)
        secrets = ControlSecrets(self.cluster, parts.store, parts.queue, parts.clock, parts.is_halting)
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(parts.stop.wait(), name="stop"),
            asyncio.create_task(handlers.watch(registry, self.settings.namespaces, lambda: on_signals(parts.stop)),
                                name="watches"),
            asyncio.create_task(_resync(parts, self.settings.resync_s), name="resync"),
            asyncio.create_task(secrets.watch(), name="control secrets"),
            asyncio.create_task(refused.watch(), name="refused pods"),
            asyncio.create_task(parts.recorder.keep(parts.is_halting), name="events"),
            asyncio.create_task(parts.health.canary.keep(self.settings.stuck_after_s / 3), name="canary"),
            *(asyncio.create_task(_work(parts, works, Broken(reconciler)), name=f"worker {n}")
              for n in range(self.settings.workers)),
        ]  # fmt: skip
        log.info("Reconciling", bots=parts.store.count("TradingBot"), term=parts.leadership.term)
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        code = exit_code(done)
        keeper.remove_done_callback(at_once)
        await end([*tasks, keeper])
        await runtime.close()
        return code

    def _surroundings(self, parts: "Leading", identities: Identities) -> Surroundings:
        def changed(bot: BotName, priority: Priority) -> None:
            parts.queue.add(("TradingBot", *bot), priority)

        def changed_after(bot: BotName, delay_s: float) -> None:
            parts.queue.add_after(("TradingBot", *bot), delay_s, Priority.CHILD)

        def venues_changed(bot: BotName, venues: Collection[str], delay_s: float) -> None:
            for name in venues:
                parts.queue.add_after(("Venue", bot[0], name), delay_s, Priority.CHILD)

        def identity_failed(bot: BotName) -> None:
            identities.forget(bot)
            parts.store.forget("Secret", (bot[0], names.control_secret(bot[1])))
            changed(bot, Priority.CHILD)

        installation = self.settings.installation
        return Surroundings(
            leader=Leader(self.settings.identity, parts.leadership.term),
            port=installation.control_port,
            lost_grace_s=installation.lost_grace_s,
            identity=identities.get,
            identity_failed=identity_failed,
            changed=changed,
            changed_after=changed_after,
            venues_changed=venues_changed,
            clock=parts.clock,
            random=random.random,
        )


@dataclass(frozen=True, slots=True)
class Leading:
    """What exists before the election and is used after it."""

    store: Store
    recorder: Recorder
    health: Health
    tally: telemetry.Reconciliations
    stop: asyncio.Event

    @property
    def leadership(self) -> Leadership:
        return self.health.leadership

    @property
    def clock(self) -> Callable[[], float]:
        return self.health.clock

    @property
    def queue(self) -> WorkQueue[Key]:
        return self.health.queue

    def is_halting(self) -> bool:
        """Whether bots wait to be halted, or to be told halted: until then what is not urgent waits, within bounds."""
        return self.queue.waiting(Priority.HALT) > 0

    @property
    def resync(self) -> Resync:
        return self.health.resync


async def _work(parts: Leading, reconciler: "Reconciler | TracedReconciler", broken: Broken) -> None:
    """One worker. What is not the API server's fault is a bug, and the trouble of the one object that brings it out."""
    queue, tally, clock = parts.queue, parts.tally, parts.clock
    while True:
        key, priority = await queue.take()
        began = clock()
        try:
            await _carry_out(key, parts, reconciler)
        except ApiError as error:
            tally.count(key[0], telemetry.ERROR, clock() - began)
            delay = queue.retry(key, priority)
            log.warning("ReconcileFailed", **of_object(*key), error=str(error), retry_in_s=round(delay, 3))
        except Exception as error:  # the guard: `contained` says why
            if key[0] == CANARY:  # no object of anybody's: the operator itself
                raise
            tally.count(key[0], telemetry.ERROR, clock() - began)
            parts.health.bugs.met(clock())
            delay = queue.retry(key, max(priority, Priority.CHILD))  # new halts come to it at once all the same
            log.exception("ReconcileBroke", **of_object(*key), retry_in_s=round(delay, 3))
            await broken.tell(key, error, queue.machine.failures(key))
        else:
            tally.count(key[0], telemetry.SUCCESS, clock() - began)
            queue.succeeded(key)
            if key[0] != CANARY:
                parts.health.bugs.none()
            if in_detail():
                log.debug("Reconciled", **of_object(*key), lane=priority.name.lower(),
                          took_ms=round((clock() - began) * 1000, 3))  # fmt: skip
        finally:
            queue.done(key)


async def _carry_out(key: Key, parts: Leading, reconciler: "Reconciler | TracedReconciler") -> None:
    if key[0] == CANARY:
        parts.health.canary.arrive(key[1])
    else:
        await reconciler.reconcile(key)


async def _resync(parts: Leading, every_s: float) -> None:
    watches = parts.health.watches
    for _ in range(int(every_s / SILENT_S)):  # then the sweep does it
        if not watches.behind():
            break
        await asyncio.sleep(SILENT_S / 2)
        await _listed(parts.resync.again(watches.silent(SILENT_S)))
    while True:
        await asyncio.sleep(every_s)
        await _listed(parts.resync.sweep(spread_over_s=every_s))


async def _listed(listing: Coroutine[Any, Any, None]) -> None:
    try:
        await listing
    except ApiError as error:  # the metric of its age rises
        log.warning("ResyncFailed", error=str(error))


async def _first_list(parts: Leading) -> bool:
    deadline = parts.clock() + FIRST_LIST_S
    while not parts.stop.is_set():
        try:
            await parts.resync.sweep()
        except NotFound as error:
            log.error("CrdsMissing", error=str(error), remedy="kubectl apply -f crds/")  # noqa: TRY400 - known cause
        except ApiError as error:
            log.warning("FirstListFailed", error=str(error))
        else:
            return True
        if parts.clock() > deadline:
            return False
        await asyncio.sleep(RETRY_S)
    return False


async def _first(acquire: Coroutine[Any, Any, int], stop: asyncio.Event) -> bool:
    """Whether the Lease was acquired before somebody asked us to stop."""
    election, stopped = asyncio.create_task(acquire), asyncio.create_task(stop.wait())
    await asyncio.wait({election, stopped}, return_when=asyncio.FIRST_COMPLETED)
    led = election.done() and election.result() > 0  # a bug in the election ends the process here
    await end([election, stopped])
    return led
