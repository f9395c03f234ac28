"""What the outside sees of an operator: metrics, and probes that prove that reconciliations happen."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import generate_latest

from tradingbot_operator import metrics
from tradingbot_operator.bot_metrics import bot_readings
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.leadership import Leadership
from tradingbot_operator.queue import WorkQueue
from tradingbot_operator.reconcile import Key
from tradingbot_operator.recorder import Recorder
from tradingbot_operator.resync import CHILDREN, RESOURCES, Resync
from tradingbot_operator.runtime_client import RuntimeClient
from tradingbot_operator.store import Store
from tradingbot_operator.watches import Watches
from tradingbot_runtime.metric_families import Histogram, Readings, registry_of

WAITED_TOO_LONG_S = 60.0
WORKED_TOO_LONG_S = 180.0
BLIND_SWEEPS = 3
SUCCESS, ERROR = "success", "error"


@dataclass(slots=True)
class Reconciliations:
    """Counted by the workers, by kind of resource."""

    results: Counter[tuple[str, ...]] = field(default_factory=Counter)  # (kind, result)
    taken: dict[str, Histogram] = field(default_factory=dict)

    def count(self, kind: str, result: str, taken_s: float) -> None:
        controller = kind.lower()
        self.results[controller, result] += 1
        if controller not in self.taken:
            self.taken[controller] = Histogram(metrics.BOUNDS_NS)
        self.taken[controller].observe_s(taken_s)


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Reads the parts when it is asked; what a reconciliation pays for it is a counter and a histogram."""

    clock: Callable[[], float]
    resync_s: float
    workers: int
    leadership: Leadership
    queue: WorkQueue[Key]
    store: Store
    cluster: Cluster
    runtime: Callable[[], RuntimeClient | None]  # None while another one leads
    recorder: Recorder
    resync: Resync
    watches: Watches
    reconciliations: Reconciliations

    def unhealthy(self) -> str:
        """Why the process should be restarted; empty when it should not. A standby has nothing to prove."""
        if not self.leadership.leading or self.resync.last_success is None:
            return ""
        now, machine = self.clock(), self.queue.machine
        if (age := now - self.resync.last_success) > 3 * self.resync_s + 60:
            return f"no successful LIST for {age:.0f} s"
        if (wait := machine.oldest_wait_s(now)) > WAITED_TOO_LONG_S:
            return f"a key waits for {wait:.0f} s"
        if (work := machine.longest_work_s(now)) > WORKED_TOO_LONG_S:
            return f"a reconciliation takes {work:.0f} s"
        if self.resync.blind_in_a_row >= BLIND_SWEEPS:
            return f"the watches missed something in {self.resync.blind_in_a_row} sweeps in a row"
        return ""

    def not_ready(self) -> str:
        """Why nobody should count on this replica yet; empty: it leads and sees, or stands by for one that lives."""
        if not self.leadership.leading:
            return "" if self.leadership.sees_leader() else "neither leads nor sees a leader that lives"
        if self.resync.last_success is None:
            return "reading the cluster"
        behind = self.watches.behind()
        return f"not everything that is there was told by the watches of {', '.join(behind)}" if behind else ""

    def readings(self) -> Readings:
        """Of everything but the bots. Copies, so that it can be put into text beside the event loop."""
        return {**self._queue_readings(), **self._work_readings(), **self._store_readings(), **self._stream_readings()}

    def _queue_readings(self) -> Readings:
        machine, now = self.queue.machine, self.clock()
        counters, name = machine.counters, (metrics.CONTROLLER,)
        return {
            metrics.QUEUE_DEPTH: {(*name, lane.name.lower()): waiting for lane, waiting in machine.depth().items()},
            metrics.QUEUE_ADDS: {name: counters.adds},
            metrics.QUEUE_RETRIES: {name: counters.retries},
            metrics.QUEUE_WAIT: {name: counters.waited},
            metrics.QUEUE_WORK: {name: counters.worked},
            metrics.QUEUE_UNFINISHED: {name: machine.unfinished_work_s(now)},
            metrics.QUEUE_LONGEST: {name: machine.longest_work_s(now)},
            metrics.ACTIVE_WORKERS: {(): machine.unfinished()},
            metrics.WORKERS: {(): self.workers},
        }

    def _work_readings(self) -> Readings:
        results = self.reconciliations.results
        return {
            metrics.RECONCILE: dict(results),
            metrics.RECONCILE_ERRORS: {(kind,): count for (kind, result), count in results.items() if result == ERROR},
            metrics.RECONCILE_TIME: {(kind,): taken for kind, taken in self.reconciliations.taken.items()},
            metrics.LEADER: {(metrics.CONTROLLER,): int(self.leadership.leading)},
            metrics.READY: {(): int(not self.not_ready())},
            metrics.REQUESTS: dict(self.cluster.requests),
            metrics.EVENTS_POSTED: {(): self.recorder.counters["posted"]},
            metrics.EVENTS_FAILED: {(): self.recorder.counters["failed"]},
        }

    def _store_readings(self) -> Readings:
        now = self.clock()
        return {
            metrics.OBJECTS: {(kind,): self.store.count(kind) for kind in (*RESOURCES, *CHILDREN)},
            metrics.WATCH_AGE: {(kind,): now - heard for kind, heard in self.watches.heard.items()},
            metrics.GHOSTS: {(): self.resync.counters["ghosts"]},
            metrics.MISSED: {(): self.resync.counters["missed"]},
        }

    def _stream_readings(self) -> Readings:
        runtime = self.runtime()
        events = runtime.counters if runtime else {}
        return {
            metrics.STREAMS: {(): runtime.connected() if runtime else 0},
            metrics.STREAM_EVENTS: {(event,): count for event, count in events.items()},
        }

    async def exposition(self) -> bytes:
        """The text of /metrics. Thousands of bots are tens of thousands of lines: written by another thread."""
        own, bots = self.readings(), tuple(self.store.all("TradingBot"))
        return await asyncio.to_thread(lambda: _text({**own, **bot_readings(bots)}))


def _text(readings: Readings) -> bytes:
    return generate_latest(registry_of(metrics.FAMILIES, lambda: readings))


async def serve(telemetry: Telemetry, host: str, port: int) -> web.AppRunner:
    """/healthz, /readyz and /metrics; the caller cleans the runner up."""

    async def healthz(_: web.Request) -> web.Response:
        why = telemetry.unhealthy()
        return web.Response(text=why or "ok", status=503 if why else 200)

    async def readyz(_: web.Request) -> web.Response:
        why = telemetry.not_ready()
        return web.Response(text=why or "ok", status=503 if why else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=await telemetry.exposition(), content_type="text/plain", charset="utf-8")

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
