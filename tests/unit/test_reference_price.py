"""The price that quotes are made around: the golden vectors, the basis, and the guard of the peg."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engines import BTC, SECOND, accept, tick, trading
from tradingbot_runtime.config import MarketMaking, ReferencePriceKind
from tradingbot_runtime.core.book import Book, VenueBook
from tradingbot_runtime.core.estimates import Estimates, Estimation
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.core.quoting import MarketView
from tradingbot_runtime.core.reference_price import (
    SCALE,
    Basis,
    BasisTerms,
    ReferencePrice,
    depegged,
    growth,
    log_bps,
    logarithm,
)
from tradingbot_runtime.model import Lots, Money, Nanos, Ticks, VenueTicked
from tradingbot_runtime.strategies.market_making import ladder

D = Decimal
GOLDEN = Book(bid=Ticks(5000), ask=Ticks(5002), bid_lots=Lots(300), ask_lots=Lots(100))


def price(
    kind: ReferencePriceKind, book: Book = GOLDEN, basis: int = 0, shifts: tuple[tuple[int, ...], ...] = ()
) -> Fraction:
    """`shifts` in tenths of a tick."""
    return Fraction(*ReferencePrice(kind, shifts=shifts, shift_unit=10).of(book, basis))


def test_golden_mid_and_weighted_mid() -> None:
    assert price(ReferencePriceKind.MID) == 5001
    assert price(ReferencePriceKind.WEIGHTED_MID) == Fraction("5001.5")  # the heavier bid pushes up


TABLE = ((0, 2), (1, 6))


@pytest.mark.parametrize(
    ("spread", "bid_lots", "ask_lots", "shift"),
    [
        (2, 300, 100, "0.6"),  # imbalance 1/2: the second half
        (2, 100, 300, "-0.6"),
        (2, 101, 100, "0.1"),
        (1, 100, 0, "0.2"),
        (1, 50, 50, "0"),
        (3, 300, 100, "0"),  # wider than the table: the mid
        (2, 0, 0, "0"),  # a book without quantities: the mid
    ],
)
def test_the_micro_price_is_the_mid_and_a_shift_from_the_table(
    spread: int, bid_lots: int, ask_lots: int, shift: str
) -> None:
    book = Book(Ticks(5000), Ticks(5000 + spread), Lots(bid_lots), Lots(ask_lots))

    mid = price(ReferencePriceKind.MID, book)
    assert price(ReferencePriceKind.MICRO_PRICE, book, shifts=TABLE) - mid == Fraction(shift)


def test_a_price_is_turned_into_our_ticks_exactly() -> None:
    assert Fraction(*ReferencePrice(numerator=100, denominator=3).of(GOLDEN)) == Fraction(5001 * 100, 3)


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_the_logarithm_agrees_with_the_mathematical_one(a: int, b: int) -> None:
    if not 2 * b < 3 * a < 4 * b:
        return
    assert abs(logarithm(a, b) / SCALE - log(Fraction(a, b))) < 1e-9


@given(st.integers(-SCALE, SCALE))
def test_the_growth_agrees_with_the_mathematical_one(x: int) -> None:
    assert abs(growth(x) / SCALE - (exp(x / SCALE) - 1)) < 1e-12


def test_the_basis_moves_the_price_by_its_exponential() -> None:
    assert abs(price(ReferencePriceKind.MID, basis=log_bps(D(100))) / 5001 - Fraction(exp(0.01))) < Fraction(1, 10**12)


MINUTE = BasisTerms(time_constant_ns=60 * SECOND, clip=log_bps(D(50)), depeg=log_bps(D(200)))


def test_the_basis_forgets_with_time_and_not_with_the_number_of_ticks() -> None:
    slow, fast = Basis(), Basis()
    for basis, step in ((slow, SECOND), (fast, SECOND // 100)):
        basis.observe(Nanos(0), (10_000, 1), (10_000, 1), MINUTE)
        for now in range(step, 60 * SECOND + 1, step):
            basis.observe(Nanos(now), (10_010, 1), (10_000, 1), MINUTE)

    reached = log(1.001) * (1 - exp(-1))  # after one time constant
    assert abs(slow.average / SCALE - reached) < reached / 100
    assert abs(fast.average / SCALE - reached) < reached / 1_000


def test_the_first_pair_is_believed_and_the_shift_is_clipped() -> None:
    basis = Basis()
    basis.observe(Nanos(5), (10_100, 1), (10_000, 1), MINUTE)

    assert basis.average == logarithm(10_100, 10_000)
    assert basis.shift(MINUTE) == log_bps(D(50))


def test_a_basis_beyond_the_limit_either_way_is_a_lost_peg() -> None:
    assert depegged(log_bps(D(201)), MINUTE.depeg)
    assert depegged(-log_bps(D(201)), MINUTE.depeg)
    assert not depegged(log_bps(D(199)), MINUTE.depeg)
    assert not depegged(SCALE, None)


def test_without_a_book_nothing_is_learned() -> None:
    learned, terms = Estimates(), Estimation(MINUTE)
    learned.observe(Nanos(1), GOLDEN, None, (1, 1), terms)
    learned.observe(Nanos(1), Book(), 10_002, (1, 1), terms)

    assert learned.basis.seen_ns is None


def test_the_quotes_follow_the_basis() -> None:
    making = MarketMaking(spread_bps=D(10), sizes=[D("0.01")])
    made = ladder(making, BTC, ReferencePrice())
    book = Book(Ticks(6_000_000), Ticks(6_000_002))
    venue = VenueBook(Ticks(5_900_000), Ticks(6_100_000), is_known=True)

    plain, shifted = (
        [quote.price for quote in made.quotes(MarketView(book, venue, Lots(1), Money(1), basis=basis))]
        for basis in (0, log_bps(D(20)))
    )

    assert [Fraction(new, old) for old, new in zip(plain, shifted, strict=True)] == pytest.approx([exp(0.002)] * 2)


def test_a_venue_off_its_peg_withdraws_what_would_add_to_the_position() -> None:
    bot = trading(layers=1, max_distance=(1, 2))
    guarded = Estimation(BasisTerms(SECOND, log_bps(D(50)), log_bps(D(200))))
    bot.market.terms = replace(bot.market.terms, estimation=guarded, reference_is_venue=False)
    bot.handle(VenueTicked(time_ns=Nanos(SECOND), bid=Ticks(6_000_000), ask=Ticks(6_000_002)))
    for approved in bot.handle(tick(SECOND)):
        bot.handle(accept(approved.command.order_id, SECOND))
    assert [order.state for order in bot.market.orders] == [OrderState.OPEN] * 2

    bot.market.venue.apply(VenueTicked(time_ns=Nanos(2 * SECOND), bid=Ticks(5_800_000), ask=Ticks(5_800_002)))
    bot.handle(tick(3 * SECOND))

    assert bot.quotes == ()  # no position: there is nothing to reduce
    assert [order.state for order in bot.market.orders] == [OrderState.PENDING_CANCEL] * 2
