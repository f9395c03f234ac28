"""Positions in exact numbers, worked out by hand: a price of one tick and a quantity of one lot are worth 10 units.

One unit is 1e-8 of the quote asset; one lot is 1,000 units of 1e-8 of the base asset.
"""

from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engines import BTC, tick, trading
from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.core.trading_days import DAY_NS, TradingDay, TradingDays
from tradingbot_runtime.model import Lots, Money, Nanos, OrderFilled, OrderId, Place, Side, Ticks

B, S = Side.BUY, Side.SELL
Trade = tuple[Side, int, int] | tuple[Side, int, int, int, str]  # side, lots, price, fee in 1e-8, its asset


@dataclass(frozen=True)
class Case:
    name: str
    trades: list[Trade]
    lots: int
    cost: int
    realised: int
    average: Fraction | int = 0
    fees: dict[str, int] = field(default_factory=dict)
    profit: tuple[int, int] | None = None  # at a mark in ticks


CASES = (
    Case("open long", [(B, 10, 100)], 10, 10_000, 0, 100),
    Case("open short", [(S, 10, 100)], -10, -10_000, 0, 100),
    Case("add to a long", [(B, 10, 100), (B, 10, 120)], 20, 22_000, 0, 110),
    Case("add to a short", [(S, 10, 100), (S, 30, 120)], -40, -46_000, 0, 115),
    Case("reduce a long with profit", [(B, 10, 100), (S, 4, 110)], 6, 6_000, 400, 100),
    Case("reduce a long with loss", [(B, 10, 100), (S, 4, 90)], 6, 6_000, -400, 100),
    Case("reduce a short with profit", [(S, 10, 100), (B, 4, 90)], -6, -6_000, 400, 100),
    Case("reduce a short with loss", [(S, 10, 100), (B, 4, 110)], -6, -6_000, -400, 100),
    Case("close a long", [(B, 10, 100), (S, 10, 130)], 0, 0, 3_000),
    Case("close a short", [(S, 10, 100), (B, 10, 70)], 0, 0, 3_000),
    Case("close at the same price", [(B, 10, 100), (S, 10, 100)], 0, 0, 0),
    Case("flip long to short", [(B, 10, 100), (S, 25, 120)], -15, -18_000, 2_000, 120),
    Case("flip short to long", [(S, 10, 100), (B, 25, 80)], 15, 12_000, 2_000, 80),
    Case("flip long to short with loss", [(B, 10, 100), (S, 15, 90)], -5, -4_500, -1_000, 90),
    Case("flip short to long with loss", [(S, 10, 100), (B, 15, 110)], 5, 5_500, -1_000, 110),
    Case("flip twice", [(B, 5, 100), (S, 10, 110), (B, 15, 90)], 10, 9_000, 1_500, 90),
    Case("through flat to the other side", [(B, 10, 100), (S, 10, 100), (S, 5, 95)], -5, -4_750, 0, 95),
    Case("a share of the cost that is not whole, long", [(B, 1, 100), (B, 2, 101), (S, 1, 105)], 2, 2_014, 44,
         Fraction(1007, 10)),
    Case("a share of the cost that is not whole, short", [(S, 1, 100), (S, 2, 101), (B, 1, 95)], -2, -2_013, 57,
         Fraction(2013, 20)),
    Case("several fills of one order", [(B, 3, 100), (B, 3, 101), (B, 4, 99)], 10, 9_990, 0, Fraction(999, 10)),
    Case("the same out of order", [(B, 4, 99), (B, 3, 101), (B, 3, 100)], 10, 9_990, 0, Fraction(999, 10)),
    Case("dust is left over", [(B, 10, 100), (S, 9, 100)], 1, 1_000, 0, 100),
    Case("fee in the quote asset", [(B, 10, 100, 7, "USDT")], 10, 10_000, 0, 100, {"USDT": 7}, (100, -7)),
    Case("fee in the base asset, at the mark", [(B, 10, 100, 5, "BTC")], 10, 10_000, 0, 100, {"BTC": 5}, (100, -5)),
    Case("fee in the base asset, rounded against us", [(B, 10, 100, 1, "BTC")], 10, 10_000, 0, 100, {"BTC": 1},
         (150, 4_998)),
    Case("fee in a third asset is told apart", [(B, 10, 100, 3, "BNB")], 10, 10_000, 0, 100, {"BNB": 3}, (100, 0)),
    Case("fees in three assets", [(B, 10, 100, 5, "BTC"), (S, 10, 110, 7, "USDT"), (B, 1, 110, 3, "BNB")], 1, 1_100,
         1_000, 110, {"BTC": 5, "USDT": 7, "BNB": 3}, (110, 987)),
    Case("a rebate", [(B, 10, 100, -4, "USDT")], 10, 10_000, 0, 100, {"USDT": -4}, (100, 4)),
    Case("large numbers", [(B, 10**8, 10**7), (S, 10**8, 10**7 + 1)], 0, 0, 10**9),
    Case("a short at a mark", [(S, 10, 100)], -10, -10_000, 0, 100, {}, (90, 1_000)),
)  # fmt: skip


def fill(trade: Trade, number: int = 0, day: int = 0, told_on: int | None = None) -> OrderFilled:
    side, lots, price = trade[:3]
    fee, asset = (trade[3], trade[4]) if len(trade) == 5 else (0, "USDT")
    return OrderFilled(
        time_ns=Nanos((day if told_on is None else told_on) * DAY_NS + number), order_id=OrderId("o"),
        trade_id=str(number), side=side, price=Ticks(price), quantity=Lots(lots), fee=fee, fee_asset=asset,
        venue_time_ns=day * DAY_NS + number,
    )  # fmt: skip


def position(*fills: OrderFilled) -> Position:
    made = Position(BTC)
    for one in fills:
        made.apply(one)
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_golden_table(case: Case) -> None:
    after = position(*(fill(trade, number) for number, trade in enumerate(case.trades)))

    assert (after.lots, after.cost, after.realised) == (case.lots, case.cost, case.realised)
    assert after.average_price == case.average
    assert after.fees == case.fees
    if case.profit is not None:
        mark, profit = case.profit
        assert after.profit(2 * mark, 1) == profit


def test_the_golden_table_has_cases_enough() -> None:
    assert len(CASES) >= 25
    assert len({case.name for case in CASES}) == len(CASES)


def test_fees_in_third_assets_are_valued_at_given_prices_and_never_guessed() -> None:
    after = position(fill((B, 10, 100, 3, "BNB")), fill((B, 10, 100, 2, "XYZ"), 1), fill((B, 1, 1, 9, "USDT"), 2))

    assert after.other_fees({"BNB": Fraction(7, 2), "XYZ": Fraction(1)}) == 13, "10.5 and 2, rounded against us"
    with pytest.raises(KeyError):
        after.other_fees({"BNB": Fraction(1)})


def test_a_trade_that_is_told_twice_is_counted_once() -> None:
    bot = trading(layers=1)
    placed = bot.handle(tick(10**9))[0].command
    assert isinstance(placed, Place)
    once = OrderFilled(time_ns=Nanos(10**9), order_id=placed.order_id, trade_id="t", side=placed.side,
                       price=placed.price, quantity=Lots(3), fee=0, fee_asset="USDT")  # fmt: skip
    bot.handle(once)
    bot.handle(once)

    assert bot.market.position.lots == 3
    assert bot.market.position.days.day(0).fills == 1


# -- days ------------------------------------------------------------------------------------------------------------


def test_each_day_has_its_own_trades_fees_and_result() -> None:
    after = position(
        fill((B, 10, 100, 7, "USDT"), 1, day=5), fill((S, 4, 110), 2, day=5), fill((S, 6, 90, 2, "USDT"), 3, day=6)
    )

    assert after.days.day(5) == TradingDay(5, 2, Lots(10), Lots(4), Money(14_400), Money(400), {"USDT": 7})
    assert after.days.day(6) == TradingDay(6, 1, Lots(0), Lots(6), Money(5_400), Money(-600), {"USDT": 2})
    assert [after.days.opening(number) for number in (5, 6, 7)] == [0, 6, 0]


def test_the_last_fill_before_midnight_and_the_first_after_it_are_of_two_days() -> None:
    late, early = fill((B, 1, 100), DAY_NS - 1, day=5), fill((B, 2, 100), 0, day=6)
    after = position(late, early)

    assert (after.days.day(5).bought, after.days.day(6).bought) == (1, 2)


def test_a_fill_that_we_hear_of_the_next_day_counts_on_its_own() -> None:
    after = position(fill((B, 10, 100), 1, day=6), fill((B, 5, 100), 2, day=5, told_on=6))

    assert (after.days.day(5).bought, after.days.day(6).bought) == (5, 10)
    assert after.days.opening(6) == 5


def test_a_day_without_trades_is_empty_and_begins_with_what_was_left() -> None:
    after = position(fill((B, 10, 100), 1, day=5))

    assert after.days.day(9) == TradingDay(9)
    assert after.days.opening(9) == 10


def test_old_days_are_forgotten_and_their_position_is_not() -> None:
    days = Position(BTC, days=TradingDays(kept=2))
    for day in range(5):
        days.apply(fill((B, 1, 100), day, day=day))

    assert sorted(days.days.by_number) == [3, 4]
    assert days.days.opening(4) == 4


trades = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 50), st.integers(1, 1000), st.integers(-9, 99),
              st.sampled_from(["BTC", "USDT", "BNB"]), st.integers(0, 4)),
    max_size=40,
)  # fmt: skip


@given(trades, st.integers(1, 2000))
def test_profit_is_exact_whatever_is_traded_and_the_days_add_up_to_it(
    story: list[tuple[Side, int, int, int, str, int]], mark: int
) -> None:
    after, cash = Position(BTC), 0
    for number, (side, lots, price, fee, asset, day) in enumerate(story):
        after.apply(fill((side, lots, price, fee, asset), number, day=day))
        cash -= side.sign * lots * price * BTC.tick_lot
        assert after.realised + after.open_profit(2 * mark, 1) == cash + after.lots * mark * BTC.tick_lot

    days = after.days.by_number.values()
    assert after.cash == cash
    assert sum(day.realised for day in days) == after.realised
    assert sum(day.net for day in days) == after.lots
    assert sum(day.fills for day in days) == len(story)
    assert sum(day.bought + day.sold for day in days) == after.traded
    for asset in ("BTC", "USDT", "BNB"):
        assert sum(day.fees.get(asset, 0) for day in days) == after.fees.get(asset, 0)
