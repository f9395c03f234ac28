"""The account's trades and balances against what our fills say."""

import asyncio

from harness.desk import Desk, accept, fill, lose
from tradingbot_runtime.account_balances import MISMATCHES_TO_TELL
from tradingbot_runtime.config.risk import ForeignOrders, Risk
from tradingbot_runtime.core.breaches import BreachReason
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import (
    HaltResumed,
    Nanos,
    OrderId,
)
from tradingbot_runtime.reconcile import MARKETS_AT_FULL_PACE


def test_a_fill_that_nobody_told_is_found_in_the_list_of_trades_and_counted_once(desk: Desk) -> None:
    bid, _ = desk.quote()
    accept(desk, bid)
    desk.venue.told_by_list = [fill(bid, quantity=300)]

    desk.look(after_s=20)
    desk.look(after_s=20)
    assert desk.market.engine.market.position.lots == 300
    assert desk.venue.looked_up == [], "the order's name is known"


def test_a_fill_of_an_order_of_unknown_fate_is_found_by_the_venues_word_for_whose_it_is(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    desk.venue.down = False
    desk.venue.told_by_list = [fill(bid, quantity=300)]

    desk.look(after_s=20)
    assert (desk.state(bid), desk.market.engine.market.position.lots) == (OrderState.PARTIAL, 300)
    assert desk.venue.looked_up == [f"v{bid}"]


def test_trades_of_others_change_nothing_and_are_looked_up_once(desk: Desk) -> None:
    desk.venue.told_by_list = [fill(OrderId("foreign"))]

    desk.look(after_s=20)
    desk.look(after_s=20)
    assert desk.market.engine.market.position.lots == 0
    assert desk.venue.looked_up == ["vforeign"]


def test_the_reading_of_trades_goes_on_where_an_earlier_life_stopped(journal: Journal) -> None:
    before = Desk(journal)
    before.venue.told_by_list = [fill(OrderId("foreign"))]
    before.look(after_s=20)
    after = Desk(journal)
    after.look(after_s=20)

    assert before.venue.cursors[0].trade_id == ""
    assert after.venue.cursors[0].trade_id == "1"


def test_a_fill_of_an_order_that_even_the_journal_does_not_know_moves_the_position(desk: Desk) -> None:
    desk.venue.told_by_list = [fill(OrderId("of a lost journal"), quantity=300)]

    desk.look(after_s=20)
    assert desk.market.engine.market.position.lots == 300
    assert sum(f.quantity for f in desk.journal.fills(desk.market.ledger)) == 300


def test_many_markets_of_one_account_read_their_trades_less_often(desk: Desk) -> None:
    desk.all.positions = lambda: [desk.market.engine.market.position] * 5 * MARKETS_AT_FULL_PACE
    for _ in range(200):
        desk.look()

    assert len(desk.venue.cursors) == 2, "every eighty seconds"


def guarded(desk: Desk) -> None:
    desk.policy = Risk(foreign_orders=ForeignOrders.HALT)
    asyncio.run(desk.all.restore())


def test_an_account_that_holds_less_than_our_fills_say_is_told_and_not_taken_for_true(desk: Desk) -> None:
    guarded(desk)
    desk.venue.base -= 10**6
    for _ in range(60 + 2 * MISMATCHES_TO_TELL + 1):
        desk.look()

    market = desk.market.engine.market
    assert market.meters.mismatch == "BTC: 0.01000000 less than by our fills (0.99000000, not 1.00000000)"
    assert market.account.base == 10**8


def test_a_balance_that_is_ahead_of_its_fill_heals_and_is_never_told(desk: Desk) -> None:
    guarded(desk)
    bid, _ = desk.quote()
    accept(desk, bid)
    desk.venue.base += 1_000 * 1_000 - 1  # the fill and its fee
    desk.venue.told_by_list = [fill(bid)]
    desk.venue.quote -= 1_000 * 5_994_000 * 10
    for _ in range(70):
        desk.look()
        assert desk.market.engine.market.meters.mismatch == ""
    assert desk.market.engine.market.position.lots == 1_000


def test_a_person_who_resumes_accepts_the_balances_as_they_are(desk: Desk) -> None:
    guarded(desk)
    desk.venue.base -= 10**6
    for _ in range(80):
        desk.look()
    desk.market.handle(HaltResumed(time_ns=Nanos(desk.now_ns), reason=BreachReason.ACCOUNT))
    for _ in range(80):
        desk.look()

    market = desk.market.engine.market
    assert (market.meters.mismatch, market.account.base) == ("", 99 * 10**6)


def test_balances_that_others_may_move_are_taken_as_they_are(desk: Desk) -> None:
    asyncio.run(desk.all.restore())
    desk.venue.base -= 10**6
    desk.look(after_s=60)

    market = desk.market.engine.market
    assert (market.meters.mismatch, market.account.base) == ("", 99 * 10**6)
