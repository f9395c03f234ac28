"""Limits that a market breaks by itself: each fires and stays silent exactly at its line, and acts within the tick."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replace_order

from harness.engines import BTC, SECOND, accept, engine, limits, tick, trading
from tradingbot_runtime.config import OnBreach
from tradingbot_runtime.core.breaches import RULES, BreachReason, Measured, breach
from tradingbot_runtime.core.meters import LastMinute, Meters, Remembered
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.core.risk import Refusal
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.model import (
    AccountChecked,
    BalancesReported,
    Cancel,
    ClockMeasured,
    CrossTicked,
    HaltResumed,
    Lots,
    Money,
    Nanos,
    OrderCanceled,
    OrderFilled,
    OrderId,
    OrderRejected,
    OutcomeLost,
    Place,
    ProofOverdue,
    Side,
    StateChanged,
    TradingState,
)

MID = 6_000_001
NOW = Nanos(100 * SECOND)
B = BreachReason


def many(number: int) -> LastMinute:
    counted = LastMinute()
    for _ in range(number):
        counted.add(NOW)
    return counted


def meters(**changes: object) -> Meters:
    return replace(Meters(), **changes)  # type: ignore[arg-type]  # a table of keyword arguments


SIGNED: dict[str, Any] = {"max_clock_drift_ns": 500, "signed": True}
PATIENT: dict[str, Any] = {"halt_after_ns": 30 * SECOND}
# rule by rule: meters, position, limits, and whether it is a breach
CASES: dict[str, list[tuple[Meters, int, dict[str, Any], BreachReason | None]]] = {
    "max_loss": [
        (meters(loss_today=Money(101)), 0, {"max_daily_loss": Money(100)}, B.MAX_LOSS),
        (meters(loss_today=Money(100)), 0, {"max_daily_loss": Money(100)}, None),
        (meters(loss_today=Money(10**18)), 0, {}, None),
    ],
    "max_drawdown": [
        (meters(remembered=Remembered(capital=900, best=100), profit=Money(49)), 0, {"max_drawdown": (1, 20)},
         B.MAX_DRAWDOWN),
        (meters(remembered=Remembered(capital=900, best=100), profit=Money(50)), 0, {"max_drawdown": (1, 20)}, None),
        (meters(remembered=Remembered(best=100), profit=Money(-999)), 0, {"max_drawdown": (1, 20)}, None),
    ],
    "loss_rate": [
        (meters(recent_loss=Money(101)), 0, {"max_loss_rate": (Money(100), SECOND)}, B.LOSS_RATE),
        (meters(recent_loss=Money(100)), 0, {"max_loss_rate": (Money(100), SECOND)}, None),
    ],
    "max_position": [
        (meters(), 20_001, {}, B.MAX_POSITION),
        (meters(), -20_001, {}, B.MAX_POSITION),
        (meters(), -20_000, {}, None),
    ],
    "order_rate": [
        (meters(orders=many(11)), 0, {"max_orders_per_minute": 10}, B.ORDER_RATE),
        (meters(orders=many(10)), 0, {"max_orders_per_minute": 10}, None),
    ],
    "reject_rate": [
        (meters(rejects=many(4)), 0, {"max_rejects_per_minute": 3}, B.REJECT_RATE),
        (meters(rejects=many(3)), 0, {"max_rejects_per_minute": 3}, None),
    ],
    "account_truth": [
        (meters(mismatch="x", mismatch_since_ns=NOW - 30 * SECOND - 1), 0, PATIENT, B.ACCOUNT),
        (meters(mismatch="x", mismatch_since_ns=NOW - 30 * SECOND), 0, PATIENT, None),
        (meters(mismatch_since_ns=1), 0, PATIENT, None),
    ],
    "clock_drift": [
        (meters(clock_offset_ns=-501), 0, SIGNED, B.CLOCK),
        (meters(clock_offset_ns=500), 0, SIGNED, None),
        (meters(), 0, SIGNED, None),
        (meters(clock_offset_ns=10**12), 0, {"max_clock_drift_ns": 500}, None),
    ],
    "divergence": [
        (meters(apart_since_ns=NOW - 30 * SECOND - 1), 0, PATIENT, B.DIVERGENCE),
        (meters(apart_since_ns=NOW - 30 * SECOND), 0, PATIENT, None),
        (meters(), 0, PATIENT, None),
    ],
}  # fmt: skip
ALL = [(rule, *case) for rule, cases in CASES.items() for case in cases]


@pytest.mark.parametrize(("rule", "measured", "position", "changes", "expected"), ALL)
def test_a_breach_draws_its_line_exactly(
    rule: str, measured: Meters, position: int, changes: dict[str, Any], expected: BreachReason | None
) -> None:
    found = breach(Measured(NOW, measured, Lots(position), opens=True), limits(**changes))

    assert (found.reason if found else None) is expected, rule
    assert found is None or (found.value and found.limit), "a person reads both"


def test_a_loss_of_account_truth_says_what_differs_beside_how_long() -> None:
    differs = meters(mismatch="BTC: 1 less than by our fills", mismatch_since_ns=NOW - 31 * SECOND)
    found = breach(Measured(NOW, differs, Lots(0), opens=True), limits(**PATIENT))

    assert found is not None
    assert found.message == "BTC: 1 less than by our fills, for 31000 ms; limit 30000 ms"
    assert replace(found, subject="").message == "for 31000 ms; limit 30000 ms"


def test_every_rule_has_a_case_that_fires_it_and_one_that_leaves_it_silent() -> None:
    assert [rule.__name__ for rule in RULES] == list(CASES)
    for cases in CASES.values():
        assert {case[-1] is None for case in cases} == {True, False}
    assert {case[-1] for cases in CASES.values() for case in cases} == {*BreachReason, None}


def test_the_guide_says_of_every_reason_when_it_halts() -> None:
    guide = (Path(__file__).parents[2] / "docs/guides/halts.md").read_text(encoding="utf-8")

    assert re.findall(r"^\| `(\w+)` \|", guide, re.MULTILINE) == [str(reason) for reason in BreachReason]


def test_a_position_over_the_limit_is_no_breach_of_a_bot_that_is_told_to_reduce_it() -> None:
    assert breach(Measured(NOW, meters(), Lots(20_001), opens=False), limits()) is None


def state(bot: Engine) -> TradingState:
    return bot.market.state


def resting(**changes: Any) -> Engine:  # noqa: ANN401 - a table of keyword arguments
    """A bot with two orders in the market, at ten seconds."""
    bot = trading(layers=1, **changes)
    for approved in bot.handle(tick(10 * SECOND)):
        bot.handle(accept(approved.command.order_id, 10 * SECOND))
    assert len(bot.market.orders.live) == 2
    return bot


def bought(bot: Engine, quantity: int = 1_000) -> None:
    order = next(order for order in bot.market.orders if order.side is Side.BUY)
    filled = OrderFilled(time_ns=Nanos(10 * SECOND), order_id=order.id, trade_id="t", side=Side.BUY, price=order.price,
                         quantity=Lots(quantity), fee=0, fee_asset="USDT")  # fmt: skip
    for approved in bot.handle(filled):  # the layer is put back
        bot.handle(accept(approved.command.order_id, 10 * SECOND))


def kinds(bot: Engine, event: object) -> set[type]:
    return {type(approved.command) for approved in bot.handle(event)}  # type: ignore[arg-type]  # any event


@pytest.mark.parametrize(
    ("changes", "event", "reason"),
    [
        ({"signed": True, "max_clock_drift_ns": SECOND},
         ClockMeasured(time_ns=Nanos(10 * SECOND), offset_ns=2 * SECOND), B.CLOCK),
        ({"max_daily_loss": BTC.money("1")}, tick(11 * SECOND, MID - 100_000, MID - 99_998), B.MAX_LOSS),
        ({"max_drawdown": (1, 100_000)}, tick(11 * SECOND, MID - 100_000, MID - 99_998), B.MAX_DRAWDOWN),
        ({"max_loss_rate": (BTC.money("1"), 60 * SECOND)}, tick(11 * SECOND, MID - 100_000, MID - 99_998), B.LOSS_RATE),
    ],
)  # fmt: skip
def test_a_breach_withdraws_everything_within_the_tick_and_no_order_follows(
    changes: dict[str, Any], event: object, reason: BreachReason
) -> None:
    bot = resting(**{name: value for name, value in changes.items() if name != "signed"})
    bot.market.terms = replace(bot.market.terms, limits=limits(**changes))
    bought(bot)
    assert kinds(bot, event) == {Cancel}
    assert bot.market.breach is not None
    assert bot.market.breach.reason is reason
    assert state(bot) is TradingState.HALTED
    assert kinds(bot, tick(12 * SECOND)) == set()


def test_refusals_by_the_venue_halt_when_there_are_too_many_of_them() -> None:
    bot, refused = trading(layers=1, max_rejects_per_minute=3), 0
    now = 10 * SECOND
    while state(bot) is TradingState.ACTIVE:
        now += SECOND
        for approved in bot.handle(tick(now)):
            if isinstance(approved.command, Place):
                refused += 1
                bot.handle(OrderRejected(time_ns=Nanos(now), order_id=approved.command.order_id, reason="-2010"))
        assert now < 60 * SECOND, "never halted"

    assert refused == 4
    assert state(bot) is TradingState.HALTED


@pytest.mark.parametrize("reason", ["WouldTake", "NotAttempted"])
def test_a_refusal_because_the_market_was_faster_is_no_failure(reason: str) -> None:
    bot = trading(layers=1, max_rejects_per_minute=1)
    for second in range(10, 20):
        sent = bot.handle(tick(second * SECOND))
        assert [type(approved.command) for approved in sent] == [Place, Place], "and is tried again at the next tick"
        for approved in sent:
            faster = OrderRejected(time_ns=Nanos(second * SECOND), order_id=approved.command.order_id, reason=reason)
            assert bot.handle(faster) == []
    assert state(bot) is TradingState.ACTIVE


def test_more_orders_than_allowed_in_a_minute_halt() -> None:
    bot = trading(layers=1, max_orders_per_minute=7)
    price, now = MID - 1, 10 * SECOND
    while state(bot) is TradingState.ACTIVE:
        now, price = now + SECOND, price + 30_000
        for approved in bot.handle(tick(now, price, price + 2)):
            if isinstance(approved.command, Cancel):
                bot.market.orders.live.pop(approved.command.order_id, None)
            elif isinstance(approved.command, Place):
                bot.handle(accept(approved.command.order_id, now))
        assert now < 60 * SECOND, "never halted"

    assert bot.market.meters.orders.count(Nanos(now)) == 8


def test_with_reduce_only_a_breach_leaves_what_reduces_and_withdraws_the_rest() -> None:
    bot = resting(max_daily_loss=BTC.money("1"), on_breach=OnBreach.REDUCE_ONLY)
    bought(bot)

    placed: list[Side] = []

    def answer(event: object, now_ns: Nanos) -> None:
        for approved in bot.handle(event):  # type: ignore[arg-type]  # any event
            order_id = approved.command.order_id
            if isinstance(approved.command, Place):
                placed.append(approved.command.side)
                answer(accept(order_id, now_ns), now_ns)
            else:
                answer(OrderCanceled(time_ns=now_ns, order_id=order_id), now_ns)

    for now in range(11, 20):
        answer(tick(now * SECOND, MID - 100_000, MID - 99_998), Nanos(now * SECOND))
        assert state(bot) is TradingState.REDUCING
    assert placed == [Side.SELL]
    assert [order.side for order in bot.market.orders] == [Side.SELL]


def test_an_account_that_differs_stops_orders_at_once_and_halts_when_it_does_not_heal() -> None:
    bot = trading(layers=1)
    assert kinds(bot, AccountChecked(time_ns=Nanos(10 * SECOND), mismatch="USDT: 5 less than booked")) == set()
    assert kinds(bot, tick(10 * SECOND)) == set()
    assert {r.reason for r in bot.decision.refused} == {Refusal.ACCOUNT_MISMATCH}
    assert state(bot) is TradingState.ACTIVE

    bot.handle(AccountChecked(time_ns=Nanos(20 * SECOND), mismatch="USDT: 5 less than booked"))
    bot.handle(tick(41 * SECOND))
    assert state(bot) is TradingState.HALTED


def test_an_account_that_heals_trades_on() -> None:
    bot = trading(layers=1)
    bot.handle(AccountChecked(time_ns=Nanos(10 * SECOND), mismatch="USDT: 5 less than booked"))
    bot.handle(AccountChecked(time_ns=Nanos(20 * SECOND)))

    assert kinds(bot, tick(41 * SECOND)) == {Place}


def test_two_sources_of_the_price_that_disagree_stop_orders_at_once_and_halt_when_they_go_on_to() -> None:
    bot = trading(layers=1, max_divergence=(1, 1_000), cross_checked=True)
    agreeing = CrossTicked(time_ns=Nanos(10 * SECOND), mid_2=2 * MID, unit=1)
    assert kinds(bot, tick(10 * SECOND)) == set(), "the second source has not been heard yet"
    bot.handle(agreeing)
    assert kinds(bot, tick(10 * SECOND)) <= {Place}
    assert len(bot.market.orders.live) == 2

    for second in range(11, 43):
        apart = CrossTicked(time_ns=Nanos(second * SECOND), mid_2=2 * MID + 20_000, unit=1)
        assert Place not in kinds(bot, apart)
        assert Place not in kinds(bot, tick(second * SECOND, MID - 1_001, MID + 999))
        assert (state(bot) is TradingState.ACTIVE) == (second <= 41), second
    assert state(bot) is TradingState.HALTED


def test_a_second_source_that_falls_silent_withdraws_quotes_as_the_others_do() -> None:
    bot = trading(layers=1, cross_checked=True)
    bot.handle(CrossTicked(time_ns=Nanos(10 * SECOND), mid_2=2 * MID, unit=1))
    for approved in bot.handle(tick(10 * SECOND)):
        bot.handle(accept(approved.command.order_id, 10 * SECOND))

    assert kinds(bot, tick(13 * SECOND)) == set()
    assert kinds(bot, tick(13 * SECOND + 1)) == {Cancel}


def test_a_drawdown_that_a_person_has_resumed_begins_anew() -> None:
    bot = resting(max_drawdown=(1, 100_000))
    bought(bot)
    bot.handle(tick(11 * SECOND, MID - 100_000, MID - 99_998))
    assert state(bot) is TradingState.HALTED

    bot.market.apply(HaltResumed(time_ns=Nanos(12 * SECOND), reason=BreachReason.MAX_DRAWDOWN))
    bot.handle(StateChanged(time_ns=Nanos(12 * SECOND), state=TradingState.ACTIVE, reason="Trading"))
    bot.handle(tick(12 * SECOND, MID - 100_000, MID - 99_998))
    assert state(bot) is TradingState.ACTIVE
    bot.handle(tick(13 * SECOND, MID - 200_000, MID - 199_998))
    assert state(bot) is TradingState.HALTED


def test_the_accounts_value_is_taken_once_and_only_when_the_venue_has_said_what_it_holds() -> None:
    bot = engine(layers=1)
    bot.handle(StateChanged(time_ns=Nanos(1), state=TradingState.ACTIVE, reason="Trading"))
    bot.handle(tick(SECOND))
    assert bot.market.meters.remembered.capital is None

    bot.handle(BalancesReported(time_ns=Nanos(SECOND), base=10**8, quote=BTC.money("1000")))
    bot.handle(tick(SECOND))
    first = bot.market.meters.remembered.capital
    assert first == BTC.money("61000.01")
    bot.handle(BalancesReported(time_ns=Nanos(SECOND), base=2 * 10**8, quote=BTC.money("1000")))
    bot.handle(tick(2 * SECOND))
    assert bot.market.meters.remembered.capital == first


def test_a_lost_order_leaves_only_what_reduces_the_position() -> None:
    bot = resting()
    lost = next(order for order in bot.market.orders if order.side is Side.BUY)
    for event in (OutcomeLost, ProofOverdue):
        bot.market.orders.live[lost.id] = replace_order(lost, state=OrderState.UNKNOWN)
        bot.handle(event(time_ns=Nanos(10 * SECOND), order_id=lost.id))
    assert [order.state for order in bot.market.orders if order.id == lost.id] == [OrderState.LOST]

    assert Place not in kinds(bot, tick(11 * SECOND, MID + 50_000, MID + 50_002))
    assert bot.market.situation(Nanos(11 * SECOND), 1).only_reducing


def test_messages_cancels_and_fills_of_the_day_are_counted_where_they_happen() -> None:
    bot = resting()
    bought(bot)
    bot.handle(tick(11 * SECOND, MID + 50_000, MID + 50_002))
    today = bot.market.meters.remembered

    assert (today.messages, today.cancels, today.fills) == (6, 2, 1), "four orders, two of them withdrawn again"


@pytest.mark.parametrize("unsure", [TradingState.STARTING, TradingState.RECONCILING, TradingState.FENCED])
def test_nothing_is_valued_while_it_is_not_known_what_is_held(unsure: TradingState) -> None:
    bot = engine(layers=1)
    bot.handle(BalancesReported(time_ns=Nanos(1), base=10**8, quote=BTC.money("1000")))
    bot.handle(StateChanged(time_ns=Nanos(1), state=unsure, reason="r"))
    bot.handle(tick(SECOND))

    assert bot.market.meters.remembered.capital is None
    assert bot.market.daily.day == -1, "the day's opening is not taken either"


def test_an_id_is_never_used_twice() -> None:
    bot = resting()
    used = next(iter(bot.market.orders)).id
    assert bot.market.situation(Nanos(10 * SECOND), 1).known(used)
    assert not bot.market.situation(Nanos(10 * SECOND), 1).known(OrderId("new"))
