"""A running bot's orders as traces at a real OTLP/HTTP collector, and what a bad collector does to the bot: nothing."""

import hashlib
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from harness.collector import Collector, Manners, collector
from harness.operator_process import free_port
from harness.runtime_process import MARKET, STILL, VENUE, RuntimeProcess, ours_at_venue, rows, runtime
from harness.shown import Shown
from harness.simulator import SimulatorProcess, book_ticker, trade, until

DROPPED = "tradingbot_spans_dropped_total"
ENDS_S = 8.0  # an end in order takes one second, tracing may add three to it; the rest is for a busy machine


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(*STILL) as process:
        yield process


@pytest.fixture
def collecting() -> Iterator[Collector]:
    with collector() as made:
        yield made


@pytest.fixture
def traced(simulator: SimulatorProcess, collecting: Collector, tmp_path: Path) -> Iterator[RuntimeProcess]:
    environment = {**collecting.environment, "POD_NAME": "tested-0"}
    with runtime(tmp_path, simulator, environment=environment) as bot:
        bot.start().until_quoting()
        yield bot


def best_bid(bot: RuntimeProcess) -> dict[str, str]:
    """The order that a falling market meets first."""
    bids = [order for order in bot.market()["orders"] if order["side"] == "buy"]
    return max(bids, key=lambda order: float(order["price"]))


def test_the_life_of_a_filled_order_is_one_trace(
    simulator: SimulatorProcess, collecting: Collector, traced: RuntimeProcess
) -> None:
    order = best_bid(traced)
    simulator.admin.play([trade(1, order["price"], "0.0004", buyer_is_maker=True),
                          trade(2, order["price"], "5", buyer_is_maker=True)])  # fmt: skip
    root = collecting.until_root("order", order_id=order["id"])

    assert root.trace == hashlib.sha256(order["id"].encode()).hexdigest()[:32], "known from the order's id"
    known = {"market": MARKET, "venue": VENUE, "side": "buy", "state": "Filled", "price": order["price"]}
    assert known.items() <= root.attributes.items()
    assert root.told()[0] == "PlaceSent"
    assert {"OrderAccepted", "OrderFilled"} <= set(root.told())
    assert "trade_id" in dict(root.events)["OrderFilled"]
    phases = collecting.children(root)
    assert [phase.name for phase in phases][:2] == ["Submitting", "Open"]
    assert root.began_ns == phases[0].began_ns
    assert root.ended_ns == phases[-1].ended_ns
    assert all(before.ended_ns == after.began_ns for before, after in pairwise(phases))
    assert abs(root.ended_ns - time.time_ns()) < 60 * 10**9, "the time is the wall clock's"
    who = {"service.name": "tradingbot-runtime", "k8s.pod.name": "tested-0", "bot": traced.name, "slot": "0"}
    assert who.items() <= root.resource.items()
    assert {"service.version", "k8s.namespace.name"} <= root.resource.keys()


def test_a_replaced_order_and_its_successor_are_two_traces_that_know_each_other(
    simulator: SimulatorProcess, collecting: Collector, traced: RuntimeProcess
) -> None:
    simulator.admin.play([book_ticker(10**12, ("60020.00", "3"), ("60020.02", "3"))])

    def replaced() -> bool:
        simulator.admin.play([book_ticker(time.time_ns(), ("60020.00", "3"), ("60020.02", "3"))])
        return bool(rows(traced.journal, "SELECT 1 FROM orders WHERE replaces != '' AND state = 'Open'"))

    until(replaced, "an order took the place of another one")
    assert traced.terminate()[0] == 0
    new, old = rows(traced.journal, "SELECT order_id, replaces FROM orders WHERE replaces != ''")[0]
    before, after = (collecting.until_root("order", order_id=order_id) for order_id in (old, new))

    assert dict(before.events)["ReplaceSent"] == {"replaced_by": new}
    assert after.attributes["replaces"] == old
    assert after.links == [before.id]
    assert [phase.name for phase in collecting.children(before)] == ["Submitting", "Open", "PendingReplace"]


def test_at_sigterm_the_withdrawn_orders_arrive_before_the_process_ends(
    collecting: Collector, traced: RuntimeProcess
) -> None:
    quoted = ours_at_venue(traced)

    assert traced.terminate()[0] == 0

    roots = collecting.roots("order")
    told = {str(root.attributes["order_id"]): root for root in roots}
    assert len(roots) == len(told), "an end that is told twice is one end"
    assert quoted <= told.keys()
    assert {told[order_id].attributes["state"] for order_id in quoted} == {"Canceled"}
    assert all("CancelSent" in told[order_id].told() or "CancelAllSent" in told[order_id].told() for order_id in quoted)


def test_an_order_that_outlives_its_process_goes_on_in_the_same_trace(
    collecting: Collector, traced: RuntimeProcess
) -> None:
    order_id = best_bid(traced)["id"]
    traced.kill()
    traced.start().until_quoting()

    root = collecting.until_root("order", order_id=order_id)

    assert root.attributes["restored"] is True
    assert root.trace == hashlib.sha256(order_id.encode()).hexdigest()[:32]


@pytest.mark.parametrize("manners", [Manners.SILENT, Manners.BROKEN, None])
def test_a_bad_collector_costs_spans_and_nothing_else(
    manners: Manners | None, simulator: SimulatorProcess, tmp_path: Path, shown: Shown
) -> None:
    with collector(manners or Manners.GOOD) as bad:
        environment = bad.environment
        if manners is None:  # nobody listens
            environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port('127.0.0.1')}"}
        environment |= {"OTEL_EXPORTER_OTLP_TIMEOUT": "30"}
        with runtime(tmp_path, simulator, environment=environment) as bot:
            bot.start().until_quoting()
            if manners is not None:
                until(lambda: _makes_a_span(simulator, bot) and bad.requests > 0, "the collector was asked")
            bot.until_quoting()

            code, took_s = bot.terminate()

        assert code == 0
        assert ours_at_venue(bot) == set()
        shown.at_most(
            f"end of a bot whose collector is {manners.name.lower() if manners else 'away'}", took_s, "s", ENDS_S
        )
        assert bot.until_logged("SpansDropped")[0]["count"] > 0


def test_a_collector_that_refuses_is_told_once_and_counted(simulator: SimulatorProcess, tmp_path: Path) -> None:
    with collector(Manners.BROKEN) as bad, runtime(tmp_path, simulator, environment={
        **bad.environment, "OTEL_EXPORTER_OTLP_TIMEOUT": "0.2"}) as bot:  # fmt: skip
        bot.start().until_quoting()
        until(lambda: _makes_a_span(simulator, bot) and bot.metric(DROPPED, reason="NotExported") > 0, "it is counted")
        told = bot.until_logged("SpansNotExported")
        before = bad.requests
        until(lambda: _makes_a_span(simulator, bot) and bad.requests > before, "it is tried again")
        assert len(told) == len(bot.logged("SpansNotExported")) == 1
        assert "Internal Server Error" in told[0]["message"]

        bad.manners = Manners.GOOD
        until(lambda: _makes_a_span(simulator, bot) and len(bad.spans()) > 0, "it is tried until it works")
        bot.until_logged("SpansExportedAgain")


def _makes_a_span(simulator: SimulatorProcess, bot: RuntimeProcess) -> bool:
    """Asks for the end of an order, if one is open."""
    bids = [order for order in bot.market()["orders"] if order["side"] == "buy"]
    for order in bids[:1]:
        simulator.admin.play([trade(time.time_ns(), order["price"], "5", buyer_is_maker=True)])
    return True
