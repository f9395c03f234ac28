"""What the outside sees of an operator: metrics, and probes that prove that reconciliations happen."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import generate_latest

from tradingbot_operator import metrics
from tradingbot_operator.bot_metrics import bot_readings, venue_readings
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.health import Health
from tradingbot_operator.pod_stream import CONFIG
from tradingbot_operator.recorder import Recorder
from tradingbot_operator.resync import CHILDREN, RESOURCES
from tradingbot_operator.runtime_client import RuntimeClient
from tradingbot_operator.store import Store
from tradingbot_runtime.metric_families import Histogram, Readings, registry_of

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

    health: Health
    workers: int
    store: Store
    cluster: Cluster
    runtime: Callable[[], RuntimeClient | None]  # None while another one leads
    recorder: Recorder
    reconciliations: Reconciliations
    spans_dropped: Callable[[], Mapping[str, int]] = dict  # by reason; empty where nothing is traced

    def readings(self) -> Readings:
        """Of everything but the bots. Copies, so that it can be put into text beside the event loop."""
        return {**self._queue_readings(), **self._work_readings(), **self._store_readings(), **self._stream_readings(),
                **self._history_readings()}  # fmt: skip

    def _queue_readings(self) -> Readings:
        machine, now = self.health.queue.machine, self.health.clock()
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
            metrics.LEADER: {(metrics.CONTROLLER,): int(self.health.leadership.leading)},
            metrics.READY: {(): int(not self.health.not_ready())},
            metrics.REQUESTS: dict(self.cluster.requests),
            metrics.EVENTS_POSTED: {(): self.recorder.counters["posted"]},
            metrics.EVENTS_FAILED: {(): self.recorder.counters["failed"]},
            metrics.SPANS_DROPPED: {(reason,): number for reason, number in self.spans_dropped().items()},
        }

    def _store_readings(self) -> Readings:
        now, resync, canary_s = self.health.clock(), self.health.resync, self.health.canary.age_s()
        return {
            metrics.OBJECTS: {(kind,): self.store.count(kind) for kind in (*RESOURCES, *CHILDREN)},
            metrics.WATCH_AGE: {(kind,): now - heard for kind, heard in self.health.watches.heard.items()},
            metrics.CANARY_AGE: {} if canary_s is None else {(): canary_s},
            metrics.SWEEP_AGE: {} if resync.last_success is None else {(): now - resync.last_success},
            metrics.GHOSTS: {(): resync.counters["ghosts"]},
            metrics.MISSED: {(): resync.counters["missed"]},
        }

    def _stream_readings(self) -> Readings:
        runtime = self.runtime()
        events = runtime.counters if runtime else {}
        until: dict[tuple[str, ...], float] = {}
        for stream in runtime.streams if runtime else ():
            if stream.certificate_until is not None:
                until[stream.bot] = min(stream.certificate_until, until.get(stream.bot, stream.certificate_until))
        return {
            metrics.STREAMS: {(): runtime.connected() if runtime else 0},
            metrics.STREAM_EVENTS: {(event,): n for event, n in events.items() if not event.startswith(CONFIG)},
            metrics.BOT_CERTIFICATE: until,
            metrics.RELOADS: {
                (event.removeprefix(CONFIG),): n for event, n in events.items() if event.startswith(CONFIG)
            },
        }

    def _history_readings(self) -> Readings:
        history = self.recorder.history
        return {
            metrics.HALTS: dict(history.halts),
            metrics.HALT_LATENCY: {(): history.halt_latency},
            metrics.ROLLOUT: {(outcome,): taken for outcome, taken in history.rollouts.items()},
            metrics.ROLLOUT_WAITED: {(outcome,): waited for outcome, waited in history.rollouts_waited.items()},
            metrics.LIFECYCLE: {(phase,): lasted for phase, lasted in history.phases.items()},
        }

    async def exposition(self) -> bytes:
        """The text of /metrics. Thousands of bots are tens of thousands of lines: written by another thread."""
        own, bots, venues = self.readings(), tuple(self.store.all("TradingBot")), tuple(self.store.all("Venue"))
        return await asyncio.to_thread(lambda: _text({**own, **bot_readings(bots), **venue_readings(venues)}))


def _text(readings: Readings) -> bytes:
    return generate_latest(registry_of(metrics.FAMILIES, lambda: readings))


async def serve(telemetry: Telemetry, host: str, port: int) -> web.AppRunner:
    """/healthz, /readyz and /metrics; the caller cleans the runner up."""

    async def healthz(_: web.Request) -> web.Response:
        why = telemetry.health.unhealthy()
        return web.Response(text=why or "ok", status=503 if why else 200)

    async def readyz(_: web.Request) -> web.Response:
        why = telemetry.health.not_ready()
        return web.Response(text=why or "ok", status=503 if why else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=await telemetry.exposition(), content_type="text/plain", charset="utf-8")

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
