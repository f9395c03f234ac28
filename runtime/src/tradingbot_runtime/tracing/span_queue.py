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
    """One thread exports; `why` is asked after each export, and says what the exporter said of it."""

    def __init__(self, exporter: SpanExporter, why: Callable[[], str], most: int = MOST_WAITING) -> None:
        self.dropped: Counter[str] = Counter()
        self._exporter, self._why, self._most = exporter, why, most
        self._waiting: deque[ReadableSpan] = deque()
        self._sending: list[ReadableSpan] = []
        self._closing = threading.Event()
        self._fails = self._closed = False
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
        self._closed = True
        self._exporter.shutdown()  # a thread that still waits for an answer ends with the process
        self.dropped[NOT_EXPORTED] += len(self._waiting) + len(self._sending)
        if lost := self.dropped.total():
            reasons = {reason: number for reason, number in self.dropped.items() if number}
            log.warning("SpansDropped", count=lost, reasons=reasons, message=self._why())

    def _run(self) -> None:
        while not self._closing.wait(EVERY_S):
            self._export_waiting()
        self._export_waiting()

    def _export_waiting(self) -> None:
        """Until there is nothing, or the collector does not take it: it is tried again after the pause."""
        takes = True
        while self._waiting and takes and not self._closed:
            self._sending = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
            takes = self._exporter.export(self._sending) is SpanExportResult.SUCCESS
            if not self._closed:  # else it has been counted, and said
                self._note(takes)

    def _note(self, takes: bool) -> None:  # noqa: FBT001 - an answer
        why = self._why()
        if not takes:
            self.dropped[NOT_EXPORTED] += len(self._sending)
        self._sending = []
        if not takes and not self._fails:
            log.warning("SpansNotExported", message=why)
        elif takes and self._fails:
            log.info("SpansExportedAgain", dropped=self.dropped.total())
        self._fails = not takes
