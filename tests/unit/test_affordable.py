"""Orders are cut to what the account has: a fee taken in what was bought leaves a little less than that."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from harness.engines import BTC, SECOND, accept, limits, tick, trading
from tradingbot_runtime.core.affordable import affordable, fitted
from tradingbot_runtime.core.quoting import Quote
from tradingbot_runtime.core.risk import Approved, Refusal, Situation, review
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.model import (
    BalancesReported,
    ForeignOrdersSeen,
    InstrumentType,
    Lots,
    Money,
    Nanos,
    OrderCanceled,
    OrderFilled,
    OrderId,
    Place,
    Side,
    StateChanged,
    Ticks,
    TradingState,
)

BOUGHT = 1_000  # lots: one quote of the ladder
LEFT = 999  # after a fee of a tenth of a percent
PRICE = 6_000_000
LOT_UNITS = BTC.lot_units
SLIP: dict[str, Any] = {"max_slippage": (1, 1_000)}


def bought(base: int, **changes: Any) -> Engine:  # noqa: ANN401 - limits
    """Began with nothing, has bought 1000 lots, and holds `base` of them."""
    bot = trading(layers=1, **changes)
    hold(bot, base)
    bot.market.position.lots, bot.market.position.cost = Lots(BOUGHT), Money(BOUGHT * PRICE * BTC.tick_lot)
    return bot


def hold(bot: Engine, base: int, quote: str = "100000") -> None:
    bot.handle(BalancesReported(time_ns=Nanos(2), base=base * LOT_UNITS, quote=BTC.money(quote)))


def to(bot: Engine, state: TradingState, *, flatten: bool = False) -> None:
    bot.handle(StateChanged(time_ns=Nanos(3), state=state, reason="r", flatten=flatten))


def placed(approved: list[Approved]) -> list[tuple[Side, int]]:
    return [(a.command.side, a.command.quantity) for a in approved if isinstance(a.command, Place)]


def test_a_reducing_market_sells_what_the_fee_has_left() -> None:
    bot = bought(LEFT)
    to(bot, TradingState.REDUCING)

    assert placed(bot.handle(tick(SECOND))) == [(Side.SELL, LEFT)]
    assert bot.decision.refused == []


def test_it_goes_on_with_what_a_part_of_it_has_left_and_then_wants_nothing() -> None:
    bot = bought(LEFT)
    to(bot, TradingState.REDUCING)
    (sent,) = bot.handle(tick(SECOND))
    bot.handle(accept(sent.command.order_id, SECOND))
    sell(bot, sent.command.order_id, 400)
    assert bot.handle(tick(SECOND + 2)) == [], "what is left of the order is what is left to sell"

    sell(bot, sent.command.order_id, LEFT - 400)
    assert bot.market.position.lots == BOUGHT - LEFT
    assert bot.handle(tick(SECOND + 3)) == []
    assert (bot.quotes, bot.decision.refused) == ((), []), "nothing that could only be refused, for ever"


def sell(bot: Engine, order_id: OrderId, lots: int) -> None:
    bot.handle(OrderFilled(time_ns=Nanos(SECOND + 1), order_id=order_id, trade_id=f"t{lots}", side=Side.SELL,
                           price=Ticks(PRICE), quantity=Lots(lots), fee=0, fee_asset="USDT"))  # fmt: skip


def test_the_flattening_sells_the_same() -> None:
    bot = bought(LEFT, **SLIP)
    to(bot, TradingState.HALTED, flatten=True)

    assert placed(bot.handle(tick(SECOND))) == [(Side.SELL, LEFT)]


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_what_others_have_on_offer_is_not_ours_to_sell(state: TradingState) -> None:
    bot = bought(LEFT, **SLIP)
    bot.handle(ForeignOrdersSeen(time_ns=Nanos(3), orders=1, buying=Lots(0), selling=Lots(300), buying_cost=Money(0)))
    to(bot, state, flatten=state is TradingState.HALTED)

    assert placed(bot.handle(tick(SECOND))) == [(Side.SELL, LEFT - 300)]


def test_a_short_position_is_bought_back_as_far_as_the_money_goes() -> None:
    bot = bought(LEFT, fee_reserve=(1, 1_000))
    bot.market.position.lots, bot.market.position.cost = Lots(-BOUGHT), Money(-BOUGHT * PRICE * BTC.tick_lot)
    hold(bot, 0, "299.2")
    to(bot, TradingState.REDUCING)

    ((side, lots),) = placed(bot.handle(tick(SECOND)))
    assert (side, lots) == (Side.BUY, 498), "299.2 USDT are 499 lots at 59,940, less the fee"


def test_an_active_market_offers_what_it_has_when_that_is_a_little_less_than_a_quote() -> None:
    bot = trading(layers=1)
    hold(bot, LEFT)

    assert (Side.SELL, LEFT) in placed(bot.handle(tick(SECOND)))


def test_where_it_has_too_little_for_the_venue_it_says_so() -> None:
    bot = trading(layers=1)
    hold(bot, 5)

    assert placed(bot.handle(tick(SECOND))) == [(Side.BUY, BOUGHT)]
    assert [(r.reason, r.command.quantity) for r in bot.decision.refused] == [(Refusal.BALANCE, BOUGHT)]


def test_a_moved_quote_of_all_that_there_is_follows_when_its_predecessor_is_gone() -> None:
    bot = trading(layers=1)
    hold(bot, LEFT)
    for approved in bot.handle(tick(SECOND)):
        bot.handle(accept(approved.command.order_id, SECOND))
    bot.handle(tick(2 * SECOND, PRICE + 9_000, PRICE + 9_002))
    for order in [order for order in bot.market.orders if order.state == "PendingCancel"]:
        bot.handle(OrderCanceled(time_ns=Nanos(2 * SECOND), order_id=order.id))
    bot.handle(tick(3 * SECOND, PRICE + 9_000, PRICE + 9_002))

    assert [order.quantity for order in bot.market.orders if order.side is Side.SELL] == [LEFT]


def situation(base: int, quote: int, selling: int = 0, cost: int = 0) -> Situation:
    return Situation(
        now_ns=Nanos(SECOND), state=TradingState.ACTIVE, feed_age_ns=0, book_valid=True, mid_2=2 * PRICE, mid_unit=1,
        venue_bid=Ticks(PRICE - 1), venue_ask=Ticks(PRICE + 1), position=Lots(0), base=Lots(base), quote=Money(quote),
        buying=Lots(0), selling=Lots(selling), buying_cost=Money(cost), open_orders=0, order_tokens=100,
        quiet_until_ns=Nanos(0), foreign_selling=Lots(selling), foreign_cost=Money(cost),
    )  # fmt: skip


LADDER = st.lists(
    st.builds(
        lambda side, away, lots: Quote(side, Ticks(PRICE - side.sign * (2 + away)), Lots(lots)),
        st.sampled_from(Side), st.integers(0, 1_000), st.integers(1, 5_000),
    ), max_size=8,
)  # fmt: skip


@given(LADDER, st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 3_000), st.sampled_from([(0, 1), (1, 1_000)]))  # fmt: skip  # noqa: E501 - one row
def test_what_is_affordable_passes_the_checks_of_balance_and_size_and_is_never_more_than_was_wanted(
    quotes: list[Quote], base: int, worth: int, foreign: int, fee: tuple[int, int]
) -> None:
    lot = PRICE * BTC.tick_lot
    now, bounds = situation(base, worth * lot, foreign, foreign * lot), limits(fee_reserve=fee, max_position=None)
    parts = affordable(quotes, now, bounds)
    orders = [
        Place(order_id=OrderId(f"{n:032x}"), side=q.side, price=q.price, quantity=q.quantity)
        for n, q in enumerate(parts)
    ]

    refused = {r.reason for r in review(orders, now, bounds).refused}
    assert not refused & {Refusal.BALANCE, Refusal.BAD_QUANTITY, Refusal.MIN_NOTIONAL}
    wanted = {(q.side, q.price): 0 for q in quotes}
    for quote in quotes:
        wanted[quote.side, quote.price] += quote.quantity
    for part in parts:
        wanted[part.side, part.price] -= part.quantity
    assert min(wanted.values(), default=0) >= 0
    assert len(fitted(quotes, now, bounds)) == len(quotes)


def test_a_perpetual_is_not_paid_from_a_balance() -> None:
    perpetual = limits(instrument=structs.replace(BTC, type=InstrumentType.PERPETUAL), max_leverage=(3, 1))
    quotes = (Quote(Side.SELL, Ticks(PRICE), Lots(BOUGHT)), Quote(Side.BUY, Ticks(PRICE), Lots(BOUGHT)))

    assert affordable(quotes, situation(0, 0), perpetual) == quotes
    assert affordable(quotes, situation(0, 0), replace(perpetual, instrument=BTC)) == ()
