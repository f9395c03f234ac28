"""The market maker's ladder: the published golden vectors, and equality with exact rationals."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from harness.formula import Parameters, Place, wanted
from tradingbot_runtime.config import InventorySkew, MarketMaking
from tradingbot_runtime.core.book import Book, VenueBook
from tradingbot_runtime.core.quoting import MarketView
from tradingbot_runtime.core.reference_price import ReferencePrice
from tradingbot_runtime.model import Instrument, Lots, Money, Side, Ticks
from tradingbot_runtime.strategies.chosen import strategy_of
from tradingbot_runtime.strategies.market_making import ladder

D = Decimal
ADA = Instrument(
    venue="v", symbol="ADAUSDM", base="ADA", quote="USDM", tick_size=D("0.0001"), lot_size=D(1),
    min_lots=Lots(1), max_lots=Lots(10**9), min_notional=Money(0),
)  # fmt: skip
GOLDEN = MarketMaking(
    spread_bps=D(3), min_spread_bps=D(2), max_spread_bps=D(50), edge_bps=D("3.5"), layers=5, step_bps=D(2),
    sizes=[D(100), D(150), D(200), D(250), D(300)],
    inventory_skew=InventorySkew(spread_factor_bps=D(10), size_factor=D("0.8"), max_imbalance=D("0.5"),
                                 min_size_factor=D("0.3"), max_size_factor=D(2)),
)  # fmt: skip


def golden_quotes(base: int, quote: int) -> dict[str, list[str]]:
    view = MarketView(
        Book(bid=Ticks(4999), ask=Ticks(5001)),
        VenueBook(Ticks(4990), Ticks(5010), is_known=True),
        Lots(base),
        ADA.money(str(quote)),
    )
    quotes = ladder(GOLDEN, ADA, ReferencePrice()).quotes(view)
    return {side: [f"{ADA.price_text(q.price)}x{q.quantity}" for q in quotes if q.side is side] for side in Side}


def test_golden_vector_a() -> None:
    assert golden_quotes(10_000, 7_000) == {
        "buy": ["0.4998x113", "0.4997x170", "0.4996x226", "0.4995x283", "0.4994x340"],
        "sell": ["0.5003x86", "0.5004x130", "0.5005x173", "0.5006x216", "0.5007x260"],
    }


def test_golden_vector_b() -> None:
    assert golden_quotes(15_000, 5_000) == {
        "buy": ["0.4997x84", "0.4996x126", "0.4995x168", "0.4994x210", "0.4993x252"],
        "sell": ["0.5002x116", "0.5003x174", "0.5004x232", "0.5005x290", "0.5006x348"],
    }


def test_without_a_book_nothing_is_quoted() -> None:
    made = ladder(GOLDEN, ADA, ReferencePrice())
    book, venue = Book(bid=Ticks(1), ask=Ticks(3)), VenueBook(Ticks(1), Ticks(3), is_known=True)

    assert made.quotes(MarketView(Book(), venue, Lots(1), Money(1))) == ()
    assert made.quotes(MarketView(book, VenueBook(), Lots(1), Money(1))) == ()


def decimals(low: str, high: str, places: int = 3) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=places, allow_nan=False, allow_infinity=False)


def made_skew(**fields: object) -> InventorySkew:
    return InventorySkew(**fields)


def made_making(**fields: object) -> MarketMaking:
    return MarketMaking(**fields)  # type: ignore[arg-type]  # drawn by the strategies below


skews = st.builds(
    made_skew, target_share=decimals("0", "1"), spread_factor_bps=decimals("0", "60"), size_factor=decimals("0", "3"),
    max_imbalance=decimals("0", "1"), min_size_factor=decimals("0", "1"), max_size_factor=decimals("1", "3"),
)  # fmt: skip
configs = st.builds(
    made_making, spread_bps=decimals("10", "40"), min_spread_bps=decimals("0", "10"),
    max_spread_bps=decimals("40", "90"), fee_bps=decimals("0", "10"), edge_bps=decimals("0", "10"),
    layers=st.integers(1, 8), step_bps=decimals("0", "9"),
    sizes=st.lists(decimals("0.0001", "500", places=5), min_size=1, max_size=4), inventory_skew=st.none() | skews,
)  # fmt: skip
instruments = st.builds(
    lambda tick, lot, least, notional: Instrument(
        venue="v", symbol="XY", base="X", quote="Y", tick_size=D(tick), lot_size=D(lot), min_lots=Lots(least),
        max_lots=Lots(10**9), min_notional=Money(notional)),
    st.sampled_from(["0.01", "0.0001", "0.5"]), st.sampled_from(["0.00001", "0.1", "1"]), st.integers(1, 50),
    st.integers(0, 10**6),
)  # fmt: skip


def formula_parameters(config: MarketMaking) -> Parameters:
    skew = config.inventory_skew
    leaning = {} if skew is None else {
        "skew_spread": Fraction(skew.spread_factor_bps), "skew_size": Fraction(skew.size_factor),
        "max_skew": Fraction(skew.max_imbalance), "target": Fraction(skew.target_share),
        "min_factor": Fraction(skew.min_size_factor), "max_factor": Fraction(skew.max_size_factor),
    }  # fmt: skip
    return Parameters(
        spread=Fraction(config.spread_bps), min_spread=Fraction(config.min_spread_bps),
        max_spread=Fraction(config.max_spread_bps), min_edge=Fraction(config.fee_bps) + Fraction(config.edge_bps),
        step=Fraction(config.step_bps), layers=config.layers, sizes=tuple(map(Fraction, config.sizes)), **leaning,
    )  # fmt: skip


@given(
    configs, instruments, st.sampled_from(["0.01", "0.0001", "0.25"]), st.integers(10_000, 10**7), st.integers(1, 300),
    st.integers(10_000, 10**7), st.integers(1, 300), st.integers(0, 10**9), st.integers(0, 10**12),
)  # fmt: skip
def test_the_ladder_equals_the_formula_in_exact_rationals(  # noqa: PLR0913, PLR0917 - one argument for each drawn number
    config: MarketMaking, instrument: Instrument, reference_tick: str, bid: int, width: int, venue_bid: int,
    venue_width: int, base: int, quote: int,
) -> None:  # fmt: skip
    view = MarketView(
        Book(bid=Ticks(bid), ask=Ticks(bid + width)),
        VenueBook(Ticks(venue_bid), Ticks(venue_bid + venue_width), is_known=True),
        Lots(base), Money(quote),
    )  # fmt: skip
    tick, lot, ref = Fraction(instrument.tick_size), Fraction(instrument.lot_size), Fraction(D(reference_tick))
    place = Place(tick, lot, lot * instrument.min_lots, instrument.min_notional * Fraction(instrument.money_unit))

    quotes = strategy_of(config, instrument, D(reference_tick)).quotes(view)
    bids, asks = wanted(
        formula_parameters(config), place, (bid * ref, (bid + width) * ref),
        (venue_bid * tick, (venue_bid + venue_width) * tick), (base * lot, quote * Fraction(instrument.money_unit)),
    )  # fmt: skip

    assert [(q.price * tick, q.quantity * lot) for q in quotes if q.side is Side.BUY] == bids
    assert [(q.price * tick, q.quantity * lot) for q in quotes if q.side is Side.SELL] == asks
