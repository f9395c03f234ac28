"""Spans on their way to a collector, with whose they are."""

import logging
from collections import Counter
from collections.abc import Mapping

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Tracer

from tradingbot_runtime.tracing.span_queue import SpanQueue

CLOSE_S = 2.0  # of a pod's grace period, when all else has been done
LONGEST = 1024  # characters of a value: a venue's words have no limit


class TraceIds(RandomIdGenerator):
    """Random ids; where `next` is set, the next trace has that one. For one thread."""

    next: int = 0

    def generate_trace_id(self) -> int:
        chosen, self.next = self.next, 0
        return chosen or super().generate_trace_id()


class Exporting:
    """Raises ValueError where OpenTelemetry's variables say what it cannot use."""

    def __init__(self, who: Mapping[str, object]) -> None:
        words = _FirstWords()
        library = logging.getLogger("opentelemetry")  # it repeats itself, with a stack trace each time
        library.handlers, library.propagate = [words], False
        self.ids = TraceIds()
        provider = TracerProvider(
            resource=Resource.create({name: str(value) for name, value in who.items()}),
            id_generator=self.ids,
            span_limits=SpanLimits(max_attribute_length=LONGEST),
            shutdown_on_exit=False,  # it would wait for thirty seconds
        )
        self._queue = SpanQueue(OTLPSpanExporter(), words.take)
        provider.add_span_processor(self._queue)
        self.tracer: Tracer = provider.get_tracer("tradingbot")

    @property
    def dropped(self) -> Counter[str]:
        """Spans that no collector has got, by reason."""
        return self._queue.dropped

    def close(self) -> None:
        """Send what waits, for two seconds."""
        self._queue.close(CLOSE_S)


class _FirstWords(logging.Handler):
    """What OpenTelemetry said first of an export that failed: later it only says that it gives up."""

    said = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.said = self.said or record.getMessage()

    def take(self) -> str:
        said, self.said = self.said, ""
        return said
