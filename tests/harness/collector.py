"""An OTLP/HTTP collector on loopback: keeps the spans that it is sent, or behaves badly in one way."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from harness.simulator import until

PATH = "/v1/traces"
Attributes = dict[str, str | int | float | bool]


class Manners(Enum):
    GOOD = auto()
    SILENT = auto()  # takes a request and never answers
    BROKEN = auto()  # answers 500


@dataclass(frozen=True, slots=True)
class Span:
    trace: str
    id: str
    parent: str  # empty: a root
    name: str
    began_ns: int
    ended_ns: int
    attributes: Attributes
    events: list[tuple[str, Attributes]]
    links: list[str]  # spans' ids
    is_error: bool
    resource: Attributes

    def told(self) -> list[str]:
        return [name for name, _ in self.events]


@dataclass(slots=True)
class Collector:
    manners: Manners = Manners.GOOD
    requests: int = 0
    bodies: list[bytes] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """What a program is told of it."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}"}

    def spans(self) -> list[Span]:
        return [span for body in tuple(self.bodies) for span in _parsed(body)]

    def roots(self, name: str) -> list[Span]:
        return [span for span in self.spans() if span.name == name and not span.parent]

    def children(self, parent: Span) -> list[Span]:
        """In the order in which they began."""
        found = [span for span in self.spans() if (span.trace, span.parent) == (parent.trace, parent.id)]
        return sorted(found, key=lambda span: (span.began_ns, span.ended_ns))

    def until_root(self, name: str, within_s: float = 15.0, **attributes: str) -> Span:
        """The first root of that name that has these attributes."""
        wanted = attributes.items()
        until(lambda: any(wanted <= root.attributes.items() for root in self.roots(name)),
              f"a span {name} with {attributes}", within_s)  # fmt: skip
        return next(root for root in self.roots(name) if wanted <= root.attributes.items())


@contextmanager
def collector(manners: Manners = Manners.GOOD) -> Iterator[Collector]:
    made = Collector(manners)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.requests += 1
            if made.manners is Manners.SILENT:
                made.released.wait()
                self.close_connection = True
                return
            good = made.manners is Manners.GOOD and self.path == PATH
            if good:
                made.bodies.append(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200 if good else 500)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
            """Nothing: a test's output is its own."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            made.released.set()
            server.shutdown()
            thread.join()


def _parsed(body: bytes) -> Iterator[Span]:
    for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for scope in of_resource.scope_spans:
            for span in scope.spans:
                yield _span(span, resource)


def _span(span: WireSpan, resource: Attributes) -> Span:
    return Span(
        trace=span.trace_id.hex(), id=span.span_id.hex(), parent=span.parent_span_id.hex(), name=span.name,
        began_ns=span.start_time_unix_nano, ended_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events=[(event.name, _attributes(event.attributes)) for event in span.events],
        links=[link.span_id.hex() for link in span.links],
        is_error=span.status.code == span.status.STATUS_CODE_ERROR, resource=resource,
    )  # fmt: skip


def _attributes(pairs: Iterable[KeyValue]) -> Attributes:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}
