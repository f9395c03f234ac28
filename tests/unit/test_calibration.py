"""What a feed shows of its market's flow: the fit against a market whose numbers are known."""

from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from harness.engines import trading
from tradingbot_runtime.core.book import Book
from tradingbot_runtime.core.calibration import (
    EXACTLY,
    LEVELS,
    PARTS,
    Calibration,
    CalibrationTerms,
    arrival_line,
)
from tradingbot_runtime.core.reference_price import BasisTerms
from tradingbot_runtime.inputs.snapshot import market_of, state_of
from tradingbot_runtime.model import Nanos, Ticks

D = Decimal
SECOND = 10**9
TERMS = CalibrationTerms(window_ns=600 * SECOND, interval_ns=SECOND // 10, refit_ns=5 * SECOND, depth_ppb=2_000_000)
MID = 1_000_000  # ticks: one tick is a hundredth of a basis point


def book(mid: int, spread: int = 2) -> Book:
    return Book(bid=Ticks(mid - spread // 2), ask=Ticks(mid + spread // 2))


def test_a_line_through_exact_rates_gives_back_their_numbers() -> None:
    points = [(D(d), EXACTLY.multiply(D(140), EXACTLY.exp(D("-1.5") * d))) for d in range(1, 6)]

    line = arrival_line(points)

    assert line is not None
    rate, decay = line
    assert (round(rate, 18), round(decay, 18)) == (D(140), D("1.5"))


def test_rates_that_do_not_fall_with_distance_or_too_few_of_them_say_nothing() -> None:
    assert arrival_line([(D(d), D(1)) for d in range(1, 6)]) is None
    assert arrival_line([(D(d), D(d)) for d in range(1, 6)]) is None
    assert arrival_line([(D(1), D(2)), (D(2), D(1))]) is None


def test_the_fit_finds_the_numbers_that_a_market_was_made_with() -> None:
    """Excursions of exponential length, five a second: A is 2.5 a second and side, k is 1 / (2 bps)."""
    chance, measured, now = Random(7), Calibration(), 0  # noqa: S311 - a made-up market
    for _ in range(6_000):
        away = int(chance.expovariate(1 / 200)) if chance.random() < 0.5 else 0
        side = chance.choice((-1, 1))
        measured.observe(Nanos(now), book(MID), TERMS)
        measured.observe(Nanos(now + SECOND // 20), book(MID + side * (away + 1) if away else MID), TERMS)
        now += SECOND // 10
        measured.observe(Nanos(now), book(MID), TERMS)

    flow = measured.flow
    assert flow is not None
    assert flow.decay is not None
    assert flow.rate is not None
    assert abs(flow.decay - D("0.5")) < D("0.05")
    assert abs(flow.rate - D("2.5")) < D("0.4")
    assert flow.volatility == 0  # every interval ends where it began


def test_the_volatility_is_that_of_the_steps() -> None:
    measured, now, mid = Calibration(), 0, MID
    for step in range(6_000):
        measured.observe(Nanos(now), book(mid), TERMS)
        mid += 100 if step % 2 else -100  # a basis point, every tenth of a second
        now += SECOND // 10

    assert measured.flow is not None
    assert abs(measured.flow.volatility - D(10).sqrt()) < D("0.001")


def test_before_a_quarter_of_the_window_was_seen_there_is_no_flow() -> None:
    measured = Calibration()
    for now in range(0, 149 * SECOND, SECOND // 10):
        measured.observe(Nanos(now), book(MID), TERMS)
    assert measured.flow is None
    for now in range(149 * SECOND, 160 * SECOND, SECOND // 10):
        measured.observe(Nanos(now), book(MID), TERMS)
    assert measured.flow is not None


def test_what_a_silent_feed_did_meanwhile_is_not_counted() -> None:
    measured = Calibration()
    measured.observe(Nanos(0), book(MID), TERMS)
    measured.observe(Nanos(3_600 * SECOND), book(2 * MID), TERMS)

    assert not measured.parts


def test_other_terms_start_anew() -> None:
    measured = Calibration()
    for now in range(0, 200 * SECOND, SECOND // 10):
        measured.observe(Nanos(now), book(MID), TERMS)
    other = CalibrationTerms(TERMS.window_ns, TERMS.interval_ns, TERMS.refit_ns, TERMS.depth_ppb // 2)
    measured.observe(Nanos(200 * SECOND), book(MID), other)

    assert measured.flow is None
    assert not measured.parts


def test_what_was_learned_survives_a_snapshot() -> None:
    bot = trading()
    for now in range(SECOND, 200 * SECOND, SECOND // 10):
        bot.market.estimates.calibration.observe(Nanos(now), book(MID + now % 977), TERMS)
    bot.market.estimates.basis.observe(Nanos(SECOND), (101, 1), (100, 1), BasisTerms(SECOND, 10**12))
    assert bot.market.estimates.calibration.flow is not None

    again = market_of(state_of(bot.market), bot.market.terms)

    assert again.estimates == bot.market.estimates


def test_a_market_that_jumps_beyond_all_measure_is_still_a_number() -> None:
    measured = Calibration()
    for step in range(40):
        measured.observe(Nanos(step * SECOND // 10), book(MID * 10**9 if step % 2 else MID), TERMS)

    assert all(part.squares < 2**63 for part in measured.parts)


@given(st.lists(st.tuples(st.integers(0, 400 * SECOND), st.integers(2, 10**7), st.integers(1, 10**5)), max_size=60))
def test_the_memory_is_bounded_and_no_book_breaks_it(ticks: list[tuple[int, int, int]]) -> None:
    measured, now = Calibration(), 0
    for wait, bid, spread in ticks:
        now += wait
        measured.observe(Nanos(now), Book(bid=Ticks(bid), ask=Ticks(bid + spread)), TERMS)
        assert len(measured.parts) <= PARTS
        assert all(len(part.reached) == LEVELS for part in measured.parts)
