"""What a venue can do in one message, through the whole tick path."""

from dataclasses import replace
from fractions import Fraction

from harness.engines import BTC, SECOND, accept, tick, trading
from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.core.planner import Capabilities
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.model import (
    AnyCommand,
    Cancel,
    CancelAll,
    FeedLost,
    Lots,
    Nanos,
    OrderCanceled,
    OrderFilled,
    Place,
    Replace,
    Side,
    StateChanged,
    TradingState,
)

REPLACES = Capabilities(replace=True)
SWEEPS = Capabilities(cancel_all=True, calls_per_place=2)


def bot_with(capabilities: Capabilities, **changes: object) -> Engine:
    bot = trading(**changes)  # type: ignore[arg-type]  # fields of the harness' engine
    bot.market.terms = replace(bot.market.terms, capabilities=capabilities)
    return bot


def sent(bot: Engine, now_ns: int, bid: int = 6_000_000) -> list[AnyCommand]:
    return [approved.command for approved in bot.handle(tick(now_ns, bid, bid + 2))]


def settle(bot: Engine, commands: list[AnyCommand], now_ns: int) -> None:
    """The venue's answer to each command."""
    for command in commands:
        leaving = command.order_ids if isinstance(command, CancelAll) else (
            (command.replaces,) if isinstance(command, Replace) else (command.order_id,))  # fmt: skip
        if not isinstance(command, Place):
            for order_id in leaving:
                bot.handle(OrderCanceled(time_ns=Nanos(now_ns), order_id=order_id))
        if isinstance(command, Place | Replace):
            bot.handle(accept(command.order_id, now_ns))


def test_a_moved_market_is_one_message_for_each_order_and_both_count_until_it_is_answered() -> None:
    bot = bot_with(REPLACES, layers=1, max_position=Lots(5_000))
    settle(bot, sent(bot, SECOND), SECOND)

    moved = sent(bot, 2 * SECOND, 6_010_000)

    assert [type(command) for command in moved] == [Replace, Replace]
    now = bot.market.situation(Nanos(2 * SECOND), 1)
    assert (now.buying, now.selling) == (2_000, 2_000)
    settle(bot, moved, 2 * SECOND)
    assert {order.state for order in bot.market.orders} == {OrderState.OPEN}
    now = bot.market.situation(Nanos(2 * SECOND), 1)
    assert (now.buying, now.selling) == (1_000, 1_000)


def test_where_both_would_be_too_much_the_old_order_leaves_first() -> None:
    bot = bot_with(REPLACES, layers=1, max_position=Lots(1_500))
    settle(bot, sent(bot, SECOND), SECOND)

    moved = sent(bot, 2 * SECOND, 6_010_000)
    assert [type(command) for command in moved] == [Cancel, Cancel]
    settle(bot, moved, 2 * SECOND)
    settle(bot, sent(bot, 3 * SECOND, 6_010_000), 3 * SECOND)
    assert sorted(order.side for order in bot.market.orders) == [Side.BUY, Side.SELL]


def test_each_order_costs_its_calls_and_a_lost_feed_is_answered_by_one_message() -> None:
    bot = bot_with(SWEEPS, layers=3, budget=Budget(Fraction(5), 5, 1))
    first = sent(bot, SECOND)
    assert [(type(c), getattr(c, "side", None)) for c in first] == [(Place, Side.BUY), (Place, Side.SELL)]
    settle(bot, first, SECOND)
    assert bot.budget.available(Nanos(SECOND)) == 1

    lost = bot.handle(FeedLost(time_ns=Nanos(SECOND + 1), feed="reference", reason="closed"))

    assert [type(approved.command) for approved in lost] == [CancelAll]
    assert {order.state for order in bot.market.orders} == {OrderState.PENDING_CANCEL}


def test_twenty_quotes_on_five_calls_a_second_come_back_inner_ones_first() -> None:
    bot = bot_with(SWEEPS, layers=10, budget=Budget(Fraction(5), 5, 1), max_position=Lots(10**6), max_open_orders=100,
                   max_daily_loss=None)  # fmt: skip
    now = SECOND
    while len(bot.market.orders.live) < 20:
        settle(bot, sent(bot, now), now)
        now += SECOND // 10
    assert now <= 9 * SECOND  # 40 calls at 5 a second
    now += SECOND

    moved = sent(bot, now, 5_900_000)

    assert isinstance(moved[0], CancelAll)
    assert len(moved[0].order_ids) == 20
    assert [(c.side, c.price) for c in moved[1:] if isinstance(c, Place)] == [
        (bot.quotes[0].side, bot.quotes[0].price), (bot.quotes[10].side, bot.quotes[10].price)
    ][: len(moved) - 1]  # fmt: skip


def test_a_paused_bot_withdraws_the_orders_that_would_add_to_its_position() -> None:
    bot = trading(layers=1)
    commands = sent(bot, SECOND)
    settle(bot, commands, SECOND)
    bought = commands[0]
    assert isinstance(bought, Place)
    filled = OrderFilled(time_ns=Nanos(SECOND), order_id=bought.order_id, trade_id="t", side=Side.BUY,
                         price=bought.price, quantity=Lots(400), fee=0, fee_asset=BTC.quote)  # fmt: skip
    settle(bot, [approved.command for approved in bot.handle(filled)], SECOND)

    paused = bot.handle(StateChanged(time_ns=Nanos(2 * SECOND), state=TradingState.REDUCING, reason="r"))
    settle(bot, [approved.command for approved in paused], 2 * SECOND)
    settle(bot, sent(bot, 2 * SECOND + 1), 2 * SECOND + 1)

    assert [(order.side, order.leaves_quantity) for order in bot.market.orders] == [(Side.SELL, 400)]
