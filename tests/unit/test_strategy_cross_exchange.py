"""Quotes at hedge cost, and the ledger that lets no fill go unhedged and hedges none twice."""

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tradingbot_runtime.core.book import Book, VenueBook
from tradingbot_runtime.core.hedging import HedgeTerms, Hedging
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.core.quoting import MarketView, Quote
from tradingbot_runtime.model import (
    HedgeReported,
    HedgeStress,
    Instrument,
    Lots,
    Money,
    Nanos,
    OrderFilled,
    OrderId,
    Side,
    Ticks,
)
from tradingbot_runtime.strategies.cross_exchange import CrossExchange, taking_price

D = Decimal
SECOND = 10**9
MAKER = Instrument(venue="deltadefi", symbol="ADAUSDM", base="ADA", quote="USDM", tick_size=D("0.0001"),
                   lot_size=D("0.01"), min_lots=Lots(1), max_lots=Lots(10**9), min_notional=Money(0))  # fmt: skip
HEDGE = Instrument(venue="binance", symbol="ADAUSDT", base="ADA", quote="USDT", tick_size=D("0.0001"),
                   lot_size=D("0.1"), min_lots=Lots(1), max_lots=Lots(10**9),
                   min_notional=Money(5 * 10**8))  # fmt: skip
BOOK = Book(bid=Ticks(5000), ask=Ticks(5001), bid_lots=Lots(4_000), ask_lots=Lots(90))
TERMS = HedgeTerms(HEDGE, slippage=(20, 10_000), timeout_ns=2 * SECOND, max_order=Lots(1_000))


RICH = HedgeReported(time_ns=Nanos(1), stress=HedgeStress.HEDGED, base=0, cash=Money(0), held_base=10**15,
                     held_quote=Money(10**15))  # fmt: skip


def cross(**changes: int) -> CrossExchange:
    rates = {"unit": 10_000, "taker_fee": 10, "maker_fee": 10, "edge": 5, "late_edge": 20, "size": 10_000,
             "max_position": 50_000}  # fmt: skip
    return CrossExchange(instrument=MAKER, hedge=HEDGE, ratio=(1, 1), book_share=(1, 2), **(rates | changes))


def quoted(
    strategy: CrossExchange, position: int = 0, venue: VenueBook | None = None, hedge: HedgeReported | None = RICH,
    residual: int = 0,
) -> list[tuple[Side, int, int]]:  # fmt: skip
    wide = venue or VenueBook(Ticks(4_900), Ticks(5_100), is_known=True)
    made = strategy.quotes(MarketView(BOOK, wide, Lots(0), Money(0), Lots(position), hedge=hedge, residual=residual))
    return [(quote.side, quote.price, quote.quantity) for quote in made]


def test_golden_quotes_at_hedge_cost() -> None:
    """5000 * (0.999 * 0.999 - 0.0005) = 4987.505; 5001 * (1.001 * 1.001 + 0.0005) = 5013.507501."""
    assert quoted(cross()) == [(Side.BUY, 4_987, 10_000), (Side.SELL, 5_014, 450)]  # half of 9 ADA rest at the ask


def test_the_position_bounds_what_is_quoted() -> None:
    assert quoted(cross(), 45_000)[0] == (Side.BUY, 4_987, 5_000)
    assert [side for side, *_ in quoted(cross(), 50_000)] == [Side.SELL]


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.integers(4_900, 5_099), st.integers(1, 50))
def test_a_fill_that_is_hedged_at_the_best_price_always_leaves_the_edge(
    taker: int, maker: int, edge: int, venue_bid: int, venue_width: int
) -> None:
    strategy = cross(taker_fee=taker, maker_fee=maker, edge=edge)
    venue = VenueBook(Ticks(venue_bid), Ticks(venue_bid + venue_width), is_known=True)
    for side, price, _ in quoted(strategy, venue=venue):
        paid, took = Fraction(maker, 10_000), Fraction(taker, 10_000)
        if side is Side.BUY:
            assert BOOK.bid * (1 - took) * (1 - paid) - price >= BOOK.bid * Fraction(edge, 10_000)
        else:
            assert price - BOOK.ask * (1 + took) * (1 + paid) >= BOOK.ask * Fraction(edge, 10_000)


def test_taking_costs_the_volume_weighted_price_of_the_levels_it_needs() -> None:
    levels = [(100, 5), (101, 5)]

    assert taking_price(levels, 5) == (500, 5)
    assert taking_price(levels, 8) == (803, 8)
    assert taking_price(levels, 11) is None


def test_nothing_is_quoted_before_the_hedge_market_has_told_of_itself() -> None:
    assert quoted(cross(), hedge=None) == []


def test_no_more_is_quoted_than_the_account_at_the_hedge_market_can_pay_for() -> None:
    """There are 20 ADA and 2.2 USDT there: enough to sell 20 ADA on, and to buy back 4.38 at 0.5014."""
    poor = replace(RICH, held_base=20 * 10**8, held_quote=Money(22 * 10**7))

    assert quoted(cross(), hedge=poor) == [(Side.BUY, 4_987, 2_000), (Side.SELL, 5_014, 438)]
    assert quoted(cross(), hedge=poor, residual=15 * 10**8)[0] == (Side.BUY, 4_987, 500)
    assert quoted(cross(), hedge=poor, residual=-(10**8))[1] == (Side.SELL, 5_014, 338)


def test_while_the_hedge_is_late_quotes_are_further_out_and_then_only_take_the_residual_away() -> None:
    """5000 * (0.999 * 0.999 - 0.0025) = 4977.505; 5001 * (1.001 * 1.001 + 0.0025) = 5023.509501."""
    wider, bad = replace(RICH, stress=HedgeStress.WIDER), replace(RICH, stress=HedgeStress.REDUCING)

    assert [quote[:2] for quote in quoted(cross(), hedge=wider)] == [(Side.BUY, 4_977), (Side.SELL, 5_024)]
    assert quoted(cross(), hedge=bad, residual=10**8) == [(Side.SELL, 5_024, 100)]
    assert quoted(cross(), hedge=bad, residual=-(10**8)) == [(Side.BUY, 4_977, 100)]
    assert quoted(cross(), hedge=bad) == []


@dataclass
class Pair:
    """Both markets' fills, and what follows from them for the hedge."""

    hedging: Hedging = field(default_factory=Hedging)
    quoted: Position = field(default_factory=lambda: Position(MAKER))
    hedged: Position = field(default_factory=lambda: Position(HEDGE))

    def fill(self, position: Position, side: Side, lots: int, fee: int = 0) -> None:
        position.apply(
            OrderFilled(time_ns=Nanos(1), order_id=OrderId("o"), trade_id="t", side=side, price=Ticks(5000),
                        quantity=Lots(lots), fee=fee, fee_asset="ADA" if fee else "USDM")
        )  # fmt: skip

    def made(self, side: Side, lots: int, fee: int = 0) -> None:
        self.fill(self.quoted, side, lots, fee)
        self.look()

    def took(self, side: Side, lots: int) -> None:
        self.fill(self.hedged, side, lots)
        self.look()

    def look(self, seconds: float = 0, book: Book = BOOK) -> HedgeStress:
        self.hedging.quoted = self.quoted.net_base
        self.hedging.watch(Nanos(int(seconds * SECOND)), self.hedged.net_base, book, TERMS)
        return self.hedging.stress

    def due(self, *working: Order, book: Book = BOOK) -> Quote | None:
        return self.hedging.due(book, working, TERMS)


def hedging(side: Side, lots: int, state: OrderState) -> Order:
    return Order(OrderId(f"h{lots}"), side, Ticks(4_990), Lots(lots), state=state)


def test_a_fill_is_hedged_by_a_taking_order_with_a_cap() -> None:
    pair = Pair()
    pair.made(Side.BUY, 10_000)  # 100 ADA

    assert pair.due() == Quote(Side.SELL, Ticks(4_990), Lots(1_000))
    pair.took(Side.SELL, 1_000)
    assert (pair.hedging.residual, pair.due()) == (0, None)


def test_before_it_is_known_what_the_quoted_market_has_done_nothing_is_hedged() -> None:
    pair = Pair()
    pair.fill(pair.hedged, Side.SELL, 1_000)
    pair.hedging.watch(Nanos(1), pair.hedged.net_base, BOOK, TERMS)

    assert (pair.hedging.residual, pair.due()) == (0, None)


def test_what_is_too_small_to_hedge_adds_up_and_is_not_late() -> None:
    pair = Pair()
    for _ in range(3):
        pair.made(Side.SELL, 333)  # 3.33 ADA: less than 5 USDT
        assert pair.look(100) is HedgeStress.HEDGED
        assert pair.due() is None
    pair.made(Side.SELL, 333)

    assert pair.due() == Quote(Side.BUY, Ticks(5_011), Lots(133))
    pair.took(Side.BUY, 133)
    assert pair.hedging.residual == -2_000_000  # 0.02 ADA wait for the next fill


def test_a_fee_in_the_base_asset_is_not_hedged() -> None:
    pair = Pair()
    pair.made(Side.BUY, 10_000, fee=10_000_000)  # 100 ADA less 0.1 ADA

    due = pair.due()
    assert due is not None
    assert due.quantity == 999


def test_orders_on_their_way_and_of_unknown_fate_are_never_doubled() -> None:
    pair = Pair()
    pair.made(Side.BUY, 10_000)

    for state in (OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.LOST, OrderState.PENDING_CANCEL):
        assert pair.due(hedging(Side.SELL, 1_000, state)) is None
        part = pair.due(hedging(Side.SELL, 400, state))
        assert part is not None
        assert (part.side, part.quantity) == (Side.SELL, 600)


def test_a_late_hedge_quotes_wider_then_only_reduces_and_recovers_when_it_is_done() -> None:
    pair = Pair()
    pair.fill(pair.quoted, Side.BUY, 10_000)
    stress = [pair.look(seconds) for seconds in (10, 11, 12, 13, 14, 60)]

    assert stress == [HedgeStress.HEDGED, HedgeStress.HEDGED, HedgeStress.WIDER, HedgeStress.WIDER,
                      HedgeStress.REDUCING, HedgeStress.REDUCING]  # fmt: skip
    pair.fill(pair.hedged, Side.SELL, 1_000)
    assert pair.look(61) is HedgeStress.HEDGED


def test_fills_that_come_faster_than_hedges_are_not_late_as_long_as_each_is_hedged_in_time() -> None:
    pair = Pair()
    pair.fill(pair.quoted, Side.BUY, 10_000)
    for second in range(20):
        assert pair.look(second) is HedgeStress.HEDGED, second
        pair.fill(pair.quoted, Side.BUY, 10_000)  # there is something open at every moment
        pair.fill(pair.hedged, Side.SELL, 1_000)


def test_a_hedge_that_is_done_in_part_is_as_late_as_its_oldest_part() -> None:
    pair = Pair()
    pair.fill(pair.quoted, Side.BUY, 10_000)
    pair.look(1)
    pair.fill(pair.hedged, Side.SELL, 500)

    assert pair.look(2) is HedgeStress.HEDGED
    assert pair.look(3) is HedgeStress.WIDER


def test_without_a_book_there_is_no_price_to_hedge_at_and_the_hedge_gets_late_all_the_same() -> None:
    pair = Pair()
    pair.fill(pair.quoted, Side.BUY, 10_000)

    assert pair.look(1) is HedgeStress.HEDGED
    assert pair.due(book=Book()) is None
    assert pair.look(4, Book()) is HedgeStress.WIDER


def test_a_resting_order_stays_for_half_the_timeout_and_one_of_unknown_fate_for_ever() -> None:
    pair = Pair()
    pair.made(Side.BUY, 10_000)
    resting, unknown = hedging(Side.SELL, 400, OrderState.OPEN), hedging(Side.SELL, 600, OrderState.UNKNOWN)
    kept = [Quote(order.side, order.price, order.quantity) for order in (resting, unknown)]

    def wanted(seconds: float, *orders: Order) -> list[Quote]:
        return list(pair.hedging.quotes(Nanos(int(seconds * SECOND)), BOOK, orders, TERMS))

    assert wanted(10, resting, unknown) == kept
    assert wanted(10.9, resting, unknown) == kept
    assert wanted(11, resting, unknown) == kept[1:]  # it goes; until it is gone nothing takes its place
    assert wanted(11.1, hedging(Side.SELL, 400, OrderState.PENDING_CANCEL), unknown) == kept[1:]
    assert wanted(11.2, unknown) == [kept[1], Quote(Side.SELL, Ticks(4_990), Lots(400))]


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 20_000), st.sampled_from([0, 1, 3])), max_size=40))
def test_whatever_fills_come_the_residual_is_what_was_made_less_what_was_hedged(
    fills: list[tuple[Side, int, int]],
) -> None:
    """Each hedge is filled whole, in part, or of unknown fate until the end."""
    pair, made, hedged, unknown = Pair(), 0, 0, list[Order]()
    for side, lots, parts in fills:
        pair.made(side, lots)
        made += side.sign * lots * MAKER.lot_units
        due = pair.due(*unknown)
        if due is None:
            continue
        open_now = pair.hedging.residual + sum(o.side.sign * o.quantity for o in unknown) * HEDGE.lot_units
        assert abs(open_now + due.side.sign * due.quantity * HEDGE.lot_units) <= abs(open_now)
        if not parts:
            unknown.append(hedging(due.side, due.quantity, OrderState.UNKNOWN))
            continue
        filled = max(due.quantity // parts, 1)
        pair.took(due.side, filled)
        hedged += due.side.sign * filled * HEDGE.lot_units
    pair.look()
    assert pair.hedging.residual == made + hedged


def test_a_hedge_that_cannot_be_withdrawn_stays_and_keeps_no_other_one_back() -> None:
    pair = Pair()
    old = Order(OrderId("old"), Side.SELL, Ticks(5000), Lots(40), state=OrderState.OPEN)
    pair.hedging.quotes(Nanos(0), BOOK, [old], TERMS)
    pair.made(Side.BUY, 10_000)
    late = Nanos(TERMS.patience_ns)

    free = pair.hedging.quotes(late, BOOK, [old], TERMS)
    held = pair.hedging.quotes(late, BOOK, [old], TERMS, {old.id})
    assert len(free) == 1
    assert held == (Quote(Side.SELL, Ticks(5000), Lots(40)), *free)
