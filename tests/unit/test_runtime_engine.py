"""The tick path: what happens to quotes when the world changes, and what never happens."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from harness.engines import BTC, SECOND, accept, engine, tick, trading
from tradingbot_runtime.core.breaches import BreachReason
from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.market_events import APPLY
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.core.refusals import CANCEL_FIRST_NS
from tradingbot_runtime.core.risk import Approved, Refusal
from tradingbot_runtime.model import (
    AnyEvent,
    BalancesReported,
    Cancel,
    CancelRejected,
    FeedLost,
    Lots,
    Money,
    Nanos,
    OrderCanceled,
    OrderFilled,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OutcomeLost,
    Place,
    Side,
    StateChanged,
    TimePassed,
    TradingState,
)


def commands(made: list[Approved]) -> list[str]:
    return [type(approved.command).__name__ for approved in made]


def test_every_event_has_a_place_to_go() -> None:
    assert set(APPLY) == set(AnyEvent.__args__)


def test_before_the_barrier_nothing_is_sent() -> None:
    assert engine().handle(tick(SECOND)) == []


def test_a_tick_places_the_ladder_and_the_same_tick_again_nothing() -> None:
    bot = trading()

    assert commands(bot.handle(tick(SECOND))) == ["Place"] * 4
    assert bot.handle(tick(SECOND + 1)) == []


def test_a_moved_market_cancels_before_it_places() -> None:
    bot = trading()
    for approved in bot.handle(tick(SECOND)):
        bot.handle(accept(approved.command.order_id, SECOND + 1))

    assert commands(bot.handle(tick(SECOND + 2, 6_010_000, 6_010_002))) == ["Cancel"] * 4 + ["Place"] * 4


@pytest.mark.parametrize(
    "event",
    [
        FeedLost(time_ns=Nanos(SECOND + 9), feed="reference", reason="closed"),
        TimePassed(time_ns=Nanos(5 * SECOND)),
        *(StateChanged(time_ns=Nanos(SECOND + 9), state=state, reason="r")
          for state in TradingState if state not in (TradingState.ACTIVE, TradingState.REDUCING)),
    ],
)  # fmt: skip
def test_a_lost_or_silent_feed_and_every_stop_withdraw_all_quotes_at_once(event: AnyEvent) -> None:
    bot = trading(budget=Budget(Fraction(1), 4, 0))  # no budget left after the ladder: withdrawing must not need any
    for approved in bot.handle(tick(SECOND)):
        bot.handle(accept(approved.command.order_id, SECOND + 1))

    assert commands(bot.handle(event)) == ["Cancel"] * 4


def test_an_order_acknowledged_after_the_stop_is_cancelled_too() -> None:
    bot = trading()
    sent = bot.handle(tick(SECOND))
    bot.handle(StateChanged(time_ns=Nanos(SECOND + 1), state=TradingState.HALTED, reason="r"))

    assert commands(bot.handle(accept(sent[0].command.order_id, SECOND + 2))) == ["Cancel"]


def test_a_refused_order_is_not_tried_again_from_its_own_refusal_and_not_at_once() -> None:
    bot = trading(layers=1)
    sent = bot.handle(tick(SECOND))
    refused = OrderRejected(time_ns=Nanos(SECOND + 1), order_id=sent[0].command.order_id, reason="-2010")

    assert bot.handle(refused) == []
    assert bot.handle(tick(SECOND + 2)) == []
    assert [r.reason for r in bot.decision.refused] == [Refusal.BACKING_OFF]
    assert commands(bot.handle(tick(2 * SECOND + 2))) == ["Place"]


def test_a_refused_cancel_is_not_tried_again_from_its_own_refusal() -> None:
    bot = trading(layers=1)
    sent = bot.handle(tick(SECOND))
    for approved in sent:
        bot.handle(accept(approved.command.order_id, SECOND))
    bot.handle(FeedLost(time_ns=Nanos(SECOND + 1), feed="reference", reason="closed"))
    refused = CancelRejected(time_ns=Nanos(SECOND + 2), order_id=sent[0].command.order_id, gone=False, reason="-1")

    assert bot.handle(refused) == []
    assert commands(bot.handle(TimePassed(time_ns=Nanos(SECOND + 2 + CANCEL_FIRST_NS)))) == ["Cancel"]


def test_an_order_of_unknown_fate_is_never_sent_again_and_counts_in_full() -> None:
    bot = trading(layers=1, max_position=Lots(1_500))
    sent = bot.handle(tick(SECOND))
    for approved in sent:
        bot.handle(OutcomeLost(time_ns=Nanos(SECOND + 1), order_id=approved.command.order_id))

    assert bot.handle(tick(SECOND + 2)) == []
    assert bot.handle(tick(SECOND + 3, 6_100_000, 6_100_002)) == []  # nor another one beside it, where the market went
    now = bot.market.situation(Nanos(SECOND + 3), 1)
    assert (now.buying, now.selling, now.open_orders) == (1_000, 1_000, 2)


def test_the_budget_cuts_what_matters_least_and_keeps_its_reserve_for_cancels() -> None:
    bot = trading(layers=3, budget=Budget(Fraction(1), 5, 2))

    sent = [a.command for a in bot.handle(tick(SECOND))]

    inner = (bot.quotes[0], bot.quotes[3], bot.quotes[1])  # of both sides, then the next layer
    assert [(c.side, c.price) for c in sent if isinstance(c, Place)] == [(q.side, q.price) for q in inner]


def test_a_venue_that_says_wait_hears_nothing_not_even_cancels() -> None:
    bot = trading()
    for approved in bot.handle(tick(SECOND)):
        bot.handle(accept(approved.command.order_id, SECOND))
    bot.budget.block(Nanos(9 * SECOND))

    assert bot.handle(FeedLost(time_ns=Nanos(2 * SECOND), feed="reference", reason="closed")) == []
    assert commands(bot.handle(TimePassed(time_ns=Nanos(9 * SECOND)))) == ["Cancel"] * 4


def test_reducing_never_makes_a_position_larger_or_turns_it() -> None:
    bot = trading(layers=1)
    fill(bot, bot.handle(tick(SECOND))[0].command.order_id, 600)
    bot.handle(StateChanged(time_ns=Nanos(2 * SECOND), state=TradingState.REDUCING, reason="PausedAsRequested"))
    bot.handle(tick(2 * SECOND + 1))

    assert bot.market.position.lots == 600
    assert {(r.command.side, r.reason) for r in bot.decision.refused} <= {
        (Side.BUY, Refusal.REDUCE_ONLY), (Side.SELL, Refusal.REDUCE_ONLY)
    }  # fmt: skip
    assert not [a for a in bot.decision.approved if isinstance(a.command, Place) and a.command.quantity > 600]


def test_the_daily_loss_halts_within_the_tick_and_withdraws() -> None:
    bot = trading(layers=1, max_daily_loss=BTC.money("5"))
    sent = bot.handle(tick(SECOND))
    for approved in sent:
        bot.handle(accept(approved.command.order_id, SECOND))
    fill(bot, sent[0].command.order_id, 1_000)  # 0.01 BTC bought at 59,940: a fall of 1,000 costs about 9.4

    answer = bot.handle(tick(2 * SECOND, 5_900_000, 5_900_002))

    assert bot.market.state is TradingState.HALTED
    assert bot.market.breach is not None
    assert bot.market.breach.reason is BreachReason.MAX_LOSS
    assert commands(answer) == ["Cancel"]
    assert bot.handle(tick(3 * SECOND, 6_000_000, 6_000_002)) == []


def test_leaving_orders_on_stop_is_only_for_stops_by_command() -> None:
    from dataclasses import replace  # noqa: PLC0415 - this test alone needs it

    bot = trading()
    bot.market.terms = replace(bot.market.terms, leave_on_stop=True)
    for approved in bot.handle(tick(SECOND)):
        bot.handle(accept(approved.command.order_id, SECOND))

    assert bot.handle(StateChanged(time_ns=Nanos(SECOND + 1), state=TradingState.STOPPED, reason="r")) == []
    assert (
        commands(bot.handle(StateChanged(time_ns=Nanos(SECOND + 2), state=TradingState.HALTED, reason="r")))
        == ["Cancel"] * 4
    )


def fill(bot: object, order_id: OrderId, quantity: int, trade: str = "t", now_ns: int = SECOND) -> None:
    order = bot.market.orders.get(order_id)  # type: ignore[attr-defined]
    bot.handle(OrderFilled(time_ns=Nanos(now_ns), order_id=order_id, trade_id=trade, side=order.side, price=order.price,  # type: ignore[attr-defined]
                           quantity=Lots(quantity), fee=0, fee_asset="USDT"))  # fmt: skip


class EngineUnderFire(RuleBasedStateMachine):
    """Any interleaving of ticks, fills, lost answers, cancels and stops, with a small position limit."""

    MAX_POSITION = 3_000

    def __init__(self) -> None:
        super().__init__()
        self.now = SECOND
        self.trades = 0
        self.bot = trading(layers=2, max_position=Lots(self.MAX_POSITION), max_open_orders=6)
        self.sent: set[OrderId] = set()

    def handle(self, event: AnyEvent) -> None:
        for approved in self.bot.handle(event):
            if isinstance(approved.command, Place):
                assert approved.command.order_id not in self.sent, "an order id was used twice"
                self.sent.add(approved.command.order_id)
            else:
                assert isinstance(approved.command, Cancel)

    def live(self, number: int) -> OrderId | None:
        orders = list(self.bot.market.orders.live)
        return orders[number % len(orders)] if orders else None

    @rule(move=st.integers(-40_000, 40_000), wait=st.integers(0, 4))
    def ticks(self, move: int, wait: int) -> None:
        self.now += wait * SECOND + 1
        self.handle(tick(self.now, 6_000_000 + move, 6_000_002 + move))

    @rule(number=st.integers(0, 20), share=st.sampled_from([1, 2, 3]))
    def fills(self, number: int, share: int) -> None:
        order_id = self.live(number)
        if order_id is not None:
            order = self.bot.market.orders.live[order_id]
            self.trades += 1
            fill(self.bot, order_id, max(order.leaves_quantity // share, 1), f"t{self.trades}", self.now)

    @rule(number=st.integers(0, 20), kind=st.sampled_from(["accept", "lost", "cancel", "gone", "refuse", "absent"]))
    def reports(self, number: int, kind: str) -> None:
        order_id = self.live(number)
        if order_id is None:
            return
        now = Nanos(self.now)
        answers: dict[str, AnyEvent] = {
            "accept": accept(order_id, self.now),
            "lost": OutcomeLost(time_ns=now, order_id=order_id),
            "cancel": OrderCanceled(time_ns=now, order_id=order_id),
            "gone": CancelRejected(time_ns=now, order_id=order_id, gone=True, reason="r"),
            "refuse": OrderRejected(time_ns=now, order_id=order_id, reason="r"),
            "absent": OrderReported(time_ns=now, order_id=order_id, status=OrderStatus.ABSENT, executed=Lots(0)),
        }
        self.handle(answers[kind])

    @rule(state=st.sampled_from([TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED]))
    def changes_state(self, state: TradingState) -> None:
        self.handle(StateChanged(time_ns=Nanos(self.now), state=state, reason="r"))

    @precondition(lambda self: self.bot.market.state is TradingState.ACTIVE)
    @rule()
    def loses_the_feed(self) -> None:
        self.handle(FeedLost(time_ns=Nanos(self.now), feed="reference", reason="r"))
        assert not [o for o in self.bot.market.orders if o.state in (OrderState.OPEN, OrderState.PARTIAL)]

    @invariant()
    def the_worst_case_never_exceeds_the_limit(self) -> None:
        market = self.bot.market
        buying = sum(o.leaves_quantity for o in market.orders if o.side is Side.BUY)
        selling = sum(o.leaves_quantity for o in market.orders if o.side is Side.SELL)
        assert market.position.lots + buying <= self.MAX_POSITION
        assert selling - market.position.lots <= self.MAX_POSITION

    @invariant()
    def the_account_moves_only_by_fills(self) -> None:
        market = self.bot.market
        assert market.account.base == 10**8 + market.position.lots * BTC.lot_units


TestEngineUnderFire = EngineUnderFire.TestCase


@given(st.integers(1, 50), st.integers(1, 20), st.lists(st.integers(0, 2 * SECOND), max_size=60))
def test_the_budget_never_lets_more_through_than_burst_plus_rate(rate: int, burst: int, steps: list[int]) -> None:
    budget, now, taken = Budget(Fraction(rate), burst, 0), 0, 0
    for step in steps:
        now += step
        if budget.available(Nanos(now)):
            budget.take(Nanos(now))
            taken += 1
    assert taken <= burst + rate * now / SECOND + 1


def test_money_reported_by_the_venue_replaces_what_was_reckoned() -> None:
    bot = trading()
    bot.handle(BalancesReported(time_ns=Nanos(2), base=5, quote=Money(7)))

    assert (bot.market.account.base, bot.market.account.quote) == (5, 7)
