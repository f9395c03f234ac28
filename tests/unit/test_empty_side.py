"""A venue's book on whose one side, or on neither, anybody stands: known, quoted into, and never taken for a price."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engines import BTC, SECOND, accept, engine, tick, trading
from tradingbot_runtime.config import AroundReference, AvellanedaStoikov, Grid, MarketMaking
from tradingbot_runtime.config.paper import Paper
from tradingbot_runtime.core.book import Book, VenueBook
from tradingbot_runtime.core.estimates import Estimation
from tradingbot_runtime.core.flattening import FUTILE_MOST, STEP_NS
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.core.quoting import MarketView, Quote, Strategy
from tradingbot_runtime.core.reference_price import BasisTerms, log_bps
from tradingbot_runtime.core.risk import Refusal
from tradingbot_runtime.core.risk.gates import book as book_check
from tradingbot_runtime.core.risk.validity import own_book
from tradingbot_runtime.decisions import decided
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.model import (
    CrossTicked,
    FeedLost,
    HedgeReported,
    HedgeStress,
    Lots,
    Money,
    Nanos,
    OrderCanceled,
    OrderId,
    Place,
    ReferenceTicked,
    Side,
    StateChanged,
    Ticks,
    TradingState,
    VenueTicked,
)
from tradingbot_runtime.strategies.chosen import strategy_of
from tradingbot_runtime.strategies.cross_exchange import CrossExchange
from tradingbot_runtime.ticks import as_cross, as_venue
from tradingbot_runtime.venues.paper.exchange import paper_exchange, top_of

D = Decimal
MID = 6_000_001
EMPTY_SIDES = ((None, None), (MID - 5_000, None), (None, MID + 5_000))
STRATEGIES: dict[str, Strategy] = {
    name: strategy_of(config, BTC, BTC.tick_size)
    for name, config in dict[str, AroundReference](
        ladder=MarketMaking(spread_bps=D(10), layers=3, step_bps=D(5), sizes=[D("0.01")]),
        model=AvellanedaStoikov(size=D("0.01"), risk_aversion=D("0.001"), decay_per_bps=D("0.15"),
                                horizon_ns=10**9, volatility_bps=D(2), layers=2, step_bps=D(3)),
        grid=Grid.model_validate({"lowerPrice": "59000", "upperPrice": "61000", "neutralPrice": "60000", "levels": 9,
                                  "spacing": "Arithmetic", "size": "0.01"}),
    ).items()
} | {
    "cross": CrossExchange(instrument=BTC, hedge=BTC, ratio=(1, 1), size=1_000, book_share=(1, 1), unit=10_000,
                           taker_fee=10, maker_fee=10, edge=5, late_edge=0, max_position=10_000),
}  # fmt: skip

HEDGE = HedgeReported(time_ns=Nanos(1), stress=HedgeStress.HEDGED, base=0, cash=Money(0), held_base=10**15,
                      held_quote=Money(10**16))  # fmt: skip


def venue_tick(at_ns: int, bid: int | None, ask: int | None) -> VenueTicked:
    sides = [None if price is None else Ticks(price) for price in (bid, ask)]
    return VenueTicked(time_ns=Nanos(at_ns), bid=sides[0], ask=sides[1])


def half(bid: int | None, ask: int | None) -> ReferenceTicked:
    sides = [None if price is None else Ticks(price) for price in (bid, ask)]
    return ReferenceTicked(time_ns=Nanos(SECOND), bid=sides[0], bid_lots=Lots(1), ask=sides[1], ask_lots=Lots(1),
                           update_id=1)  # fmt: skip


def apart(**changes: Any) -> Engine:  # noqa: ANN401 - of `trading`
    """A bot whose reference is another market than the one where it trades."""
    bot = trading(**changes)
    bot.market.terms = replace(bot.market.terms, reference_is_venue=False)
    return bot


def sides(quotes: Sequence[Quote]) -> set[Side]:
    return {quote.side for quote in quotes}


def view(venue: VenueBook, bid: int = MID - 1, ask: int = MID + 1) -> MarketView:
    reference = Book(Ticks(bid), Ticks(ask), Lots(10**6), Lots(10**6))
    return MarketView(reference, venue, Lots(10**8), Money(10**16), hedge=HEDGE)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("bid", "ask"), EMPTY_SIDES)
def test_every_strategy_quotes_both_sides_into_a_book_with_an_empty_side(
    strategy: str, bid: Ticks | None, ask: Ticks | None
) -> None:
    quotes = STRATEGIES[strategy].quotes(view(VenueBook(bid, ask, is_known=True)))

    assert sides(quotes) == {Side.BUY, Side.SELL}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_strategy_quotes_into_a_book_that_is_not_known(strategy: str) -> None:
    assert STRATEGIES[strategy].quotes(view(VenueBook())) == ()


prices = st.integers(5_900_000, 6_100_000)


@given(st.sampled_from(sorted(STRATEGIES)), prices, st.integers(1, 500), st.none() | prices,
       st.none() | st.integers(1, 5_000))  # fmt: skip
def test_no_quote_crosses_a_side_that_exists(
    strategy: str, reference: int, width: int, venue_bid: int | None, venue_width: int | None
) -> None:
    bid = None if venue_bid is None else Ticks(venue_bid)
    ask = None if venue_width is None else Ticks((venue_bid or reference) + venue_width)

    quotes = STRATEGIES[strategy].quotes(view(VenueBook(bid, ask, is_known=True), reference, reference + width))

    for quote in quotes:
        if quote.side is Side.BUY:
            assert ask is None or quote.price < ask
        else:
            assert bid is None or quote.price > bid
    buys, sales = ([q.price for q in quotes if q.side is side] for side in Side)
    assert not buys or not sales or max(buys) < min(sales), "nor our own other side"


@pytest.mark.parametrize("fallen", [59_100, 60_900])
def test_a_grid_alone_never_offers_a_better_price_than_the_market(fallen: int) -> None:
    """Its levels are fixed: with nobody there to be clamped against, the reference says where the market is."""
    mid = fallen * 100
    quotes = STRATEGIES["grid"].quotes(view(VenueBook(is_known=True), mid - 1, mid + 1))

    assert sides(quotes) == {Side.BUY, Side.SELL}
    assert all(q.price < mid if q.side is Side.BUY else q.price > mid for q in quotes)


def test_an_empty_side_is_no_reason_for_risk_to_refuse_and_an_existing_one_still_is() -> None:
    bot = apart()
    bot.handle(tick(SECOND))
    bot.handle(venue_tick(SECOND, None, MID + 100))
    now, limits = bot.market.situation(Nanos(SECOND), 9), bot.market.terms.limits
    buy, sale = (Place(order_id=OrderId("o"), side=side, price=Ticks(MID + 100), quantity=Lots(10)) for side in Side)

    assert book_check(sale, now, limits) is None
    assert own_book(sale, now, limits) is None
    verdict = own_book(buy, now, limits)
    assert verdict is not None
    assert verdict[0] is Refusal.WOULD_TAKE


@pytest.mark.parametrize(("bid", "ask"), EMPTY_SIDES)
def test_a_bot_alone_quotes_both_sides_and_a_feed_that_is_lost_takes_them_away(
    bid: int | None, ask: int | None
) -> None:
    bot = apart()
    bot.handle(tick(SECOND))
    assert bot.quotes == (), "the venue has not said anything yet"
    sent = bot.handle(venue_tick(SECOND, bid, ask))
    assert {a.command.side for a in sent if isinstance(a.command, Place)} == {Side.BUY, Side.SELL}
    assert (decided(bot, tick(SECOND)).venue_bid, decided(bot, tick(SECOND)).venue_known) == (bid, True)

    bot.handle(FeedLost(time_ns=Nanos(SECOND), feed="venue", reason="Crossed"))

    assert bot.quotes == ()
    assert (decided(bot, tick(SECOND)).venue_bid, decided(bot, tick(SECOND)).venue_known) == (None, False)
    assert not bot.market.situation(Nanos(SECOND), 9).book_valid


@pytest.mark.parametrize(("bid", "ask"), EMPTY_SIDES)
def test_where_the_reference_is_the_venue_half_a_book_has_no_price(bid: int | None, ask: int | None) -> None:
    bot = trading()
    bot.handle(tick(SECOND))
    assert bot.quotes

    bot.handle(half(bid, ask))

    assert bot.quotes == ()
    assert not bot.market.situation(Nanos(SECOND), 9).book_valid
    assert bot.market.mid_2 == 0


def test_a_venue_that_sends_a_price_of_zero_is_no_market() -> None:
    assert not VenueBook(Ticks(0), None, is_known=True).is_valid
    assert not VenueBook(None, Ticks(0), is_known=True).is_valid
    assert not VenueBook(Ticks(2), Ticks(2), is_known=True).is_valid


def test_a_venues_tick_keeps_its_empty_side() -> None:
    event = as_venue(half(None, 5))

    assert isinstance(event, VenueTicked)
    assert (event.bid, event.ask) == (None, 5)


def test_half_a_book_of_the_second_source_is_no_price_to_compare_with() -> None:
    assert isinstance(as_cross(half(MID, None), Fraction(1)), FeedLost)
    assert isinstance(as_cross(half(MID, MID + 2), Fraction(1)), CrossTicked)


def test_the_mid_of_half_a_book_never_diverges_from_the_reference() -> None:
    bot = apart(max_divergence=(1, 100))
    bot.handle(tick(SECOND))
    bot.handle(venue_tick(SECOND, MID // 2, None))
    assert bot.market.other_price == (0, 1)

    bot.handle(venue_tick(SECOND, MID // 2, MID // 2 + 2))
    assert bot.market.other_price == (MID // 2 * 2 + 2, 1)


def alone(bot: Engine, at_ns: int) -> None:
    """The venue shows our own orders, and nobody else's."""
    resting = [order for order in bot.market.orders if not order.is_closed]
    buys, sales = ([order.price for order in resting if order.side is side] for side in Side)
    bot.handle(venue_tick(at_ns, max(buys, default=None), min(sales, default=None)))


def settle(bot: Engine, at_ns: int) -> None:
    """The venue does at once what the bot wants, until that is all there."""
    for _ in range(10):
        for order in list(bot.market.orders.live.values()):
            if order.state is OrderState.PENDING_CANCEL:
                bot.handle(OrderCanceled(time_ns=Nanos(at_ns), order_id=order.id))
            elif not order.seen:
                bot.handle(accept(order.id, at_ns))
        alone(bot, at_ns)


@pytest.mark.parametrize("move", [60_000, -60_000])
def test_our_own_old_quotes_do_not_hold_us_back(move: int) -> None:
    """The clamp keeps off them while they are there; they leave, and the new ones are where they should be."""
    bot = apart()
    bot.handle(tick(SECOND))
    bot.handle(venue_tick(SECOND, None, None))
    settle(bot, SECOND)
    assert bot.market.venue.bid is not None, "our own bid is what the venue shows"

    bot.handle(tick(2 * SECOND, MID - 1 + move, MID + 1 + move))
    settle(bot, 2 * SECOND)

    reference = Book(Ticks(MID - 1 + move), Ticks(MID + 1 + move))
    wanted = bot.market.terms.strategy.quotes(
        replace(bot.market.view, reference=reference, venue=VenueBook(is_known=True))
    )
    assert {(o.side, o.price) for o in bot.market.orders} == {(q.side, q.price) for q in wanted}


def test_the_echo_of_our_own_quotes_teaches_no_basis() -> None:
    bot = apart(layers=1)
    guarded = Estimation(BasisTerms(SECOND, log_bps(D(50)), log_bps(D(200))))
    bot.market.terms = replace(bot.market.terms, estimation=guarded)
    bot.handle(tick(SECOND))
    bot.handle(venue_tick(SECOND, None, None))
    settle(bot, SECOND)
    bot.handle(tick(2 * SECOND, MID + 1_000, MID + 1_002))
    assert bot.market.estimates.basis.seen_ns is None

    assert bot.market.venue.bid is not None
    bot.handle(venue_tick(2 * SECOND, bot.market.venue.bid, MID + 2_000))  # somebody else offers
    bot.handle(tick(3 * SECOND, MID + 1_000, MID + 1_002))
    assert bot.market.estimates.basis.seen_ns == 3 * SECOND


def test_closing_a_position_waits_for_somebody_to_take_and_does_not_give_up_meanwhile() -> None:
    bot = engine(max_slippage=(1, 100))
    bot.market.terms = replace(bot.market.terms, reference_is_venue=False)
    bot.market.position.lots = Lots(1_000)
    bot.market.account.base = 10**8
    bot.handle(StateChanged(time_ns=Nanos(1), state=TradingState.HALTED, reason="MaxLoss", flatten=True))
    for step in range(1, 3 * FUTILE_MOST):
        now_ns = step * STEP_NS
        bot.handle(venue_tick(now_ns, None, MID + 10))
        assert bot.handle(tick(now_ns)) == [], "nobody buys"

    bot.handle(venue_tick(now_ns, MID - 10, None))

    assert [order.side for order in bot.market.orders] == [Side.SELL]


def test_the_paper_account_opens_by_whichever_side_has_a_price_and_shows_only_that_side() -> None:
    exchange = paper_exchange(BTC, half(None, MID), Paper())
    exchange.on_market(top_of(BTC, half(None, MID)), 1)

    assert exchange.book(BTC.symbol).bids.best() is None
    assert exchange.book(BTC.symbol).asks.best() == MID
    with pytest.raises(ValueError, match="has no price"):
        paper_exchange(BTC, half(None, None), Paper())
