"""Avellaneda-Stoikov and GLFT: the published golden vectors, and what no parameters may lead to."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingbot_runtime.config import AvellanedaStoikov, DepthModel, Glft
from tradingbot_runtime.core.book import Book, VenueBook
from tradingbot_runtime.core.calibration import EXACTLY, Flow
from tradingbot_runtime.core.quoting import MarketView, Quote
from tradingbot_runtime.model import Instrument, Lots, Money, Side, Ticks
from tradingbot_runtime.strategies import avellaneda_stoikov, glft
from tradingbot_runtime.strategies.chosen import strategy_of

D = Decimal
FINE = Instrument(
    venue="v", symbol="XY", base="X", quote="Y", tick_size=D("0.000001"), lot_size=D(1), min_lots=Lots(1),
    max_lots=Lots(10**9), min_notional=Money(0),
)  # fmt: skip
AT_100 = Book(bid=Ticks(99_999_999), ask=Ticks(100_000_001))
VENUE_AT_100 = VenueBook(Ticks(99_999_999), Ticks(100_000_001), is_known=True)
# sigma 2, gamma 0.1, kappa 1.5 at a price of 100: a basis point is 0.01 there.
GOLDEN_AS = AvellanedaStoikov(
    size=D(1), risk_aversion=D("0.001"), decay_per_bps=D("0.015"), horizon_ns=10**9, volatility_bps=D(200)
)


def quoted(
    config: DepthModel, position: int = 0, flow: Flow | None = None, venue: VenueBook = VENUE_AT_100
) -> list[Quote]:
    view = MarketView(AT_100, venue, Lots(100), Money(10**12), Lots(position), 0, flow)
    return list(strategy_of(config, FINE, FINE.tick_size).quotes(view))


def prices(config: DepthModel, position: int = 0, flow: Flow | None = None) -> list[str]:
    return [FINE.price_text(quote.price) for quote in quoted(config, position, flow)]


@pytest.mark.parametrize(
    ("position", "bid", "ask"), [(0, "99.154615", "100.845385"), (3, "97.954615", "99.645385"),
                                 (-3, "100.354615", "102.045385")]
)  # fmt: skip
def test_avellaneda_stoikov_golden_vectors(position: int, bid: str, ask: str) -> None:
    depths = avellaneda_stoikov.depths(D("0.001"), D("0.015"), D(1), D(200))
    below, above = (Fraction(depths.half + sign * position * depths.skew, 10**9 * 100) for sign in (1, -1))

    assert (round(100 - below, 6), round(100 + above, 6)) == (Fraction(bid), Fraction(ask))


def test_avellaneda_stoikov_quotes_round_away_from_the_mid_and_never_cross_it() -> None:
    assert prices(GOLDEN_AS) == ["99.154614", "100.845386"]
    assert prices(GOLDEN_AS, 3) == ["97.954614", "100.000000"]  # the model would sell at 99.645385, below the mid


def test_avellaneda_stoikov_golden_numbers() -> None:
    depths = avellaneda_stoikov.depths(D("0.001"), D("0.015"), D(1), D(200))

    assert round(Fraction(depths.half * 2, 10**9) / 100, 6) == Fraction("1.690770")
    assert Fraction(depths.skew, 10**9) == 40  # 0.4 at a price of 100: three orders move r to 98.8


def test_glft_golden_numbers() -> None:
    c1, c2 = glft.coefficients(D("0.1"), D(140), D("1.5"))
    depths = glft.depths(D("0.1"), D(1), D(140), D("1.5"), D(2))

    assert (round(c1, 10), round(c2, 10)) == (D("0.6453852114"), D("0.0258586081"))
    assert round(D(depths.half).scaleb(-9), 8) == D("0.67124382")
    assert round(D(depths.skew).scaleb(-9), 8) == D("0.05171722")
    bid, ask = depths.half + 3 * depths.skew, depths.half - 3 * depths.skew
    assert (round(D(bid).scaleb(-9), 7), round(D(ask).scaleb(-9), 7)) == (D("0.8263955"), D("0.5160922"))


def test_glft_is_the_closed_form_of_2013() -> None:
    gamma, rate, decay, volatility = D("0.05"), D(3), D("0.4"), D("1.7")
    depths = glft.depths(gamma, D(1), rate, decay, volatility)

    ratio = 1 + gamma / decay
    root = (volatility**2 * gamma / (2 * decay * rate) * EXACTLY.power(ratio, 1 + decay / gamma)).sqrt()
    for q in (0, 4):
        assert abs(D(depths.half + q * depths.skew).scaleb(-9) - (ratio.ln() / gamma + (2 * q + 1) * root / 2)) < D(
            "1e-7"
        )


def test_without_a_flow_nothing_is_quoted_and_a_known_flow_is_used_until_the_feed_has_shown_one() -> None:
    fields = {"size": "1", "riskAversion": "0.01"}
    known = {"arrivalsPerSecond": "1", "decayPerBps": "0.2", "volatilityBps": "1"}
    measured = Flow(D(1), D("0.1"), D(1))

    assert prices(Glft.model_validate(fields)) == []
    assert prices(Glft.model_validate(fields), flow=Flow(None, None, D(1))) == []
    given_flow = prices(Glft.model_validate(fields | {"flow": known}))
    assert given_flow != prices(Glft.model_validate(fields | {"flow": known}), flow=measured)
    assert prices(Glft.model_validate(fields), flow=measured) == prices(
        Glft.model_validate(fields | {"flow": known}), flow=measured
    )


def test_avellaneda_stoikov_takes_the_volatility_of_the_feed_when_none_is_written() -> None:
    measured = GOLDEN_AS.model_copy(update={"volatility_bps": None})

    assert prices(measured) == []
    assert prices(measured, flow=Flow(None, None, D(200))) == prices(GOLDEN_AS)


def test_a_size_under_a_lot_is_never_rounded_up() -> None:
    assert quoted(GOLDEN_AS.model_copy(update={"size": D("0.9")})) == []


def test_no_order_leads_beyond_the_inventory() -> None:
    config = GOLDEN_AS.model_copy(update={"max_inventory": 3, "layers": 5, "size": D(10)})

    def sizes(position: int) -> dict[Side, list[int]]:
        made = quoted(config, position)
        return {side: [q.quantity for q in made if q.side is side] for side in Side}

    assert sizes(0) == {Side.BUY: [10, 10, 10], Side.SELL: [10, 10, 10]}
    assert sizes(25) == {Side.BUY: [5], Side.SELL: [10] * 5}
    assert sizes(30)[Side.BUY] == []
    assert sizes(-31)[Side.SELL] == []


def decimals(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=places, allow_nan=False, allow_infinity=False)


flows = st.builds(Flow, decimals("0.000001", "100000", 6), decimals("0.0001", "1000", 4), decimals("0", "1000", 3))
aversions = decimals("0.000001", "100", 6)


@given(aversions, flows, st.integers(-30, 30), decimals("0", "20", 2), decimals("20", "500", 2))
def test_whatever_the_parameters_quotes_stay_between_the_fees_and_the_depth(
    gamma: Decimal, flow: Flow, position: int, fee: Decimal, depth: Decimal
) -> None:
    config = Glft(size=D(1), risk_aversion=gamma, fee_bps=fee, max_depth_bps=depth, max_inventory=20)

    for quote in quoted(config, position, flow):
        away = abs(Fraction(quote.price) / 10**8 - 1) * 10_000
        assert away >= Fraction(fee)
        assert away <= Fraction(depth) + Fraction(1, 10_000)  # one tick of rounding
        assert quote.side.sign * (quote.price - 10**8) <= 0
