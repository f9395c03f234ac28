"""Quotes at hedge cost, and the ledger that lets no fill go unhedged and hedges none twice."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tradingbot_runtime.core.book import Book, VenueBook
from tradingbot_runtime.core.hedging import HedgeStress, HedgeTerms, ResidualLedger
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.core.quoting import MarketView, Quote
from tradingbot_runtime.model import Instrument, Lots, Money, Nanos, OrderFilled, OrderId, Side, Ticks
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


def cross(**changes: int) -> CrossExchange:
    rates = {"unit": 10_000, "taker_fee": 10, "maker_fee": 10, "edge": 5, "size": 10_000, "max_position": 50_000}
    return CrossExchange(instrument=MAKER, hedge=HEDGE, ratio=(1, 1), book_share=(1, 2), **(rates | changes))


def quoted(strategy: CrossExchange, position: int = 0, venue: VenueBook | None = None) -> list[tuple[Side, int, int]]:
    wide = venue or VenueBook(Ticks(4_900), Ticks(5_100), is_known=True)
    made = strategy.quotes(MarketView(BOOK, wide, Lots(0), Money(0), Lots(position)))
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


def fill(side: Side, lots: int, fee: int = 0) -> OrderFilled:
    return OrderFilled(time_ns=Nanos(1), order_id=OrderId("o"), trade_id="t", side=side, price=Ticks(5000),
                       quantity=Lots(lots), fee=fee, fee_asset="ADA" if fee else "USDM")  # fmt: skip


def hedging(side: Side, lots: int, state: OrderState) -> Order:
    return Order(OrderId(f"h{lots}"), side, Ticks(4_990), Lots(lots), state=state)


def test_a_fill_is_hedged_by_a_taking_order_with_a_cap() -> None:
    ledger = ResidualLedger()
    ledger.filled(fill(Side.BUY, 10_000), MAKER)  # 100 ADA

    assert ledger.due(BOOK, [], TERMS) == Quote(Side.SELL, Ticks(4_990), Lots(1_000))
    ledger.filled(fill(Side.SELL, 1_000), HEDGE)
    assert (ledger.residual, ledger.due(BOOK, [], TERMS)) == (0, None)


def test_what_is_too_small_to_hedge_adds_up_and_is_not_late() -> None:
    ledger = ResidualLedger()
    for _ in range(3):
        ledger.filled(fill(Side.SELL, 333), MAKER)  # 3.33 ADA: less than 5 USDT
        assert ledger.watch(Nanos(100 * SECOND), BOOK, TERMS) is HedgeStress.HEDGED
        assert ledger.due(BOOK, [], TERMS) is None
    ledger.filled(fill(Side.SELL, 333), MAKER)

    assert ledger.due(BOOK, [], TERMS) == Quote(Side.BUY, Ticks(5_011), Lots(133))
    ledger.filled(fill(Side.BUY, 133), HEDGE)
    assert ledger.residual == -2_000_000  # 0.02 ADA wait for the next fill


def test_a_fee_in_the_base_asset_is_not_hedged() -> None:
    ledger = ResidualLedger()
    ledger.filled(fill(Side.BUY, 10_000, fee=10_000_000), MAKER)  # 100 ADA less 0.1 ADA

    due = ledger.due(BOOK, [], TERMS)
    assert due is not None
    assert due.quantity == 999


def test_orders_on_their_way_and_of_unknown_fate_are_never_doubled() -> None:
    ledger = ResidualLedger()
    ledger.filled(fill(Side.BUY, 10_000), MAKER)

    for state in (OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.LOST, OrderState.PENDING_CANCEL):
        assert ledger.due(BOOK, [hedging(Side.SELL, 1_000, state)], TERMS) is None
        part = ledger.due(BOOK, [hedging(Side.SELL, 400, state)], TERMS)
        assert part is not None
        assert (part.side, part.quantity) == (Side.SELL, 600)


def test_a_late_hedge_quotes_wider_then_only_reduces_and_recovers_when_it_is_done() -> None:
    ledger = ResidualLedger()
    ledger.filled(fill(Side.BUY, 10_000), MAKER)
    stress = [ledger.watch(Nanos(seconds * SECOND), BOOK, TERMS) for seconds in (10, 11, 12, 13, 14, 60)]

    assert stress == [HedgeStress.HEDGED, HedgeStress.HEDGED, HedgeStress.WIDER, HedgeStress.WIDER,
                      HedgeStress.REDUCING, HedgeStress.REDUCING]  # fmt: skip
    ledger.filled(fill(Side.SELL, 1_000), HEDGE)
    assert ledger.watch(Nanos(61 * SECOND), BOOK, TERMS) is HedgeStress.HEDGED


def test_without_a_book_there_is_no_price_to_hedge_at_and_the_hedge_gets_late_all_the_same() -> None:
    ledger = ResidualLedger(residual=10**10)

    assert ledger.due(Book(), [], TERMS) is None
    assert ledger.watch(Nanos(SECOND), BOOK, TERMS) is HedgeStress.HEDGED
    assert ledger.watch(Nanos(4 * SECOND), Book(), TERMS) is HedgeStress.WIDER


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 20_000), st.sampled_from([0, 1, 3])), max_size=40))
def test_whatever_fills_come_the_residual_is_what_was_made_less_what_was_hedged(
    fills: list[tuple[Side, int, int]],
) -> None:
    """Each hedge is filled whole, in part, or of unknown fate until the end."""
    ledger, made, hedged, unknown = ResidualLedger(), 0, 0, list[Order]()
    for side, lots, parts in fills:
        ledger.filled(fill(side, lots), MAKER)
        made += side.sign * lots * MAKER.lot_units
        due = ledger.due(BOOK, unknown, TERMS)
        if due is None:
            continue
        in_flight = sum(order.side.sign * order.quantity for order in unknown) * HEDGE.lot_units
        assert abs(ledger.residual + in_flight + due.side.sign * due.quantity * HEDGE.lot_units) <= abs(
            ledger.residual + in_flight
        )
        if not parts:
            unknown.append(hedging(due.side, due.quantity, OrderState.UNKNOWN))
            continue
        filled = max(due.quantity // parts, 1)
        ledger.filled(fill(due.side, filled), HEDGE)
        hedged += due.side.sign * filled * HEDGE.lot_units
    assert ledger.residual == made + hedged
