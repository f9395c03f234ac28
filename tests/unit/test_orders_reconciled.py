"""The loops of reconciliation: what each finds, how often it asks, what it leaves alone, and when it is silent."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.desk import STRAY, Desk, fill, lose
from harness.engines import tick
from tradingbot_runtime.config.risk import ForeignOrders, OwnUnknown, Risk
from tradingbot_runtime.core.breaches import BreachReason
from tradingbot_runtime.core.doubts import (
    ABSENT_PROOFS,
    IN_FLIGHT_NS,
    PROTECTED_MOST_NS,
    PROTECTED_NS,
    PROVE_WITHIN_NS,
    SETTLE_NS,
    Ages,
)
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import (
    CancelRejected,
    HaltResumed,
    Lots,
    Nanos,
    OrderAccepted,
    OrderCanceled,
    OrderId,
    OrderStatus,
    Restored,
    Side,
    StateChanged,
    Ticks,
    TradingState,
)
from tradingbot_runtime.reconcile import MARKETS_AT_FULL_PACE, MISMATCHES_TO_TELL, QUESTIONS_A_PASS

SECOND = 1_000_000_000
FOREIGN = Restored(time_ns=Nanos(1), order_id=OrderId("foreign"), side=Side.BUY, price=Ticks(5_000_000),
                   quantity=Lots(700), executed=Lots(200), venue_order_id="v8", state="Open")  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite3") as opened:
        yield opened


@pytest.fixture
def desk(journal: Journal) -> Desk:
    return Desk(journal)


def accept(desk: Desk, *order_ids: OrderId) -> None:
    for order_id in order_ids:
        desk.venue.orders.setdefault(order_id, (OrderStatus.OPEN, 0))
        accepted = OrderAccepted(time_ns=Nanos(desk.now_ns), order_id=order_id, venue_order_id=f"v{order_id}")
        desk.market.handle(accepted)


# -- orders in doubt -------------------------------------------------------------------------------------------------


def test_a_young_order_is_not_missed_by_the_sweep(desk: Desk) -> None:
    desk.quote()
    desk.now_ns += 20 * SECOND
    desk.market.handle(tick(desk.now_ns))
    for order_id in list(desk.market.engine.market.orders.live):
        accept(desk, order_id)
        del desk.venue.orders[order_id]
        desk.market.ages.sent(order_id, Nanos(desk.now_ns))
    desk.look(after_s=1)
    desk.look(after_s=1)
    assert {order.state for order in desk.market.engine.market.orders} == {OrderState.OPEN}
    assert desk.venue.asked == []

    desk.look(after_s=PROTECTED_MOST_NS / SECOND + 10)
    desk.look()
    assert len(set(desk.venue.asked)) == 2


def test_what_the_slowest_acknowledgements_take_protects_an_order_for_longer() -> None:
    ages = Ages()
    for number in range(100):
        ages.sent(OrderId(str(number)), Nanos(0))
        ages.acknowledged(OrderId(str(number)), Nanos(4 * SECOND if number >= 98 else SECOND))

    assert ages.protected_ns == 12 * SECOND
    assert Ages().protected_ns == PROTECTED_NS


def test_a_venue_that_was_slow_once_does_not_hide_what_it_lost_for_good() -> None:
    ages = Ages()
    ages.sent(OrderId("slow"), Nanos(0))
    ages.acknowledged(OrderId("slow"), Nanos(3_600 * SECOND))

    assert ages.protected_ns == PROTECTED_MOST_NS


def test_an_order_whose_gateway_never_answered_is_asked_about_all_the_same(desk: Desk) -> None:
    bid, offer = desk.quote()
    desk.venue.orders = {bid: (OrderStatus.OPEN, 0), offer: (OrderStatus.OPEN, 0)}

    desk.look(after_s=IN_FLIGHT_NS / SECOND + 1)
    assert {desk.state(bid), desk.state(offer)} == {OrderState.OPEN}


def test_an_order_that_nobody_can_prove_is_lost_and_comes_back_when_the_venue_speaks(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    desk.venue.down = True
    for _ in range(PROVE_WITHIN_NS // (10 * SECOND) + 2):
        desk.look(after_s=10)
    assert desk.state(bid) is OrderState.LOST
    assert desk.market.engine.market.orders.live[bid].leaves_quantity == 1_000

    desk.venue.down, desk.venue.orders[bid] = False, (OrderStatus.CANCELED, 0)
    desk.look(after_s=10)
    assert desk.state(bid) is OrderState.CANCELED


def test_while_the_venue_is_locked_nobody_asks_and_no_time_passes(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    desk.look()
    asked = len(desk.venue.asked)
    desk.venue.locked = "maintenance"
    for _ in range(3):
        desk.look(after_s=PROVE_WITHIN_NS / SECOND)

    assert (len(desk.venue.asked), desk.state(bid)) == (asked, OrderState.UNKNOWN)
    desk.venue.locked = ""
    desk.look(after_s=10)
    assert len(desk.venue.asked) > asked
    assert desk.state(bid) is OrderState.UNKNOWN, "nobody could have proved anything meanwhile"


def test_questions_of_one_pass_are_bounded_and_those_of_one_order_spaced(desk: Desk) -> None:
    for _ in range(QUESTIONS_A_PASS + 3):
        stray = OrderId(f"stray{len(desk.venue.strays)}")
        desk.venue.strays.append(replace(STRAY, order_id=stray, venue_order_id=f"v{stray}"))
    desk.policy = Risk(own_unknown=OwnUnknown.ADOPT)
    desk.look(after_s=10)
    desk.venue.orders = {stray.order_id: (OrderStatus.OPEN, 0) for stray in desk.venue.strays}
    desk.venue.asked.clear()
    desk.look()
    assert len(desk.venue.asked) == QUESTIONS_A_PASS

    times = []
    absent = next(iter(desk.market.engine.market.orders.live))
    desk.venue.orders.pop(absent, None)
    lose(desk, absent)
    desk.all.doubt(absent)
    for _ in range(40):
        desk.venue.asked.clear()
        desk.look()
        if absent in desk.venue.asked:
            times.append(desk.now_ns // SECOND)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[-1] == max(pauses) >= 8


def test_an_order_that_the_venue_never_had_is_given_up_as_soon_as_that_is_proved(journal: Journal) -> None:
    bid, offer = Desk(journal).quote()
    after = Desk(journal)
    asyncio.run(after.all.restore())
    began_ns = after.now_ns
    while OrderState.SUBMITTING in (after.state(bid), after.state(offer)):
        after.look()

    assert SETTLE_NS <= after.now_ns - began_ns <= SETTLE_NS + 2 * SECOND


def test_a_venue_that_does_not_answer_is_asked_less_and_less_often(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    desk.venue.down = True
    passes = 0
    for _ in range(60):
        before = desk.all.paces.looked_ns
        desk.look()
        passes += desk.all.paces.looked_ns != before
    assert passes < 15


def test_a_cancel_that_found_nothing_is_asked_about_at_once(desk: Desk) -> None:
    bid, _ = desk.quote()
    accept(desk, bid)
    desk.market.handle(StateChanged(time_ns=Nanos(desk.now_ns), state=TradingState.HALTED, reason="r"))
    desk.look(after_s=0.1)
    assert desk.venue.asked == [], "the answer to a cancel gets its time"
    refused = CancelRejected(time_ns=Nanos(desk.now_ns), order_id=bid, gone=True, reason="-2011")
    desk.market.handle(refused)

    desk.look(after_s=0.1)
    assert desk.venue.asked == [bid]


def test_cancels_that_are_answered_before_their_time_is_up_cost_no_question(desk: Desk) -> None:
    orders = desk.quote()
    accept(desk, *orders)
    desk.market.handle(StateChanged(time_ns=Nanos(desk.now_ns), state=TradingState.HALTED, reason="r"))
    desk.look(after_s=0.1)
    for order_id in orders:
        desk.market.handle(OrderCanceled(time_ns=Nanos(desk.now_ns), order_id=order_id))
    for _ in range(5):
        desk.look()

    assert desk.venue.asked == []
    assert desk.all.doubts.by_order == {}


# -- the journal's orders at the start -------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [OrderState.INTENT, OrderState.BUILT])
def test_what_was_never_submitted_is_denied_at_the_next_start_without_a_question(
    journal: Journal, state: OrderState
) -> None:
    before = Desk(journal)
    before.market.engine.market.orders.first_state = state
    bid, offer = before.quote()
    after = Desk(journal)

    asyncio.run(after.all.restore())
    assert {after.state(bid), after.state(offer)} == {OrderState.DENIED}
    assert after.venue.asked == []
    assert not after.all.may_have_orders


def test_the_gateway_learns_the_venues_names_of_an_earlier_lifes_orders(journal: Journal) -> None:
    before = Desk(journal)
    bid, _ = before.quote()
    accept(before, bid)
    after = Desk(journal)

    asyncio.run(after.all.restore())
    assert after.venue.remembered == {bid: f"v{bid}"}


# -- strays ----------------------------------------------------------------------------------------------------------


def test_a_stray_of_ours_is_journalled_and_its_fills_move_the_position_before_it_is_cancelled(desk: Desk) -> None:
    desk.venue.strays = [replace(STRAY, quantity=Lots(1_000), executed=Lots(400))]
    desk.venue.orders[STRAY.order_id] = (OrderStatus.OPEN, 400)
    desk.venue.fills_of[STRAY.order_id] = [fill(STRAY.order_id, quantity=400)]

    asyncio.run(desk.all.restore())
    desk.look()
    assert desk.market.engine.market.position.lots == 400
    assert desk.venue.canceled[0] == STRAY.order_id
    assert desk.state(STRAY.order_id) is OrderState.CANCELED
    kept = desk.journal.order(STRAY.order_id)
    assert kept is not None
    assert (kept.state, kept.filled) == (OrderState.CANCELED, 400)


def test_a_stray_of_ours_is_adopted_where_the_policy_says_so(desk: Desk) -> None:
    desk.policy = Risk(own_unknown=OwnUnknown.ADOPT)
    desk.venue.strays = [STRAY]

    asyncio.run(desk.all.restore())
    assert desk.venue.canceled == []
    assert STRAY.order_id in desk.market.engine.market.orders.live, "from here on its quotes decide"


def test_where_the_venue_has_no_client_ids_a_stray_gets_an_id_of_ours(desk: Desk) -> None:
    desk.venue.exclusive = True
    desk.policy = Risk(own_unknown=OwnUnknown.ADOPT)
    desk.venue.strays = [replace(STRAY, order_id=OrderId(""))]

    asyncio.run(desk.all.restore())
    (order,) = desk.market.engine.market.orders
    assert desk.venue.remembered == {order.id: "v9"}
    assert len(order.id) == 32


# -- foreign orders --------------------------------------------------------------------------------------------------


def test_foreign_orders_count_as_exposure_until_they_are_gone(desk: Desk) -> None:
    desk.venue.strays = [FOREIGN]
    asyncio.run(desk.all.restore())
    now = desk.market.engine.market.situation(Nanos(desk.now_ns), 1)
    assert (now.buying, now.buying_cost, now.open_orders) == (500, 500 * 5_000_000 * 10, 1)

    desk.venue.strays = []
    desk.look(after_s=10)
    now = desk.market.engine.market.situation(Nanos(desk.now_ns), 1)
    assert (now.buying, now.buying_cost, now.open_orders) == (0, 0, 0)
    assert desk.venue.canceled == []


def test_foreign_orders_are_ignored_where_the_policy_says_so(desk: Desk) -> None:
    desk.policy = Risk(foreign_orders=ForeignOrders.IGNORE)
    desk.venue.strays = [FOREIGN]

    asyncio.run(desk.all.restore())
    assert desk.market.engine.market.situation(Nanos(desk.now_ns), 1).buying == 0
    assert desk.market.engine.market.meters.mismatch == ""


def test_foreign_orders_are_a_loss_of_account_truth_where_nobody_else_may_trade(desk: Desk) -> None:
    desk.policy = Risk(foreign_orders=ForeignOrders.HALT)
    asyncio.run(desk.all.restore())
    desk.venue.strays = [FOREIGN]
    for _ in range(80):
        desk.look()

    assert "orders of others" in desk.market.engine.market.meters.mismatch


# -- trades ----------------------------------------------------------------------------------------------------------


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


# -- balances --------------------------------------------------------------------------------------------------------


def guarded(desk: Desk) -> None:
    desk.policy = Risk(foreign_orders=ForeignOrders.HALT)
    asyncio.run(desk.all.restore())


def test_an_account_that_holds_less_than_our_fills_say_is_told_and_not_taken_for_true(desk: Desk) -> None:
    guarded(desk)
    desk.venue.base -= 10**6
    for _ in range(60 + 2 * MISMATCHES_TO_TELL + 1):
        desk.look()

    market = desk.market.engine.market
    assert market.meters.mismatch == "BTC: the venue says 0.99000000, 1.00000000 by our fills"
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


# -- a person asks about a lost order --------------------------------------------------------------------------------


def vanished(desk: Desk) -> OrderId:
    bid, _ = desk.quote()
    accept(desk, bid)
    del desk.venue.orders[bid]
    for _ in range(ABSENT_PROOFS + 1):
        desk.look(after_s=20)
    assert desk.state(bid) is OrderState.LOST
    return bid


def test_a_lost_order_is_over_when_the_venue_neither_lists_it_nor_has_trades_of_it(desk: Desk) -> None:
    bid = vanished(desk)

    assert asyncio.run(desk.all.questions.resolve(bid)) is OrderState.CANCELED


def test_a_lost_order_that_the_venue_lists_is_not_over_whatever_a_person_wants(desk: Desk) -> None:
    bid = vanished(desk)
    desk.venue.strays = [replace(STRAY, order_id=bid)]

    assert asyncio.run(desk.all.questions.resolve(bid)) is OrderState.LOST


def test_a_restart_ends_a_lost_order_that_the_venue_neither_lists_nor_knows(desk: Desk, journal: Journal) -> None:
    bid = vanished(desk)
    after = Desk(journal)

    asyncio.run(after.all.restore())
    assert after.state(bid) is OrderState.CANCELED


def test_a_restart_leaves_a_lost_order_lost_while_the_venue_lists_it(desk: Desk, journal: Journal) -> None:
    bid = vanished(desk)
    after = Desk(journal)
    after.venue.strays = [replace(STRAY, order_id=bid)]

    asyncio.run(after.all.restore())
    assert after.state(bid) is OrderState.LOST


def test_a_lost_order_is_what_the_venue_says_that_it_is(desk: Desk) -> None:
    bid = vanished(desk)
    desk.venue.orders[bid] = (OrderStatus.OPEN, 0)

    assert asyncio.run(desk.all.questions.resolve(bid)) is OrderState.OPEN
