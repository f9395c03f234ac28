"""Closing a position after a halt: small steps, only reducing, up to a price, and never for ever."""

from dataclasses import replace as fields_replaced
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.engines import BTC, SECOND, accept, tick, trading
from tradingbot_runtime.core.flattening import FUTILE_MOST, GIVEN_UP, STEP_NS
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.core.risk import Approved, Refusal
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.model import (
    MARKET_MOVED,
    Cancel,
    Lots,
    Money,
    Nanos,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    Place,
    Restored,
    Side,
    StateChanged,
    Ticks,
    TradingState,
)

LONG = 25_000
SLIP: dict[str, Any] = {"max_slippage": (1, 1_000), "max_order": Lots(10_000), "max_position": Lots(10**6)}


def holding(lots: int) -> Engine:
    bot = trading(layers=1, **SLIP)
    bot.market.position.lots, bot.market.position.cost = Lots(lots), Money(lots * 6_000_001 * BTC.tick_lot)
    bot.handle(tick(9 * SECOND))
    for order in list(bot.market.orders):
        bot.handle(accept(order.id, 9 * SECOND))
    return bot


def halt(bot: Engine, *, flatten: bool, now_s: int = 10) -> list[Place | Cancel]:
    event = StateChanged(time_ns=Nanos(now_s * SECOND), state=TradingState.HALTED, reason="RiskBreachMaxLoss",
                         flatten=flatten)  # fmt: skip
    return [a.command for a in bot.handle(event)]  # type: ignore[misc]  # this planner makes these two


def places(approved: list[Approved]) -> list[Place]:
    return [a.command for a in approved if isinstance(a.command, Place)]


def cancel_all(bot: Engine, now_s: int) -> list[Place]:
    """The venue confirms every cancel; what is placed because of it."""
    answers = [bot.handle(OrderCanceled(time_ns=Nanos(now_s * SECOND), order_id=order.id)) for order in
               list(bot.market.orders)]  # fmt: skip
    return [place for approved in answers for place in places(approved)]


def placed(bot: Engine, now_ns: int) -> list[Place]:
    return places(bot.handle(tick(now_ns)))


def fill(bot: Engine, order: Place, lots: int, now_ns: int, *, over: bool = False) -> None:
    if lots:
        trade_id = f"{order.order_id}{lots}"
        event = OrderFilled(time_ns=Nanos(now_ns), order_id=order.order_id, trade_id=trade_id, side=order.side,
                            price=order.price, quantity=Lots(lots), fee=0, fee_asset="USDT")  # fmt: skip
        bot.handle(event)
    if over:
        bot.handle(OrderExpired(time_ns=Nanos(now_ns), order_id=order.order_id))


def test_first_everything_is_cancelled_and_confirmed_then_the_position_is_closed_in_steps() -> None:
    bot = holding(LONG)
    assert {type(command) for command in halt(bot, flatten=True)} == {Cancel}
    assert placed(bot, 11 * SECOND) == [], "a cancel is not confirmed yet"

    sizes, now, orders = [], 11 * SECOND, cancel_all(bot, 11)
    while bot.market.position.lots:
        assert now < 30 * SECOND, "not flat"
        for order in orders:
            assert (order.side, order.post_only) == (Side.SELL, False)
            assert order.price == -(-6_000_001 * 999 // 1_000), "no further than the slippage that is allowed"
            sizes.append(order.quantity)
            fill(bot, order, order.quantity, now)
        now += SECOND // 2
        orders = placed(bot, now)
    assert sizes == [10_000, 10_000, 5_000]
    assert placed(bot, now + 10 * SECOND) == []
    assert bot.market.state is TradingState.HALTED


def test_a_halt_without_that_policy_sells_nothing() -> None:
    bot = holding(LONG)
    halt(bot, flatten=False)
    cancel_all(bot, 11)

    assert [placed(bot, now * SECOND) for now in range(12, 40)] == [[]] * 28


def test_a_short_position_is_bought_back() -> None:
    bot = holding(-3_000)
    halt(bot, flatten=True)

    (order,) = cancel_all(bot, 11)
    assert (order.side, order.quantity, order.price) == (Side.BUY, 3_000, 6_000_001 * 1_001 // 1_000)


def test_it_gives_up_after_steps_that_changed_nothing_and_the_halt_holds() -> None:
    bot = holding(LONG)
    halt(bot, flatten=True)

    steps, now, orders = 0, 11 * SECOND, cancel_all(bot, 11)
    for _ in range(1_000):
        for order in orders:
            steps += 1
            fill(bot, order, 0, now, over=True)
        now += SECOND // 4
        orders = placed(bot, now)
    assert steps == FUTILE_MOST
    assert bot.market.state is TradingState.HALTED


def given_up(bot: Engine) -> int:
    """Every step comes back with nothing until no more come; the time then."""
    now, orders = 11 * SECOND, cancel_all(bot, 11)
    while orders or not (bot.market.flattening and bot.market.flattening.stays):
        for order in orders:
            fill(bot, order, 0, now, over=True)
        now += SECOND // 4
        orders = placed(bot, now)
    return now


def test_what_was_given_up_is_tried_again_when_it_is_asked_for_once_more_and_not_when_something_else_is_told() -> None:
    bot = holding(LONG)
    halt(bot, flatten=True)
    now = given_up(bot)
    again = StateChanged(time_ns=Nanos(now), state=TradingState.HALTED, reason="RiskBreachMaxLoss", flatten=True)

    assert places(bot.handle(again)) == []
    assert bot.market.flattening
    assert (bot.market.flattening.stays, bot.market.is_closing) == (GIVEN_UP, False)
    assert [order.quantity for order in places(bot.handle(replace(again, anew=True)))] == [10_000]
    assert places(bot.handle(replace(again, anew=True))) == [], "one that is on its way goes on"


def test_a_position_that_is_closed_by_something_else_after_all_does_not_stay() -> None:
    bot = holding(LONG)
    halt(bot, flatten=True)
    now = given_up(bot)
    bot.market.position.lots = Lots(0)
    placed(bot, now)

    assert bot.market.flattening
    assert (bot.market.flattening.stays, bot.market.flattening.is_over) == ("", True)


WAITS_S = 3 * FUTILE_MOST * STEP_NS // SECOND  # three times as long as it tries what leads to nothing


def test_the_venues_word_to_wait_is_no_step_that_led_to_nothing() -> None:
    for hold in ("block", "hold_orders"):
        bot = holding(LONG)
        halt(bot, flatten=True)
        getattr(bot.budget, hold)(Nanos((11 + WAITS_S) * SECOND))
        cancel_all(bot, 11)
        assert [order for now in range(11, 11 + WAITS_S) for order in placed(bot, now * SECOND)] == []

        assert [order.quantity for order in placed(bot, (11 + WAITS_S) * SECOND)] == [10_000], hold


def test_our_own_pause_after_a_refusal_is_none_either() -> None:
    """The venue refuses what comes for twice as long as ten steps take."""
    bot = holding(LONG)
    halt(bot, flatten=True)
    orders, tries = cancel_all(bot, 11), 0
    for now in range(11 * SECOND, 51 * SECOND, SECOND // 4):
        for order in orders:
            tries += 1
            bot.handle(OrderRejected(time_ns=Nanos(now), order_id=order.order_id, reason="-1013", message="closed"))
        orders = placed(bot, now)
    assert 3 < tries < FUTILE_MOST

    now = 51 * SECOND
    while not (orders := orders or placed(bot, now)):
        now += SECOND // 4
        assert now < 90 * SECOND, "no order comes any more"
    assert orders[0].quantity == 10_000


def test_an_order_that_has_not_left_the_process_is_no_step() -> None:
    bot = holding(LONG)
    halt(bot, flatten=True)
    orders, denied = cancel_all(bot, 11), 0
    for now in range(11 * SECOND, 600 * SECOND, SECOND // 4):
        for order in orders:
            denied += 1
            bot.handle(OrderDenied(time_ns=Nanos(now), order_id=order.order_id, reason="Reconnecting"))
        orders = placed(bot, now)

    assert denied > FUTILE_MOST
    assert bot.market.is_closing


@pytest.mark.parametrize("limits", [{"max_messages_per_day": 3}, {"max_cancels_per_fill": 0},
                                    {"min_interval_ns": 3_600 * SECOND}], ids=str)  # fmt: skip
def test_what_spares_messages_does_not_keep_a_position_open(limits: dict[str, Any]) -> None:
    bot = holding(LONG)
    bot.market.meters.remembered.cancels = 10_000
    bot.market.terms = fields_replaced(bot.market.terms, limits=fields_replaced(bot.market.terms.limits, **limits))
    halt(bot, flatten=True)

    assert [order.quantity for order in cancel_all(bot, 11)] == [10_000]


def test_what_the_account_does_not_hold_is_told_and_dust_is_not() -> None:
    for lots, base, stays in ((LONG, 0, Refusal.BALANCE), (8, 10**8, "")):
        bot = holding(lots)
        bot.market.account.base = base
        halt(bot, flatten=True)
        cancel_all(bot, 11)
        placed(bot, 12 * SECOND)

        assert bot.market.flattening
        assert (bot.market.flattening.stays, bot.market.is_closing) == (stays, False)


def test_a_step_that_rests_is_cancelled_before_the_next_one() -> None:
    bot = holding(LONG)
    halt(bot, flatten=True)
    (order,) = cancel_all(bot, 11)
    bot.handle(accept(order.order_id, 11 * SECOND))

    assert bot.handle(tick(12 * SECOND)) == [], "it has time to fill"
    assert [type(a.command) for a in bot.handle(tick(13 * SECOND))] == [Cancel]
    assert bot.handle(tick(14 * SECOND)) == [], "and is not doubled before that is confirmed"
    assert [order.quantity for order in cancel_all(bot, 15)] == [10_000]


def test_an_order_that_turns_up_beside_the_step_is_cancelled_before_anything_else() -> None:
    bot = holding(LONG)
    halt(bot, flatten=True)
    (order,) = cancel_all(bot, 11)
    bot.handle(accept(order.order_id, 11 * SECOND))
    found = Restored(time_ns=Nanos(12 * SECOND), order_id=OrderId("found"), side=Side.SELL, price=order.price,
                     quantity=Lots(100), executed=Lots(0), venue_order_id="v", state="Open")  # fmt: skip

    assert {type(a.command) for a in bot.handle(found)} == {Cancel}
    assert {o.state for o in bot.market.orders} == {OrderState.PENDING_CANCEL}


@pytest.mark.parametrize(("state", "reason"), [(TradingState.STOPPED, "Terminating"), (TradingState.FENCED, "Lease")])
def test_the_end_of_the_process_or_of_the_lease_ends_it(state: TradingState, reason: str) -> None:
    bot = holding(LONG)
    halt(bot, flatten=True)
    cancel_all(bot, 11)
    bot.handle(StateChanged(time_ns=Nanos(12 * SECOND), state=state, reason=reason))

    assert [placed(bot, now * SECOND) for now in range(12, 20)] == [[]] * 8


def test_without_fresh_data_nothing_is_sold() -> None:
    bot = holding(LONG)
    halt(bot, flatten=True)
    cancel_all(bot, 11)
    stale = StateChanged(time_ns=Nanos(20 * SECOND), state=TradingState.HALTED, reason="r", flatten=True)

    assert bot.handle(stale) == []


def test_dust_that_the_venue_does_not_take_is_left() -> None:
    bot = holding(8)
    halt(bot, flatten=True)
    cancel_all(bot, 11)

    assert [placed(bot, now * SECOND) for now in range(12, 20)] == [[]] * 8


def unproved(
    bot: Engine, side: Side, lots: int, state: OrderState = OrderState.LOST, price: int = 5_999_000
) -> OrderId:
    """An order that the market has, and nobody knows what became of it."""
    order_id = OrderId(f"unproved{side}{lots}")
    bot.handle(Restored(time_ns=Nanos(9 * SECOND), order_id=order_id, side=side, price=Ticks(price),
                        quantity=Lots(lots), executed=Lots(0), venue_order_id="", state=state))  # fmt: skip
    return order_id


def closed_beside(bot: Engine) -> list[int]:
    """Flatten, and fill whatever comes; the sizes."""
    halt(bot, flatten=True)
    cancel_resting(bot)
    sizes: list[int] = []
    for now in range(11 * SECOND, 40 * SECOND, SECOND // 2):
        placed(bot, now)
        for order in [order for order in bot.market.orders if order.state is OrderState.SUBMITTING]:
            sizes.append(order.quantity)
            fill(bot, Place(order_id=order.id, side=order.side, price=order.price, quantity=order.quantity),
                 order.quantity, now)  # fmt: skip
    return sizes


def cancel_resting(bot: Engine) -> list[Place]:
    answers = [bot.handle(OrderCanceled(time_ns=Nanos(11 * SECOND), order_id=order.id)) for order in
               list(bot.market.orders) if order.state is OrderState.PENDING_CANCEL]  # fmt: skip
    return [place for approved in answers for place in places(approved)]


@pytest.mark.parametrize("state", [OrderState.LOST, OrderState.UNKNOWN])
@pytest.mark.parametrize(
    ("start", "side", "lots", "sizes"),
    [(LONG, Side.SELL, 12_000, [10_000, 3_000]), (LONG, Side.BUY, 12_000, [10_000, 10_000, 5_000]),
     (-LONG, Side.BUY, 12_000, [10_000, 3_000]), (-LONG, Side.SELL, 12_000, [10_000, 10_000, 5_000]),
     (LONG, Side.SELL, LONG, []), (LONG, Side.SELL, 2 * LONG, [])],
)  # fmt: skip
def test_beside_an_order_of_unknown_fate_all_is_closed_that_its_fill_could_not_turn_over(
    start: int, side: Side, lots: int, sizes: list[int], state: OrderState
) -> None:
    bot = holding(start)
    unproved(bot, side, lots, state, 5_999_000 if side is Side.BUY else 6_001_000)
    assert closed_beside(bot) == sizes

    flattening = bot.market.flattening
    assert flattening
    left = abs(start) - sum(sizes)
    waits = state is OrderState.UNKNOWN and left
    assert flattening.is_over == (not waits), "of what is lost nothing is waited for"
    assert flattening.stays == (Refusal.REDUCE_ONLY if left and not waits else "")


def test_what_a_lost_order_kept_open_is_closed_when_its_fate_is_known() -> None:
    bot = holding(LONG)
    order_id = unproved(bot, Side.SELL, LONG)
    assert closed_beside(bot) == []

    gone = OrderReported(time_ns=Nanos(40 * SECOND), order_id=order_id, status=OrderStatus.ABSENT, executed=Lots(0))
    assert [order.quantity for order in [*places(bot.handle(gone)), *placed(bot, 41 * SECOND)]] == [10_000]


def test_a_step_never_meets_an_order_of_our_own_that_may_still_be_there() -> None:
    for start, side, price, expected in (
        (LONG, Side.BUY, 5_999_000, 5_999_001),
        (-LONG, Side.SELL, 6_001_000, 6_000_999),
    ):
        bot = holding(start)
        unproved(bot, side, 1_000, price=price)
        halt(bot, flatten=True)

        (order,) = cancel_resting(bot)
        assert (order.price, bot.decision.refused) == (expected, [])


def test_what_the_account_pays_for_a_lost_order_is_not_paid_again() -> None:
    bot = holding(LONG)
    bot.market.account.base = (LONG - 25) * BTC.lot_units  # a fee has taken the rest
    unproved(bot, Side.SELL, 20_000)

    assert closed_beside(bot) == [LONG - 25 - 20_000]


def test_a_venue_that_refused_once_is_asked_again_though_it_will_never_answer_for_a_lost_order() -> None:
    """An order that came too late for its price ends no pause and begins none."""
    bot = holding(LONG)
    unproved(bot, Side.BUY, 1_000)
    halt(bot, flatten=True)
    (order,) = cancel_resting(bot)
    bot.handle(OrderRejected(time_ns=Nanos(11 * SECOND), order_id=order.order_id, reason="-1013", message="closed"))
    (order,) = placed(bot, 14 * SECOND)
    moved = next(iter(MARKET_MOVED))
    bot.handle(OrderRejected(time_ns=Nanos(14 * SECOND), order_id=order.order_id, reason=moved, message=""))

    assert len(placed(bot, 17 * SECOND)) == 1


@given(
    start=st.sampled_from([-40_000, -15_000, 15_000, 40_000]),
    lost=st.tuples(
        st.sampled_from(Side), st.integers(1, 15_000), st.sampled_from([OrderState.LOST, OrderState.UNKNOWN])
    ),
    filled_at=st.integers(0, 40),
    shares=st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=40, max_size=40),
)
def test_whatever_becomes_of_a_lost_order_the_position_never_changes_sides(
    start: int, lost: tuple[Side, int, OrderState], filled_at: int, shares: list[tuple[int, bool]]
) -> None:
    side, lots, state = lost
    bot = holding(start)
    order_id = unproved(bot, side, lots, state, 5_999_000 if side is Side.BUY else 6_001_000)
    halt(bot, flatten=True)
    waiting, now = cancel_resting(bot), 11 * SECOND
    for number, (share, rests) in enumerate(shares):
        now += SECOND
        if number == filled_at:
            bot.handle(OrderFilled(time_ns=Nanos(now), order_id=order_id, trade_id="late", side=side, fee=0,
                                   price=Ticks(5_999_000), quantity=Lots(lots), fee_asset="USDT"))  # fmt: skip
            assert bot.market.position.lots * start >= 0
        for order in [*waiting, *placed(bot, now)]:
            bot.handle(accept(order.order_id, now))
            fill(bot, order, order.quantity * share // 100, now, over=not rests)
        waiting = cancel_resting(bot)
        assert bot.market.position.lots * start >= 0, "it never changes sides"


@given(
    start=st.integers(-40_000, 40_000),
    shares=st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=60),
)
def test_whatever_fills_the_position_only_ever_shrinks(start: int, shares: list[tuple[int, bool]]) -> None:
    bot = holding(start)
    halt(bot, flatten=True)
    waiting = cancel_all(bot, 11)
    now, before = 11 * SECOND, abs(start)
    for share, rests in shares:
        now += SECOND
        for order in [*waiting, *placed(bot, now)]:
            assert order.quantity <= before
            bot.handle(accept(order.order_id, now))
            fill(bot, order, order.quantity * share // 100, now, over=not rests)
        waiting = cancel_all(bot, now // SECOND) if share % 7 == 0 else []
        position = bot.market.position.lots
        assert position * start >= 0, "it never changes sides"
        assert abs(position) <= before
        before = abs(position)
