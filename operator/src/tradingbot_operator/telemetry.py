"""Logs as JSON lines, metrics for Prometheus, and probes that prove that reconciliations happen."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from tradingbot_operator.cluster import Cluster
from tradingbot_operator.leadership import Leadership
from tradingbot_operator.queue import WorkQueue
from tradingbot_operator.reconcile import Key
from tradingbot_operator.recorder import Recorder
from tradingbot_operator.resync import CHILDREN, RESOURCES, Resync
from tradingbot_operator.runtime_client import RuntimeClient
from tradingbot_operator.store import Store
from tradingbot_operator.watches import Watches

PREFIX = "tradingbot_operator"
WAITED_TOO_LONG_S = 60.0
WORKED_TOO_LONG_S = 180.0
BLIND_SWEEPS = 3


def configure_logs(level: str) -> None:
    """One JSON object per line on stdout, kopf's own records included."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer()],
    ))  # fmt: skip
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("kopf", "aiohttp.access", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level)))


@dataclass(slots=True)
class Reconciliations:
    """Counted by the workers."""

    succeeded: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, eq=False)  # the registry keeps it in a dict
class Telemetry:
    """Reads the parts when it is asked; nothing on the way of a reconciliation pays for it."""

    clock: Callable[[], float]
    resync_s: float
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

    def collect(self) -> Iterator[Metric]:
        yield from self._work()
        yield from self._world()

    def describe(self) -> Iterable[Metric]:
        return ()

    def _work(self) -> Iterator[Metric]:
        machine, now = self.queue.machine, self.clock()
        total = CounterMetricFamily(f"{PREFIX}_reconcile", "Reconciliations by result.", labels=["result"])
        total.add_metric(["success"], self.reconciliations.succeeded)
        total.add_metric(["error"], self.reconciliations.failed)
        yield total
        depth = GaugeMetricFamily(f"{PREFIX}_workqueue_depth", "Keys that wait.", labels=["priority"])
        for priority, waiting in machine.depth().items():
            depth.add_metric([priority.name.lower()], waiting)
        yield depth
        counters = machine.counters
        yield _counter("workqueue_adds", "Keys added.", counters.adds)
        yield _counter("workqueue_retries", "Keys that came again after a failure.", counters.retries)
        yield _counter("workqueue_latency_seconds", "Time that keys waited, in all.", counters.waited_s)
        yield _counter("workqueue_work_duration_seconds", "Time that keys were worked on, in all.", counters.worked_s)
        yield _gauge("workqueue_unfinished_work", "Keys that are being worked on.", machine.unfinished())
        longest = machine.longest_work_s(now)
        yield _gauge("workqueue_longest_running_processor_seconds", "The slowest key being worked on.", longest)
        yield _gauge("leader", "1 while this replica leads.", int(self.leadership.leading))

    def _world(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(f"{PREFIX}_api_requests", "Requests to the API server.",
                                       labels=["verb", "kind", "outcome"])  # fmt: skip
        for labels, count in self.cluster.requests.items():
            requests.add_metric(labels, count)
        yield requests
        objects = GaugeMetricFamily(f"{PREFIX}_cache_objects", "Objects in the store.", labels=["kind"])
        age = GaugeMetricFamily(f"{PREFIX}_watch_last_event_age_seconds", "Since the last event.", labels=["kind"])
        for kind in (*RESOURCES, *CHILDREN):
            objects.add_metric([kind], self.store.count(kind))
            if kind in self.watches.heard:
                age.add_metric([kind], self.clock() - self.watches.heard[kind])
        yield from (objects, age)
        yield _counter("cache_ghosts_swept", "Objects that a watch never said were gone.",
                       self.resync.counters["ghosts"])  # fmt: skip
        yield _counter("cache_missed", "Objects that a watch never told of.", self.resync.counters["missed"])
        runtime = self.runtime()
        yield _gauge("control_streams", "Control streams that are up.", runtime.connected() if runtime else 0)
        streams = CounterMetricFamily(f"{PREFIX}_control_stream_events", "What happened on them.", labels=["event"])
        for event, count in (runtime.counters if runtime else {}).items():
            streams.add_metric([event], count)
        yield streams
        yield _counter("events_posted", "Kubernetes Events written.", self.recorder.counters["posted"])
        yield _counter("events_failed", "Kubernetes Events that could not be written.",
                       self.recorder.counters["failed"])  # fmt: skip


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"{PREFIX}_{name}", text, value=value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)


async def serve(telemetry: Telemetry, host: str, port: int) -> web.AppRunner:
    """/healthz, /readyz and /metrics; the caller cleans the runner up."""
    registry = CollectorRegistry()
    registry.register(telemetry)

    async def healthz(_: web.Request) -> web.Response:
        why = telemetry.unhealthy()
        return web.Response(text=why or "ok", status=503 if why else 200)

    async def readyz(_: web.Request) -> web.Response:
        why = telemetry.not_ready()
        return web.Response(text=why or "ok", status=503 if why else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), content_type="text/plain", charset="utf-8")

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
