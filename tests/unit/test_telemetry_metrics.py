"""Metrics as a scraper sees them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tradingbot_runtime.metric_families import MOST_SERIES, Family, Histogram, Kind, Readings
from tradingbot_runtime.model import TradingState
from tradingbot_runtime.telemetry import FAMILIES, registry
from tradingbot_runtime.telemetry.metrics import (
    CONFIG_INFO,
    FRAMES,
    LOOP_LAG,
    POSITION,
    STATE,
    TICK_TO_ORDER,
)

PROMISED = (
    "frames_total", "feed_age_seconds", "reconnects_total", "orders_total", "open_orders", "unknown_orders",
    "position", "pnl", "fills_total", "risk_refused_total", "state", "venue_errors_total", "tick_to_order_seconds",
    "journal_commit_seconds", "loop_lag_seconds", "config_info", "halts_held",
    "markout", "markout_notional_total", "pnl_part", "rested_quantity_total", "filled_quantity_total",
    "quote_uptime_seconds_total", "quote_observed_seconds_total", "runtime_tasks",
)  # fmt: skip


def scraped(readings: Readings) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample name -> label values in the declared order -> value, from the text that Prometheus would get."""
    order = {family.name.removesuffix("_total"): family.labels for family in FAMILIES}
    text = generate_latest(registry(lambda: readings)).decode()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            names = [*order.get(family.name, ()), *(["le"] if "le" in sample.labels else [])]
            found.setdefault(sample.name, {})[tuple(sample.labels[name] for name in names)] = sample.value
    return found


def test_every_promised_metric_is_declared_once_with_a_meaning() -> None:
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)
    assert {f"tradingbot_{name}" for name in PROMISED} <= set(names)
    assert all(family.help.endswith(".") for family in FAMILIES)


def test_counters_are_named_total_and_nothing_else_is() -> None:
    for family in FAMILIES:
        assert family.name.endswith("_total") == (family.kind is Kind.COUNTER), family.name


def test_every_family_shows_under_its_own_name_with_its_own_labels() -> None:
    for family in FAMILIES:
        labels = tuple(f"v{number}" for number in range(len(family.labels)))
        value = Histogram() if family.kind is Kind.HISTOGRAM else 1
        name = f"{family.name}_count" if family.kind is Kind.HISTOGRAM else family.name
        assert scraped({family: {labels: value}})[name] == {labels: 0 if isinstance(value, Histogram) else 1}


def test_values_are_read_at_every_scrape_and_not_before() -> None:
    counters: dict[tuple[str, ...], int] = {("binance", "ok"): 1}
    reads = []

    def read() -> Readings:
        reads.append(1)
        return {FRAMES: counters}

    own = registry(read)
    assert reads == []
    assert 'tradingbot_frames_total{feed="binance",outcome="ok"} 1.0' in generate_latest(own).decode()
    counters["binance", "ok"] += 41
    assert 'tradingbot_frames_total{feed="binance",outcome="ok"} 42.0' in generate_latest(own).decode()


def test_one_state_is_current_and_the_others_are_zero() -> None:
    values: dict[tuple[str, ...], int] = {(state.value,): int(state is TradingState.HALTED) for state in TradingState}
    seen = scraped({STATE: values})["tradingbot_state"]
    assert [labels for labels, value in seen.items() if value == 1] == [("Halted",)]
    assert len(seen) == len(TradingState)


def test_decimals_and_awkward_labels_come_through() -> None:
    name = 'a"b\\c\nd'
    seen = scraped({POSITION: {(name,): Decimal("-0.00000001")}, CONFIG_INFO: {("0123",): 1}, LOOP_LAG: {(): 0.25}})
    assert seen["tradingbot_position"] == {(name,): -1e-08}
    assert seen["tradingbot_loop_lag_seconds"] == {(): 0.25}


@given(st.lists(st.integers(min_value=0, max_value=10**12), max_size=50))
def test_a_histogram_counts_each_duration_in_every_bucket_that_holds_it(durations: list[int]) -> None:
    histogram = Histogram()
    for duration_ns in durations:
        histogram.observe(duration_ns)
    for bound, count in histogram.buckets():
        limit_ns = Decimal("Infinity") if bound == "+Inf" else Decimal(bound) * 10**9
        assert count == sum(duration_ns <= limit_ns for duration_ns in durations)
    assert histogram.sum_ns == sum(durations)


def test_a_histogram_is_scraped_with_its_sum_and_count() -> None:
    histogram = Histogram()
    for duration_ns in (30_000, 70_000, 2 * 10**9):
        histogram.observe(duration_ns)
    seen = scraped({TICK_TO_ORDER: {(): histogram}})
    assert seen["tradingbot_tick_to_order_seconds_count"] == {(): 3}
    assert seen["tradingbot_tick_to_order_seconds_sum"] == {(): 2.0001}
    assert seen["tradingbot_tick_to_order_seconds_bucket"]["5e-05",] == 1
    assert seen["tradingbot_tick_to_order_seconds_bucket"]["+Inf",] == 3


def test_a_family_never_grows_beyond_its_limit() -> None:
    values: dict[tuple[str, ...], int] = {(f"feed-{number}", "ok"): 1 for number in range(2 * MOST_SERIES)}
    assert len(scraped({FRAMES: values})["tradingbot_frames_total"]) == MOST_SERIES


@pytest.mark.parametrize(("family", "value"), [(FRAMES, Histogram()), (TICK_TO_ORDER, 1)])
def test_a_value_of_the_wrong_kind_is_a_bug_that_shows(family: Family, value: Histogram | int) -> None:
    with pytest.raises(TypeError, match=family.name):
        scraped({family: {("a",) * len(family.labels): value}})


def test_two_registries_share_nothing() -> None:
    registry(dict)
    registry(dict)
    assert "process_resident_memory_bytes" in scraped({})
