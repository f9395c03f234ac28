"""Orders in doubt: when each is asked about, what an answer proves, and what a failed question changes (nothing)."""

import asyncio
from itertools import pairwise

from msgspec.structs import replace

from harness.desk import STRAY, Desk, accept, fill, lose
from harness.engines import SECOND, tick
from tradingbot_runtime.config.risk import OwnUnknown, Risk
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
    Nanos,
    OrderAccepted,
    OrderCanceled,
    OrderId,
    OrderStatus,
    StateChanged,
    TradingState,
)
from tradingbot_runtime.reconcile import QUESTIONS_A_PASS


def test_an_unknown_order_that_the_venue_has_is_open_again(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    desk.venue.orders[bid] = (OrderStatus.OPEN, 0)

    desk.look()
    assert desk.state(bid) is OrderState.OPEN


def test_an_unknown_order_that_filled_is_closed_with_its_fills_and_the_position_moves_once(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    desk.venue.orders[bid], desk.venue.fills_of[bid] = (OrderStatus.FILLED, 1_000), [fill(bid)]

    desk.look()
    desk.market.handle(fill(bid))  # the stream tells of it after all
    assert desk.state(bid) is OrderState.FILLED
    assert desk.market.engine.market.position.lots == 1_000
    assert desk.market.health.orders.messages["DuplicateFill"] == 1


def test_absence_is_proved_by_several_answers_over_a_time_and_by_nothing_less(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    for _ in range(ABSENT_PROOFS + 2):
        desk.look()
    assert desk.state(bid) is OrderState.UNKNOWN, "often enough, but too soon"

    for _ in range(ABSENT_PROOFS):
        desk.look(after_s=SETTLE_NS / SECOND)
    assert desk.state(bid) is OrderState.REJECTED


def test_failed_questions_never_prove_absence(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    desk.venue.down = True
    for _ in range(60):
        desk.look()

    assert desk.state(bid) is OrderState.UNKNOWN
    desk.venue.down = False
    desk.look()
    assert desk.state(bid) is OrderState.UNKNOWN, "the first answer counts as the first"


def test_an_order_whose_fate_the_stream_tells_is_not_asked_about_again(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    desk.venue.down = True
    desk.look()
    assert desk.all.doubts.by_order[bid].questions == 1
    accept(desk, bid)
    desk.look()

    assert bid not in desk.all.doubts.by_order


def test_an_order_that_was_open_and_is_absent_is_lost_and_not_forgotten(desk: Desk) -> None:
    bid, _ = desk.quote()
    desk.market.handle(OrderAccepted(time_ns=Nanos(desk.now_ns), order_id=bid, venue_order_id="v"))
    for _ in range(ABSENT_PROOFS + 1):  # the first one is the sweep that misses it
        desk.look(after_s=11)

    assert desk.state(bid) is OrderState.LOST
    assert desk.market.engine.market.orders.live[bid].leaves_quantity == 1_000


def test_a_cancel_without_an_answer_is_asked_about_and_sent_again(desk: Desk) -> None:
    bid, _ = desk.quote()
    desk.market.handle(OrderAccepted(time_ns=Nanos(desk.now_ns), order_id=bid, venue_order_id="v"))
    desk.venue.orders[bid] = (OrderStatus.OPEN, 0)
    desk.market.handle(StateChanged(time_ns=Nanos(desk.now_ns), state=TradingState.HALTED, reason="r"))
    assert desk.state(bid) is OrderState.PENDING_CANCEL

    desk.look(after_s=1)
    assert desk.venue.canceled == [], "its answer may still come"
    desk.look(after_s=3)
    assert desk.venue.canceled == [bid]
    desk.look(after_s=2)
    assert desk.state(bid) is OrderState.CANCELED


def test_a_closed_order_is_not_asked_about_for_ever(desk: Desk) -> None:
    bid, _ = desk.quote()
    desk.all.doubt(bid)
    desk.venue.orders[bid] = (OrderStatus.CANCELED, 0)
    desk.market.handle(OrderCanceled(time_ns=Nanos(1), order_id=bid))
    for _ in range(5):
        desk.look()

    assert desk.venue.asked.count(bid) <= 1


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


def test_an_order_that_has_ended_takes_no_question_from_one_of_unknown_fate(desk: Desk) -> None:
    """In a fast market most doubts are of cancels that met a fill: more of them each second than questions."""
    bid, offer = desk.quote()
    desk.market.handle(CancelRejected(time_ns=Nanos(desk.now_ns), order_id=bid, reason="-2011", gone=True))
    desk.market.handle(fill(bid))
    assert bid in desk.all.doubts.by_order
    assert desk.state(bid) is OrderState.FILLED
    desk.venue.asked.clear()
    desk.all.doubt(offer)
    desk.look()

    assert desk.venue.asked == [offer]
    assert bid not in desk.all.doubts.by_order


def test_an_order_that_the_venue_never_had_is_given_up_as_soon_as_that_is_proved(journal: Journal) -> None:
    bid, offer = Desk(journal).quote()
    after = Desk(journal)
    asyncio.run(after.all.restore())
    began_ns = after.now_ns
    while OrderState.SUBMITTING in (after.state(bid), after.state(offer)):
        after.look()

    assert SETTLE_NS <= after.now_ns - began_ns <= SETTLE_NS + 2 * SECOND


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
