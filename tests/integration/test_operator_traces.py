"""A real operator's reconciliations as traces at a real OTLP/HTTP collector, before a real API server."""

import time
from collections.abc import Iterator

import pytest

from harness.bot_world import VENUE, World, manifest
from harness.collector import Collector, Manners, Span, collector
from harness.operator_process import eventually
from harness.shown import Shown

pytestmark = pytest.mark.controlplane
OPERATOR: dict[str, str] = {}  # what `shared_operator` is started with
DROPPED = "tradingbot_operator_spans_dropped_total"
ENDS_S = 10.0  # an end in order takes up to three seconds, tracing may add two; the rest is for a busy machine


@pytest.fixture(scope="module", autouse=True)
def collecting() -> Iterator[Collector]:
    """Before the operator, which is to know of it."""
    with collector() as made:
        OPERATOR.update({**made.environment, "OTEL_EXPORTER_OTLP_TIMEOUT": "3"})
        yield made


def reconciliations(collecting: Collector, world: World, kind: str = "TradingBot") -> list[Span]:
    wanted = {"kind": kind, "k8s.namespace.name": world.namespace}.items()
    return [root for root in collecting.roots("reconcile") if wanted <= root.attributes.items()]


def test_a_reconciliation_is_a_trace_with_the_requests_that_it_made(world: World, collecting: Collector) -> None:
    world.apply(VENUE, manifest())
    world.converged()

    def first() -> tuple[Span, list[Span]] | None:
        for root in reconciliations(collecting, world):
            requests = collecting.children(root)
            if any(request.name == "PATCH StatefulSet" for request in requests):
                return root, requests
        return None

    root, requests = eventually(first, 20, "the StatefulSet was applied by a reconciliation")

    assert root.attributes["name"] == root.attributes["bot"] == "maker"
    assert root.attributes["result"] == "success"
    assert root.attributes["priority"] in {"halt", "spec", "child", "resync"}
    assert float(root.attributes["queue_wait_s"]) >= 0
    writes = [request for request in requests if not request.name.startswith("GET ")]
    assert root.attributes["writes"] == len(writes) > 5
    assert all(root.began_ns <= request.began_ns <= request.ended_ns <= root.ended_ns for request in requests)
    (applied,) = (request for request in requests if request.name == "PATCH StatefulSet")
    path = f"/apis/apps/v1/namespaces/{world.namespace}/statefulsets/maker"
    assert (applied.attributes["http.request.method"], applied.attributes["url.path"]) == ("PATCH", path)
    assert root.resource["service.name"] == "tradingbot-operator"
    assert root.resource["k8s.pod.name"] == "operator-under-test"
    venues = eventually(lambda: reconciliations(collecting, world, "Venue"), 10, "that of the Venue, too")
    assert "bot" not in venues[0].attributes


def test_what_belongs_to_no_reconciliation_is_no_span(world: World, collecting: Collector) -> None:
    world.apply(VENUE, manifest())
    world.converged()
    eventually(lambda: reconciliations(collecting, world), 20, "there are spans")

    spans = collecting.spans()
    assert {span.name for span in spans if not span.parent} == {"reconcile"}
    by_id = {span.id: span for span in spans}
    inside = [(by_id[span.parent], span) for span in spans if span.parent in by_id]
    assert all(span.began_ns <= root.ended_ns for root, span in inside), "streams that it has started are none of it"


def test_a_reconciliation_that_failed_says_so(world: World, collecting: Collector) -> None:
    of_others = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "maker-slots"}, "data": {"a": "b"}}
    world.client.apply(of_others, world.namespace)
    world.apply(VENUE, manifest())

    def failed() -> Span | None:
        return next((r for r in reconciliations(collecting, world) if r.attributes["result"] == "error"), None)

    root = eventually(failed, 20, "one has failed")
    assert root.is_error
    assert root.attributes["error.type"] == "BelongsToSomebodyElse"


def test_an_operator_whose_collector_is_silent_goes_on_and_ends_in_order(
    world: World, collecting: Collector, shown: Shown
) -> None:
    collecting.manners, before = Manners.SILENT, collecting.requests
    try:
        world.apply(VENUE, manifest())
        eventually(lambda: collecting.requests > before, 20, "the collector was asked")
        world.condition("Ready", "True", "Trading")
        eventually(lambda: world.operator.metric(DROPPED, reason="NotExported") > 0, 20, "it is given up, and counted")
        began = time.monotonic()
        assert world.operator.stop() == 0
        shown.at_most("end of an operator whose collector is silent", time.monotonic() - began, "s", ENDS_S)
    finally:
        collecting.manners = Manners.GOOD
        collecting.released.set()
        world.operator.start()
        world.operator.wait_until_leading()
