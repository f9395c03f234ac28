"""How late news is, by the venue's time in it: whatever the clocks show, only what is later than usual counts."""

import gzip
import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engines import BTC
from harness.simulator import RECORDING
from tradingbot_runtime.core.lateness import CLOCK_ERROR_NS, DRIFT, UNTOLD_NS, Lateness
from tradingbot_runtime.model import Nanos
from tradingbot_runtime.venues.binance.codec import MarketCodec

MS, SECOND, HOUR = 1_000_000, 1_000_000_000, 3_600_000_000_000
START = 1_700_000_000 * SECOND
JITTER_NS = 40 * MS

apart = st.integers(-400 * 24 * HOUR, 400 * 24 * HOUR)  # how far the venue's clock is behind ours
on_the_way = st.lists(st.integers(0, JITTER_NS), min_size=1, max_size=60)


def hear(lateness: Lateness, began_ns: int, apart_ns: int, ways_ns: Iterable[int], every_ns: int = SECOND) -> list[int]:
    """How late each piece of news is that the venue makes every second."""
    found = []
    for number, way_ns in enumerate(ways_ns):
        made_ns = began_ns + number * every_ns
        lateness.told(Nanos(made_ns + way_ns), made_ns - apart_ns)
        found.append(lateness.latest_ns)
    return found


@given(apart, on_the_way)
def test_news_that_takes_its_usual_time_is_never_late_however_far_the_clocks_are_apart(
    apart_ns: int, ways_ns: list[int]
) -> None:
    assert max(hear(Lateness(), START, apart_ns, ways_ns)) <= JITTER_NS


@given(apart, on_the_way, st.integers(2 * JITTER_NS, 600 * SECOND))
def test_news_that_comes_later_than_usual_is_late_by_that_and_is_not_when_it_has_caught_up(
    apart_ns: int, ways_ns: list[int], delay_ns: int
) -> None:
    lateness = Lateness()
    hear(lateness, START, apart_ns, ways_ns)
    late = hear(lateness, START + 100 * SECOND, apart_ns, [delay_ns + way for way in ways_ns])
    assert min(late) >= delay_ns - JITTER_NS - (200 * SECOND + delay_ns) // DRIFT
    assert max(late) <= delay_ns + JITTER_NS

    assert max(hear(lateness, START + 1000 * SECOND, apart_ns, ways_ns)) <= JITTER_NS


def test_news_that_stays_late_for_hours_does_not_become_the_usual() -> None:
    lateness = Lateness()
    hear(lateness, START, 0, [0, 0, 0])
    late = hear(lateness, START, 0, [15 * SECOND] * 4 * 60, every_ns=60 * SECOND)

    assert late[-1] >= 12 * SECOND


@given(st.integers(-100, 100))
def test_clocks_that_drift_apart_make_nothing_late(parts_per_million: int) -> None:
    lateness = Lateness()
    late = hear(lateness, START, 0, [max(0, minute * 60 * parts_per_million * 1000) for minute in range(24 * 60)],
                every_ns=60 * SECOND)  # fmt: skip

    assert max(late) <= 60 * SECOND // DRIFT


@given(st.integers(SECOND, HOUR))
def test_a_venues_clock_that_is_set_forward_makes_nothing_late(step_ns: int) -> None:
    lateness = Lateness()
    hear(lateness, START, 0, [JITTER_NS] * 5)

    assert max(hear(lateness, START + 5 * SECOND, -step_ns, [JITTER_NS] * 5)) == 0


def test_one_time_from_the_future_makes_the_news_after_it_no_later() -> None:
    lateness = Lateness()
    hear(lateness, START, 0, [JITTER_NS] * 5)
    hear(lateness, START + 5 * SECOND, -HOUR, [JITTER_NS])

    assert max(hear(lateness, START + 6 * SECOND, 0, [JITTER_NS] * 5)) == 0


def test_a_venues_clock_that_is_set_back_is_forgiven_when_it_is_measured() -> None:
    lateness = Lateness()
    hear(lateness, START, 0, [0] * 5)
    assert min(hear(lateness, START + 5 * SECOND, 5 * SECOND, [0] * 5)) >= 4 * SECOND, "it might be late"

    lateness.measured(Nanos(START + 10 * SECOND), -5 * SECOND)
    assert max(hear(lateness, START + 11 * SECOND, 5 * SECOND, [0] * 5)) <= CLOCK_ERROR_NS


@given(apart, st.integers(SECOND, 600 * SECOND))
def test_a_process_that_starts_while_its_feed_is_late_knows_it_where_the_clock_is_measured(
    apart_ns: int, delay_ns: int
) -> None:
    lateness = Lateness()
    lateness.measured(Nanos(START), -apart_ns)
    drifted_ns = (delay_ns + 5 * SECOND) // DRIFT

    assert min(hear(lateness, START, apart_ns, [delay_ns] * 5)) >= delay_ns - CLOCK_ERROR_NS - drifted_ns


def test_a_process_that_starts_while_its_feed_is_late_counts_it_from_when_the_feed_has_caught_up() -> None:
    lateness = Lateness()
    assert hear(lateness, START, 0, [15 * SECOND] * 5) == [0] * 5, "nothing tells it otherwise"
    hear(lateness, START + 5 * SECOND, 0, [0] * 5)

    assert min(hear(lateness, START + 10 * SECOND, 0, [15 * SECOND] * 5)) > 14 * SECOND


@given(st.integers(0, 10 * SECOND), on_the_way)
def test_a_measured_clock_never_makes_usual_news_late_by_more_than_its_error(error_ns: int, ways_ns: list[int]) -> None:
    """A bad measurement, by however much, counts until the next one only."""
    lateness = Lateness()
    lateness.measured(Nanos(START), error_ns)
    hear(lateness, START, 0, ways_ns)
    lateness.measured(Nanos(START + 100 * SECOND), 0)

    assert max(hear(lateness, START + 100 * SECOND, 0, ways_ns)) <= CLOCK_ERROR_NS + JITTER_NS


def test_news_without_a_time_is_as_late_as_the_time_before_it_and_after_a_silence_may_be_as_old_as_that() -> None:
    lateness = Lateness()
    assert lateness.late_ns(Nanos(START)) == 0, "nobody tells a time here"
    hear(lateness, START, 0, [0, 0, 0, 2 * SECOND])
    now_ns = START + 5 * SECOND
    late_ns = lateness.latest_ns

    assert lateness.late_ns(Nanos(now_ns + UNTOLD_NS)) == late_ns == pytest.approx(2 * SECOND, rel=0.01)
    assert lateness.late_ns(Nanos(now_ns + 7 * SECOND)) == late_ns + 7 * SECOND


# -- Binance: the time of one stream for the frames of another -------------------------------------------------------


def top(codec: MarketCodec, update_id: int) -> int:
    """What time the frame of the best bid and offer has."""
    data = {"u": update_id, "s": "BTCUSDT", "b": "61837.63", "B": "3.7", "a": "61837.64", "A": "1.5"}
    codec.made_ms = 0
    assert codec.top(json.dumps({"stream": "btcusdt@bookTicker", "data": data}).encode(), Nanos(1)) is not None
    return codec.made_ms


def depth(codec: MarketCodec, update_id: int, made_ms: int) -> int:
    data = {"e": "depthUpdate", "E": made_ms, "s": "BTCUSDT", "U": update_id - 1, "u": update_id, "b": [], "a": []}
    codec.made_ms = 0
    assert codec.top(json.dumps({"stream": "btcusdt@depth@100ms", "data": data}).encode(), Nanos(1)) is None
    return codec.made_ms


def test_a_depth_frame_tells_when_it_was_made_and_a_newer_best_price_does_not() -> None:
    codec = MarketCodec(BTC)
    assert top(codec, 0) == 0
    assert top(codec, -1) == 0
    assert top(codec, 9) == 0
    assert depth(codec, 10, 1_700_000_001_000) == 1_700_000_001_000
    assert top(codec, 11) == 0


def test_a_best_price_that_comes_after_the_depth_that_it_was_in_was_made_no_later_than_that() -> None:
    codec = MarketCodec(BTC)
    for number in range(1, 1001):
        depth(codec, 10 * number, 1_700_000_000_000 + 1000 * number)

    assert top(codec, 9985) == 1_700_000_999_000
    assert top(codec, 9990) == 1_700_000_999_000
    assert top(codec, 10_000) == 1_700_001_000_000
    assert top(codec, 10_001) == 0
    assert top(codec, 1) == 1_700_000_361_000, "older than all that is kept: at least as late as that"


def test_a_venue_that_counts_its_updates_anew_has_no_old_prices() -> None:
    codec = MarketCodec(BTC)
    depth(codec, 1000, 1_700_000_000_000)
    depth(codec, 10, 1_700_000_001_000)

    assert top(codec, 11) == 0


def test_no_recorded_frame_is_late_and_no_best_price_is_older_than_the_depth_before_it() -> None:
    if not RECORDING.exists():
        pytest.skip(f"the recording {RECORDING.name} is not beside this repository")
    codec, lateness, told, late = MarketCodec(BTC), Lateness(), 0, 0
    with gzip.open(RECORDING, "rb") as file:
        for line in file:
            received, _, payload = line.partition(b" ")
            codec.made_ms = 0
            codec.top(payload, Nanos(1))
            assert not (codec.made_ms and b"bookTicker" in payload)
            if codec.made_ms:
                lateness.told(Nanos(int(received)), codec.made_ms * MS)
                told, late = told + 1, max(late, lateness.latest_ns)

    assert told == 3_451
    assert late < 50 * MS, "the recorder's clock is 1.3 s behind the venue's, and that is no lateness"
