"""Orders' traces from a journal's records: what they say, and that neither orders nor a dead collector fill memory."""

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from harness.engines import BTC
from harness.told_journal import BUY, MARKET, NEW, OLD, SECOND, START, decided
from tradingbot_runtime.core.order_ids import OrderKey, encode
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.journal.records import AnyRecord
from tradingbot_runtime.model import (
    WOULD_TAKE,
    Cancel,
    Lots,
    Nanos,
    OrderAccepted,
    OrderBuilt,
    OrderCanceled,
    OrderEvent,
    OrderFilled,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OrderSubmitting,
    OutcomeLost,
    Place,
    Side,
    Ticks,
)
from tradingbot_runtime.tracing.background_queue import BackgroundQueue
from tradingbot_runtime.tracing.exporting import TraceIds
from tradingbot_runtime.tracing.order_lives import OrderLives, trace_id_of
from tradingbot_runtime.tracing.order_steps import Written
from tradingbot_runtime.tracing.order_tracing import TracedJournal
from tradingbot_runtime.tracing.span_queue import MOST_AT_ONCE, NOT_EXPORTED, QUEUE_FULL, SpanQueue


class Traced:
    """Order lives and the spans that have ended."""

    def __init__(self, most: int = 100) -> None:
        self._kept, ids = InMemorySpanExporter(), TraceIds()
        provider = TracerProvider(id_generator=ids, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.lives = OrderLives(provider.get_tracer("test"), ids, most)
        self.lives.market(MARKET, BTC)

    def roots(self, order_id: OrderId) -> list[ReadableSpan]:
        return [span for span in self._kept.get_finished_spans()
                if span.name == "order" and (span.attributes or {}).get("order_id") == order_id]  # fmt: skip

    def phases(self, order_id: OrderId) -> list[str]:
        return [span.name for span in self._kept.get_finished_spans()
                if span.parent is not None and (span.attributes or {}).get("order_id") == order_id]  # fmt: skip

    def place(self, order_id: OrderId = BUY, time_ns: int = START) -> None:
        place = Place(order_id=order_id, side=Side.BUY, price=Ticks(6_000_000), quantity=Lots(1_000))
        self.write(decided(time_ns, place), order(order_id))

    def write(self, record: AnyRecord, *orders: Order) -> None:
        self.lives.take(Written(MARKET, (record,), orders))


def order(order_id: OrderId = BUY, state: OrderState = OrderState.SUBMITTING, filled: int = 0) -> Order:
    return Order(order_id, Side.BUY, Ticks(6_000_000), Lots(1_000), Lots(filled), state)


def fill(trade_id: str, quantity: int) -> OrderFilled:
    return OrderFilled(time_ns=Nanos(START + SECOND), order_id=BUY, trade_id=trade_id, side=Side.BUY,
                       price=Ticks(6_000_000), quantity=Lots(quantity), fee=0, fee_asset="BTC")  # fmt: skip


def told_of(root: ReadableSpan) -> list[str]:
    return [event.name for event in root.events]


def test_what_is_committed_is_told_and_nothing_else(tmp_path: Path) -> None:
    traced = Traced()
    written: list[Written] = []
    with TracedJournal(tmp_path / "journal.sqlite3", written.append, traced.lives.market) as journal:
        journal.keep_market(MARKET, BTC, BTC)
        journal.write(MARKET, [decided(START, Place(order_id=BUY, side=Side.BUY, price=Ticks(1), quantity=Lots(1)))],
                      iter([order()]))  # fmt: skip
        journal.write("", [], [])
        journal.abandon()
        journal.write(MARKET, [OrderCanceled(time_ns=Nanos(START), order_id=BUY)], [order(BUY, OrderState.CANCELED)])

    assert [[type(record).__name__ for record in one.records] for one in written] == [["Decided"]], "what was committed"
    assert [one.id for one in written[0].orders] == [BUY], "both the journal and the trace have had it"


def test_partial_fills_are_events_with_their_price_and_the_states_between_are_spans() -> None:
    traced = Traced()
    traced.place()
    for trade_id, quantity, state, filled in (("a", 400, OrderState.PARTIAL, 400), ("b", 600, OrderState.FILLED, 1000)):
        traced.write(fill(trade_id, quantity), order(BUY, state, filled))

    (root,) = traced.roots(BUY)
    assert told_of(root) == ["PlaceSent", "OrderFilled", "OrderFilled"]
    fills = [event.attributes or {} for event in root.events[1:]]
    assert [(f["trade_id"], f["quantity"]) for f in fills] == [
        ("a", BTC.quantity_text(400)), ("b", BTC.quantity_text(600)),
    ]  # fmt: skip
    assert {f["price"] for f in fills} == {BTC.price_text(6_000_000)}
    assert traced.phases(BUY) == ["Submitting", "Partial"]
    assert (root.start_time, root.end_time) == (START, START + SECOND)
    assert len(traced.lives) == 0


def test_a_venue_that_builds_first_shows_both_of_its_steps() -> None:
    traced = Traced()
    place = Place(order_id=BUY, side=Side.BUY, price=Ticks(6_000_000), quantity=Lots(1_000))
    traced.write(decided(START, place), order(BUY, OrderState.INTENT))
    steps: tuple[tuple[OrderEvent, OrderState], ...] = (
        (OrderBuilt(time_ns=Nanos(START + 1), order_id=BUY, venue_order_id="v7"), OrderState.BUILT),
        (OrderSubmitting(time_ns=Nanos(START + 2), order_id=BUY), OrderState.SUBMITTING),
        (OrderAccepted(time_ns=Nanos(START + 3), order_id=BUY, venue_order_id="v7"), OrderState.OPEN),
    )
    for event, state in steps:
        traced.write(event, order(BUY, state))
    traced.write(decided(START + 4, Cancel(order_id=BUY)), order(BUY, OrderState.PENDING_CANCEL))
    traced.write(OrderCanceled(time_ns=Nanos(START + 5), order_id=BUY), order(BUY, OrderState.CANCELED))

    (root,) = traced.roots(BUY)
    assert told_of(root) == [
        "PlaceSent",
        "OrderBuilt",
        "OrderSubmitting",
        "OrderAccepted",
        "CancelSent",
        "OrderCanceled",
    ]
    assert (root.events[1].attributes or {})["venue_order_id"] == "v7"
    assert traced.phases(BUY) == ["Intent", "Built", "Submitting", "Open", "PendingCancel"]


def test_an_order_of_unknown_fate_says_so_while_it_lasts() -> None:
    traced = Traced()
    traced.place()
    traced.write(OutcomeLost(time_ns=Nanos(START + 1), order_id=BUY, message="timeout"), order(BUY, OrderState.UNKNOWN))
    absent = OrderReported(time_ns=Nanos(START + 2), order_id=BUY, status=OrderStatus.ABSENT, executed=Lots(0))
    traced.write(absent, order(BUY, OrderState.REJECTED))

    (root,) = traced.roots(BUY)
    assert told_of(root) == ["PlaceSent", "OutcomeLost", "OrderReported"]
    assert (root.events[2].attributes or {})["status"] == "Absent"
    assert traced.phases(BUY) == ["Submitting", "Unknown"]


@pytest.mark.parametrize(("reason", "is_error"), [("-2010", True), (WOULD_TAKE, False)])
def test_a_refusal_is_an_error_unless_the_market_was_faster(reason: str, is_error: bool) -> None:  # noqa: FBT001 - a table
    traced = Traced()
    traced.place()
    refused: OrderEvent = OrderRejected(time_ns=Nanos(START + 1), order_id=BUY, reason=reason, message="words")
    traced.write(refused, order(BUY, OrderState.REJECTED))

    (root,) = traced.roots(BUY)
    assert (root.attributes or {})["reason"] == reason
    assert root.status.is_ok is not is_error


def test_a_fill_that_comes_late_is_a_root_of_its_own_in_the_same_trace() -> None:
    traced = Traced()
    traced.place()
    canceled = OrderCanceled(time_ns=Nanos(START + 1), order_id=BUY)
    traced.write(canceled, order(BUY, OrderState.CANCELED))
    traced.write(canceled, order(BUY, OrderState.CANCELED))
    traced.write(fill("late", 400), order(BUY, OrderState.CANCELED, 400))

    first, late = traced.roots(BUY)
    assert told_of(late) == ["OrderFilled"]
    assert first.context is not None
    assert late.context is not None
    assert first.context.trace_id == late.context.trace_id
    assert first.context.span_id != late.context.span_id


def test_orders_that_never_end_are_cut_where_there_are_too_many() -> None:
    traced = Traced(most=2)
    for number, order_id in enumerate((BUY, OLD, NEW)):
        traced.place(order_id, START + number)

    assert len(traced.lives) == 2
    (cut,) = traced.roots(BUY)
    assert (cut.attributes or {})["unfinished"] is True
    assert (cut.attributes or {})["state"] == "Submitting"
    traced.lives.close()
    assert len(traced.roots(OLD)) == len(traced.roots(NEW)) == 1, "and at the end of the process all of them"


def test_a_thread_that_does_not_keep_up_makes_nobody_wait_and_what_it_misses_is_counted() -> None:
    done: list[int] = []
    began, released = threading.Event(), threading.Event()

    def stuck() -> None:
        began.set()
        released.wait()

    queue = BackgroundQueue(3, lambda: done.append(-1))
    queue.put(stuck)
    assert began.wait(10)
    for number in range(5):
        queue.put(partial(done.append, number))

    assert queue.missed == 2
    released.set()
    queue.close(within_s=10)
    assert done == [0, 1, 2, -1]


def test_a_sampler_takes_its_share_of_the_orders_of_a_process() -> None:
    """Samplers go by the last bits of a trace's id, and those of an order's id count up."""
    sampler = TraceIdRatioBased(0.1)
    orders = (encode(OrderKey(bot=7, slot=0, epoch=3, sequence=number)) for number in range(5_000))
    taken = [
        sampler.should_sample(None, trace_id_of(order_id), "order").decision is Decision.RECORD_AND_SAMPLE
        for order_id in orders
    ]

    assert 400 < sum(taken) < 600


class Stuck(SpanExporter):
    """A collector that takes a batch and never answers."""

    def __init__(self) -> None:
        self.asked, self.released = threading.Event(), threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        del spans
        self.asked.set()
        self.released.wait()
        return SpanExportResult.FAILURE


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    made = Stuck()
    yield made
    made.released.set()


def test_a_collector_that_never_answers_holds_no_more_than_the_queue_and_all_else_is_counted(stuck: Stuck) -> None:
    queue = SpanQueue(stuck, str, most=200)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(queue)
    tracer = provider.get_tracer("test")
    tracer.start_span("first", Context()).end()
    assert stuck.asked.wait(10)

    for _ in range(5_000):
        tracer.start_span("order", Context()).end()

    assert len(queue) == 200
    assert queue.dropped[QUEUE_FULL] == 4_800
    queue.close(within_s=0.01)
    assert 1 <= queue.dropped[NOT_EXPORTED] - 200 <= MOST_AT_ONCE
    before = queue.dropped.total()
    stuck.released.set()
    for thread in threading.enumerate():
        if thread.name == "span-export":
            thread.join(10)
    assert queue.dropped.total() == before, "each is counted once"
