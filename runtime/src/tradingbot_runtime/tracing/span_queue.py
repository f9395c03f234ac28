"""Ended spans that wait for a collector: bounded, counted where they are dropped, and nobody waits for them.

OpenTelemetry's own queue says nowhere how many it has dropped, and waits for half a minute when the process ends.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable

import structlog
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

MOST_WAITING = 2048
MOST_AT_ONCE = 64  # a batch is encoded in one go, and holds the interpreter for a few milliseconds
EVERY_S = 1.0
QUEUE_FULL, NOT_EXPORTED = "QueueFull", "NotExported"

log = structlog.get_logger("tracing")


class SpanQueue(SpanProcessor):
    """One thread exports; `why` says what the exporter said last."""

    def __init__(self, exporter: SpanExporter, why: Callable[[], str], most: int = MOST_WAITING) -> None:
        self.dropped: Counter[str] = Counter()
        self._exporter, self._why, self._most = exporter, why, most
        self._waiting: deque[ReadableSpan] = deque()
        self._sending: list[ReadableSpan] = []
        self._closing = threading.Event()
        self._fails = False
        self._thread = threading.Thread(target=self._run, name="span-export", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._waiting)

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if len(self._waiting) >= self._most:
            self.dropped[QUEUE_FULL] += 1
        else:
            self._waiting.append(span)

    def close(self, within_s: float) -> None:
        """Export what waits, as far as it goes in that time."""
        self._closing.set()
        self._thread.join(within_s)
        self._exporter.shutdown()  # a thread that still waits for an answer ends with the process
        self.dropped[NOT_EXPORTED] += len(self._waiting) + len(self._sending)
        if lost := self.dropped.total():
            log.warning("SpansDropped", count=lost, reasons={k: n for k, n in self.dropped.items() if n})

    def _run(self) -> None:
        while not self._closing.wait(EVERY_S):
            self._export_waiting()
        self._export_waiting()

    def _export_waiting(self) -> None:
        """Until there is nothing, or the collector does not take it: it is tried again after the pause."""
        while self._waiting:
            self._sending = batch = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
            fails = self._exporter.export(batch) is not SpanExportResult.SUCCESS
            self._sending = []
            if fails:
                self.dropped[NOT_EXPORTED] += len(batch)
            if fails and not self._fails:
                log.warning("SpansNotExported", message=self._why())
            elif self._fails and not fails:
                log.info("SpansExportedAgain", dropped=self.dropped.total())
            self._fails = fails
            if fails:
                return
