"""The grid: what is bought at a level is sold one level higher, and the position says which cells are bought."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingbot_runtime.config import Grid
from tradingbot_runtime.core.book import Book, VenueBook
from tradingbot_runtime.core.quoting import MarketView
from tradingbot_runtime.model import Instrument, Lots, Money, Side, Ticks
from tradingbot_runtime.strategies.chosen import strategy_of
from tradingbot_runtime.strategies.grid import arithmetic, geometric, on_ticks

D = Decimal
COIN = Instrument(
    venue="v", symbol="XY", base="X", quote="Y", tick_size=D("0.01"), lot_size=D(1), min_lots=Lots(1),
    max_lots=Lots(10**9), min_notional=Money(0),
)  # fmt: skip
FIELDS = {"lowerPrice": "98", "upperPrice": "102", "neutralPrice": "100", "levels": 5, "spacing": "Arithmetic",
          "size": "10"}  # fmt: skip


def quoted(position: int, bid: int = 9_999, ask: int = 10_001, **changes: Any) -> dict[Side, list[str]]:  # noqa: ANN401 - JSON
    book, venue = Book(bid=Ticks(bid), ask=Ticks(ask)), VenueBook(Ticks(bid), Ticks(ask), is_known=True)
    strategy = strategy_of(Grid.model_validate(FIELDS | changes), COIN, COIN.tick_size)
    quotes = strategy.quotes(MarketView(book, venue, Lots(100), Money(10**12), Lots(position)))
    return {side: [f"{q.price / 100:g}x{q.quantity}" for q in quotes if q.side is side] for side in Side}


@pytest.mark.parametrize(
    ("position", "bid", "buys", "sells"),
    [
        (0, 9_999, ["99x10", "98x10"], ["101x10", "102x10"]),
        (10, 9_900, ["98x10"], ["100x10", "101x10", "102x10"]),  # bought at 99, to be sold at 100
        (4, 9_900, ["99x6", "98x10"], ["100x4", "101x10", "102x10"]),  # bought in part
        (-10, 10_100, ["100x10", "99x10", "98x10"], ["102x10"]),  # sold at 101, to be bought back at 100
        (20, 9_999, [], ["100x20", "101x10", "102x10"]),  # 99 was passed: made up for at the market
        (-20, 10_300, ["101x10", "100x10", "99x10", "98x10"], []),
        (70, 9_700, [], ["99x10", "100x10", "101x10", "102x10"]),  # more than the grid ever buys
    ],
)
def test_golden_grids(position: int, bid: int, buys: list[str], sells: list[str]) -> None:
    made = quoted(position, bid, bid + 2)

    assert (made[Side.BUY], made[Side.SELL]) == (buys, sells)


def test_only_the_nearest_levels_are_in_the_market() -> None:
    assert quoted(0, ordersPerSide=1) == {Side.BUY: ["99x10"], Side.SELL: ["101x10"]}
    assert quoted(4, ordersPerSide=1) == {Side.BUY: ["99x6"], Side.SELL: ["100x4"]}


def test_a_size_under_a_lot_is_never_rounded_up() -> None:
    assert quoted(0, size="0.9") == {Side.BUY: [], Side.SELL: []}


def test_levels_have_equal_distances_or_equal_ratios() -> None:
    assert on_ticks(arithmetic(D(1), D(2), 5), D("0.01")) == (100, 125, 150, 175, 200)
    assert on_ticks(geometric(D(1), D(16), 5), D(1)) == (1, 2, 4, 8, 16)
    assert on_ticks(geometric(D("0.9"), D("1.1"), 4), D("0.0001")) == (9000, 9623, 10288, 11000)


def test_levels_closer_than_a_tick_are_one_level() -> None:
    assert on_ticks(arithmetic(D(1), D("1.01"), 9), D("0.01")) == (100, 101)


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 10)), max_size=80))
def test_every_round_trip_earns_a_level_whatever_the_order_of_partial_fills(fills: list[tuple[Side, int]]) -> None:
    """The lot bought last is sold first, and always exactly one level above its purchase."""
    position = 0
    strategy = strategy_of(Grid.model_validate(FIELDS), COIN, COIN.tick_size)
    book, wide = Book(Ticks(9_999), Ticks(10_001)), VenueBook(Ticks(1), Ticks(10**6), is_known=True)  # not clamped
    bought: list[int] = []  # prices of lots on top of the start
    for side, lots in fills:
        quotes = strategy.quotes(MarketView(book, wide, Lots(100), Money(10**12), Lots(position)))
        best = next((q for q in quotes if q.side is side), None)
        if best is None:
            continue
        lots_filled = min(lots, best.quantity)
        position += side.sign * lots_filled
        for _ in range(lots_filled):
            if side is Side.BUY:
                bought.append(best.price)
            elif bought:
                assert best.price - bought.pop() == 100
