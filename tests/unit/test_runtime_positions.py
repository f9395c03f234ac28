"""Position and profit: a golden table with flips, and exactness whatever happens."""

from hypothesis import given
from hypothesis import strategies as st

from harness.engines import BTC
from tradingbot_runtime.core.positions import Account, DailyLoss, Position
from tradingbot_runtime.model import Lots, Money, Nanos, OrderFilled, OrderId, Side, Ticks

DAY = 86_400 * 10**9


def fill(side: Side, quantity: int, price: int, fee: int = 0, asset: str = "USDT") -> OrderFilled:
    return OrderFilled(time_ns=Nanos(1), order_id=OrderId("o"), trade_id="t", side=side, price=Ticks(price),
                       quantity=Lots(quantity), fee=fee, fee_asset=asset)  # fmt: skip


def test_a_golden_table_of_opening_adding_reducing_and_flipping() -> None:
    position = Position(BTC)
    unit = BTC.tick_lot
    story = [  # side, lots, price, position after, cost after, realised after (in tick-lots)
        (Side.BUY, 10, 100, 10, 1000, 0),
        (Side.BUY, 10, 120, 20, 2200, 0),
        (Side.SELL, 5, 130, 15, 1650, 100),
        (Side.SELL, 25, 90, -10, -900, -200),
        (Side.SELL, 10, 110, -20, -2000, -200),
        (Side.BUY, 10, 80, -10, -1000, 0),
        (Side.BUY, 10, 100, 0, 0, 0),
    ]
    for side, lots, price, after, cost, realised in story:
        position.apply(fill(side, lots, price))
        assert (position.lots, position.cost // unit, position.realised // unit) == (after, cost, realised)


fills = st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 50), st.integers(1, 1000)), max_size=40)


@given(fills, st.integers(1, 2000))
def test_realised_plus_open_profit_is_exactly_cash_plus_value(story: list[tuple[Side, int, int]], mark: int) -> None:
    position, cash = Position(BTC), 0
    for side, quantity, price in story:
        position.apply(fill(side, quantity, price))
        cash -= side.sign * quantity * price * BTC.tick_lot

    assert position.realised + position.open_profit(2 * mark, 1) == cash + position.lots * mark * BTC.tick_lot
    assert position.lots == sum(s.sign * q for s, q, _ in story)


@given(fills)
def test_a_flat_position_has_no_cost(story: list[tuple[Side, int, int]]) -> None:
    position = Position(BTC)
    for side, quantity, price in story:
        position.apply(fill(side, quantity, price))
        if position.lots == 0:
            assert position.cost == 0


def test_fees_in_quote_and_base_lower_the_profit() -> None:
    position = Position(BTC)
    position.apply(fill(Side.BUY, 100, 6_000_000, fee=100, asset="BTC"))  # 0.000001 BTC at 60000
    position.apply(fill(Side.SELL, 100, 6_000_000, fee=6_000_000, asset="USDT"))  # 0.06 USDT

    assert position.profit(2 * 6_000_000, 1) == -BTC.money("0.12")


def test_the_account_follows_fills_and_their_fees() -> None:
    account = Account(BTC, base=10**8, quote=BTC.money("1000"))
    account.apply(fill(Side.BUY, 100, 6_000_000, fee=100, asset="BTC"))

    assert account.base == 10**8 + 100_000 - 100
    assert account.quote == BTC.money("940")


def test_the_daily_loss_counts_from_midnight_utc_by_date() -> None:
    daily = DailyLoss()

    assert daily.loss(DAY + 1, Money(500)) == 0
    assert daily.loss(2 * DAY - 1, Money(200)) == 300
    assert daily.loss(2 * DAY, Money(200)) == 0
    assert daily.loss(2 * DAY - 5, Money(100)) == 100  # a clock that steps back begins no new day


def test_what_is_lost_while_nobody_looks_over_midnight_is_a_loss_of_the_day_that_begins() -> None:
    daily = DailyLoss()
    daily.loss(DAY + 1, Money(500))
    daily.loss(2 * DAY - 1, Money(400))
    assert daily.loss(2 * DAY + 5, Money(100)) == 300
    assert daily.loss(2 * DAY + 6, Money(50)) == 350

    assert daily.loss(4 * DAY, Money(0)) == 0, "of a whole day that nobody looked at nobody knows how it ended"
