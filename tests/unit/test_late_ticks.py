"""A tick that is late is as old as that: to quotes, to orders, and to what is learned from prices."""

from dataclasses import replace as changed
from fractions import Fraction

import pytest
from msgspec.structs import replace

from harness.engines import SECOND, engine, tick, trading
from tradingbot_runtime.core.estimates import Estimation
from tradingbot_runtime.core.reference_price import BasisTerms
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.inputs.snapshot import market_of, state_of
from tradingbot_runtime.model import (
    CrossTicked,
    Nanos,
    Place,
    ReferenceTicked,
    Ticks,
    TimePassed,
    VenueTicked,
)
from tradingbot_runtime.ticks import as_cross, as_venue

LIMIT_NS = 3 * SECOND  # the harness' staleAfter
NOW = 100 * SECOND


def late(now_ns: int, late_ns: int) -> ReferenceTicked:
    return replace(tick(now_ns), late_ns=late_ns)


def places(bot: Engine, event: ReferenceTicked | VenueTicked | CrossTicked | TimePassed) -> bool:
    return any(isinstance(approved.command, Place) for approved in bot.handle(event))


def apart() -> Engine:
    """Reference and venue are two feeds."""
    bot = trading()
    bot.market.terms = changed(bot.market.terms, reference_is_venue=False)
    return bot


@pytest.mark.parametrize(("late_ns", "quoted"), [(0, True), (LIMIT_NS, True), (LIMIT_NS + 1, False)])
def test_quotes_are_made_on_a_tick_that_is_late_by_no_more_than_the_limit(late_ns: int, *, quoted: bool) -> None:
    assert places(trading(), late(NOW, late_ns)) is quoted


def test_ticks_that_go_on_coming_late_withdraw_the_quotes_and_place_nothing() -> None:
    bot = trading()
    assert places(bot, tick(NOW))
    bot.handle(late(NOW + SECOND, LIMIT_NS + 1))
    assert bot.quotes == ()
    for second in range(2, 10):
        assert not places(bot, late(NOW + second * SECOND, LIMIT_NS + 1))


def test_being_late_and_being_silent_add_up() -> None:
    bot = trading()
    assert places(bot, late(NOW, 2 * SECOND))
    bot.handle(TimePassed(time_ns=Nanos(NOW + SECOND)))
    assert bot.quotes
    bot.handle(TimePassed(time_ns=Nanos(NOW + SECOND + 1)))
    assert bot.quotes == ()


def test_the_venues_own_book_may_be_late_as_well() -> None:
    bot = apart()
    bot.handle(tick(NOW))
    assert not places(bot, VenueTicked(time_ns=Nanos(NOW), bid=Ticks(1), ask=Ticks(2 * 10**7), late_ns=LIMIT_NS + 1))
    assert places(bot, VenueTicked(time_ns=Nanos(NOW), bid=Ticks(1), ask=Ticks(2 * 10**7), late_ns=LIMIT_NS))


def test_the_second_source_of_the_price_may_be_late_as_well() -> None:
    bot = trading(max_divergence=(1, 100), cross_checked=True)
    bot.handle(tick(NOW))
    assert not places(bot, CrossTicked(time_ns=Nanos(NOW), mid_2=12_000_002, unit=1, late_ns=LIMIT_NS + 1))
    assert places(bot, CrossTicked(time_ns=Nanos(NOW), mid_2=12_000_002, unit=1, late_ns=LIMIT_NS))


def test_how_late_a_tick_is_goes_with_it_whatever_it_is_to_a_market() -> None:
    cross, venue = as_cross(late(NOW, 7), Fraction(1)), as_venue(late(NOW, 7))
    assert isinstance(cross, CrossTicked)
    assert isinstance(venue, VenueTicked)
    assert (cross.late_ns, venue.late_ns) == (7, 7)


def test_nothing_is_learned_from_prices_that_are_too_old_to_quote_on() -> None:
    bot = apart()
    bot.market.terms = changed(bot.market.terms, estimation=Estimation(BasisTerms(SECOND, 10**13)))
    other = VenueTicked(time_ns=Nanos(NOW), bid=Ticks(5_999_990), ask=Ticks(6_000_000))
    bot.handle(other)
    bot.handle(late(NOW, LIMIT_NS + 1))
    assert bot.market.estimates.basis.seen_ns is None
    bot.handle(replace(other, late_ns=LIMIT_NS + 1))
    bot.handle(late(NOW + 1, LIMIT_NS))
    assert bot.market.estimates.basis.seen_ns is None, "two prices of different times have no basis"

    bot.handle(other)
    bot.handle(late(NOW + 2, LIMIT_NS))
    assert bot.market.estimates.basis.seen_ns == NOW + 2


def test_a_snapshot_keeps_how_late_a_market_is() -> None:
    bot = engine()
    bot.handle(late(NOW, 5))
    again = market_of(state_of(bot.market), bot.market.terms)

    assert (again.reference, again.venue) == (bot.market.reference, bot.market.venue)
    assert (again.reference.late_ns, again.reference.seen_ns) == (5, NOW - 5)
