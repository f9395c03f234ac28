"""Position and account in instruments whose money is finer than 1e-8, at marks between ticks: whole numbers, exact."""

from harness.engines import BTC, FINE
from tradingbot_runtime.core.positions import Account, Position
from tradingbot_runtime.model import Lots, Money, Nanos, OrderFilled, OrderId, Side, Ticks


def fill(side: Side, quantity: int, price: int, fee: int = 0, asset: str = "USD") -> OrderFilled:
    return OrderFilled(time_ns=Nanos(1), order_id=OrderId("o"), trade_id="t", side=side, price=Ticks(price),
                       quantity=Lots(quantity), fee=fee, fee_asset=asset)  # fmt: skip


def test_a_fill_of_nothing_changes_nothing_but_its_fee() -> None:
    position = Position(FINE)
    position.apply(fill(Side.BUY, 10, 100))
    position.apply(fill(Side.SELL, 0, 300, fee=3))

    assert (position.lots, position.cost, position.realised) == (10, 1000 * FINE.tick_lot, 0)
    assert position.fees == {"USD": 3}


def test_open_profit_at_a_mark_between_ticks_is_rounded_down_to_a_whole_number() -> None:
    position = Position(FINE)
    position.apply(fill(Side.BUY, 10**15 + 1, 10))
    value = (10**15 + 1) * 151 * FINE.tick_lot // 14
    profit = position.open_profit(151, 7)  # a mark of 151 / 14 ticks

    assert profit == value - position.cost
    assert isinstance(profit, int)


def test_fees_in_the_quote_asset_are_worth_what_they_are_in_finer_money() -> None:
    position = Position(FINE)
    position.apply(fill(Side.BUY, 10, 100, fee=10**17 + 1))

    assert FINE.fee_money == 100
    assert position.fees_paid(200, 1) == 100 * (10**17 + 1)


def test_fees_in_the_base_asset_at_a_mark_between_ticks_are_rounded_up() -> None:
    position = Position(FINE)
    position.apply(fill(Side.BUY, 10, 100, fee=3, asset="ADA"))

    assert position.fees_paid(151, 7) == -(-3 * 151 * FINE.tick_lot // (14 * FINE.lot_units)) == 1


def test_the_account_holds_whole_lots_of_what_it_has() -> None:
    lots = Account(BTC, base=3 * BTC.lot_units + 999).base_lots

    assert lots == 3
    assert isinstance(lots, int)


def test_the_account_pays_its_fee_in_the_quote_asset_and_none_of_a_third() -> None:
    account = Account(FINE, base=0, quote=Money(10**9))
    account.apply(fill(Side.BUY, 10, 100, fee=7))
    assert account.quote == 10**9 - 1000 * FINE.tick_lot - 7 * 100
    account.apply(fill(Side.BUY, 10, 100, fee=7, asset="BNB"))

    assert (account.base, account.quote) == (20 * FINE.lot_units, 10**9 - 2000 * FINE.tick_lot - 7 * 100)


def test_what_the_fills_have_brought_of_the_base_asset_is_without_the_fees_in_it() -> None:
    """A hedge sells so much and no more."""
    position = Position(BTC)
    position.apply(fill(Side.BUY, 10, 100))
    assert position.net_base == 10 * BTC.lot_units
    position.apply(fill(Side.SELL, 3, 100, fee=7, asset=BTC.base))
    position.apply(fill(Side.SELL, 3, 100, fee=5, asset=BTC.quote))

    assert position.net_base == 4 * BTC.lot_units - 7


def test_what_another_market_of_the_account_moves_is_as_much_in_finer_money() -> None:
    account = Account(FINE, base=50, quote=Money(10**9))
    account.moved_elsewhere(base=20, quote=-7)
    assert (account.base, account.quote) == (70, 10**9 - 7 * 100)
    account.moved_elsewhere(base=-30, quote=9)

    assert (account.base, account.quote) == (40, 10**9 + 2 * 100)
