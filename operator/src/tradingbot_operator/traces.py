"""Reconciliations as traces: a root span for each, and a child for each request to the API server that it makes.

Imported only where tracing is asked for: without it the operator runs the plain `Cluster` and `Reconciler`.
"""

from collections import Counter
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracer, Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context

from tradingbot_operator.api_errors import ApiError, ApiRefused, NotFound
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.queue import WorkQueue
from tradingbot_operator.reconcile import Key, Reconciler
from tradingbot_operator.telemetry import ERROR, SUCCESS
from tradingbot_runtime.logs import of_bot
from tradingbot_runtime.logs.schema import NAMESPACE
from tradingbot_runtime.tracing.exporting import Exporting

READ = "get"


@dataclass(slots=True)
class Reconciling:
    """What the requests of a reconciliation find in their context."""

    span: Span | None  # None: it has ended; a control stream that it has started goes on in its context
    writes: int = 0


_reconciling: ContextVar[Reconciling | None] = ContextVar("reconciling", default=None)


@dataclass
class TracedCluster(Cluster):
    """Leases, lists and Events are nobody's reconciliation, and no span."""

    tracer: Tracer = field(default_factory=NoOpTracer)

    async def _request(self, verb: str, kind: str, path: str, **options: Any) -> Manifest:  # noqa: ANN401 - the dynamic client's own keywords
        within = _reconciling.get()
        if within is None or within.span is None:
            return await super()._request(verb, kind, path, **options)
        within.writes += verb != READ
        told = {"http.request.method": verb.upper(), "kind": kind, "url.path": path}
        span = self.tracer.start_span(f"{verb.upper()} {kind}", set_span_in_context(within.span, Context()),
                                      SpanKind.CLIENT, told)  # fmt: skip
        try:
            return await super()._request(verb, kind, path, **options)
        except ApiError as error:
            if isinstance(error, ApiRefused):
                span.set_attribute("http.response.status_code", error.status)
            if verb != READ or not isinstance(error, NotFound):  # that something is not there is an answer
                _failed(span, error)
            raise
        finally:
            span.end()


@dataclass(frozen=True, slots=True)
class TracedReconciler:
    reconciler: Reconciler
    queue: WorkQueue[Key]
    tracer: Tracer

    async def reconcile(self, key: Key) -> None:
        """As `Reconciler.reconcile`, right after `key` was taken from the queue."""
        span = self.tracer.start_span("reconcile", Context(), attributes=self._told(key))
        within = Reconciling(span)
        token = _reconciling.set(within)
        result = ERROR
        try:
            await self.reconciler.reconcile(key)
            result = SUCCESS
        except ApiError as error:
            _failed(span, error)
            raise
        finally:
            _reconciling.reset(token)
            within.span = None
            span.set_attributes({"result": result, "writes": within.writes})
            span.end()

    def _told(self, key: Key) -> Mapping[str, str | float]:
        kind, namespace, name = key
        lane, waited_s = self.queue.machine.taken
        bot = of_bot(namespace, name) if kind == "TradingBot" else {NAMESPACE: namespace}
        return {"kind": kind, "name": name, **bot, "priority": lane.name.lower(), "queue_wait_s": waited_s}


@dataclass(frozen=True, slots=True)
class Traces:
    """What an operator that traces has in place of what one without does."""

    exporting: Exporting

    async def connect(self, namespaces: tuple[str, ...]) -> Cluster:
        cluster = await TracedCluster.connect(namespaces)
        cluster.tracer = self.exporting.tracer
        return cluster

    def over(self, reconciler: Reconciler, queue: WorkQueue[Key]) -> TracedReconciler:
        return TracedReconciler(reconciler, queue, self.exporting.tracer)

    def dropped(self) -> Counter[str]:
        """Spans that no collector has got, by reason."""
        return self.exporting.dropped


def _failed(span: Span, error: ApiError) -> None:
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(Status(StatusCode.ERROR, str(error)))
