"""What risk measures over time, beside the plainest way to measure it."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from harness.engines import SECOND
from tradingbot_runtime.core.clock_offset import ClockSample, clock_offset_ns
from tradingbot_runtime.core.meters import BestWithin, LastMinute, Meters, Remembered
from tradingbot_runtime.model import Money, Nanos

DAY = 86_400 * SECOND
MOMENTS = st.lists(st.integers(0, 200 * SECOND), min_size=1, max_size=60).map(sorted)


@given(moments=MOMENTS)
def test_the_last_minute_counts_by_whole_seconds(moments: Sequence[int]) -> None:
    counted = LastMinute()
    for moment in moments:
        counted.add(Nanos(moment))
    second = moments[-1] // SECOND

    assert counted.count(Nanos(moments[-1])) == sum(1 for m in moments if second - m // SECOND < 60)
    assert counted.count(Nanos(moments[-1] + 60 * SECOND)) == 0


@given(steps=st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(-100, 100)), min_size=1, max_size=200))
def test_the_best_of_a_window_is_never_forgotten_early_and_little_is_kept(steps: list[tuple[int, int]]) -> None:
    """Exact to a sixtieth of the window."""
    window, now, seen, best = 60 * SECOND, 0, [], BestWithin()
    for step, value in steps:
        now += step
        seen.append((now, value))
        below = best.below(Nanos(now), value, window)
        least = max(v for at, v in seen if now - at <= window) - value
        most = max(v for at, v in seen if now - at <= window + window // 60) - value
        assert least <= below <= most
        assert len(best.values) <= 61


def test_messages_cancels_and_fills_are_those_of_the_utc_day() -> None:
    meters = Meters()
    meters.sent(Nanos(DAY - 1), messages=2, cancels=0, orders=1)
    meters.sent(Nanos(DAY - 1), messages=1, cancels=1, orders=0)
    meters.filled(Nanos(DAY - 1))
    today = meters.remembered
    assert (today.messages, today.cancels, today.fills) == (3, 1, 1)

    meters.sent(Nanos(DAY), messages=1, cancels=1, orders=0)
    assert (today.day, today.messages, today.cancels, today.fills) == (1, 1, 1, 0)
    meters.filled(Nanos(DAY - 1))  # a report that comes late belongs to the day that has begun
    assert (today.day, today.fills) == (1, 1)


def test_the_drawdown_is_from_the_best_equity() -> None:
    meters = Meters()
    meters.value(Nanos(0), Money(50), Money(1_050), None)
    meters.value(Nanos(1), Money(200), None, None)
    meters.value(Nanos(2), Money(80), Money(9_999), None)

    assert (meters.best_equity, meters.below_best) == (1_200, 120)


def test_the_venues_clock_is_the_median_of_the_quick_answers() -> None:
    offset, usual = 3 * SECOND, 2_000_000
    honest = [
        ClockSample(asked_ns=i * SECOND, trip_ns=usual, venue_ns=i * SECOND + usual // 2 + offset) for i in range(3)
    ]
    lying = ClockSample(asked_ns=0, trip_ns=usual, venue_ns=10**15)
    slow = ClockSample(asked_ns=0, trip_ns=4 * usual, venue_ns=10**12)

    assert clock_offset_ns([*honest, lying, slow]) == offset
    assert clock_offset_ns([slow]) == 10**12 - 2 * usual
    assert clock_offset_ns([slow, slow, *honest]) == offset
    assert clock_offset_ns([*honest[:2], lying, slow, slow]) == offset, "three quick answers, of which one lies"


@given(trips=st.lists(st.integers(1, 10**8), min_size=5, max_size=5), offset=st.integers(-(10**10), 10**10))
def test_an_offset_is_off_by_no_more_than_half_the_slowest_trip_that_counts(trips: list[int], offset: int) -> None:
    """The way there may take all of the trip, or none of it."""
    samples = [ClockSample(asked_ns=0, trip_ns=t, venue_ns=offset + (t if i % 2 else 0)) for i, t in enumerate(trips)]

    assert abs(clock_offset_ns(samples) - offset) <= 3 * sorted(trips)[2] / 2 + 1


def test_a_drawdown_that_was_accepted_while_nobody_valued_it_is_gone_and_the_next_valuation_is_the_best() -> None:
    meters = Meters(Remembered(capital=1_000, best=500, begins_anew=True))
    assert meters.below_best == 0

    meters.value(Nanos(1), Money(200), None, None)
    assert (meters.remembered.best, meters.remembered.begins_anew, meters.below_best) == (200, False, 0)

    meters.value(Nanos(2), Money(150), None, None)
    assert (meters.remembered.best, meters.below_best) == (200, 50)


def test_a_loss_that_was_there_when_the_account_is_first_valued_is_a_drawdown_already() -> None:
    """A journal that was rebuilt knows of the day's trades, and of no best: there was one of no profit at least."""
    meters = Meters()
    meters.value(Nanos(1), Money(-5), Money(95), None)

    assert (meters.below_best, meters.best_equity) == (5, 100)
