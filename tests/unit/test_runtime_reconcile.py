"""Venue truth against the journal: what is proved by which answer, and what a failed question changes (nothing)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.desk import STRAY, Desk, fill, lose
from tradingbot_runtime.core.doubts import ABSENT_PROOFS, SETTLE_NS
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import (
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

SECOND = 1_000_000_000


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite3") as opened:
        yield opened


@pytest.fixture
def desk(journal: Journal) -> Desk:
    return Desk(journal)


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
    assert desk.market.health.duplicate_fills == 1


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


def test_a_part_that_filled_without_a_report_is_found_by_the_sweep(desk: Desk) -> None:
    bid, offer = desk.quote()
    for order_id in (bid, offer):
        desk.market.handle(OrderAccepted(time_ns=Nanos(desk.now_ns), order_id=order_id, venue_order_id="v"))
    desk.venue.orders = {bid: (OrderStatus.OPEN, 400), offer: (OrderStatus.OPEN, 0)}
    desk.venue.fills_of[bid] = [fill(bid, quantity=400)]

    desk.look(after_s=10)
    desk.look()
    assert desk.state(bid) is OrderState.PARTIAL
    assert desk.market.engine.market.position.lots == 400
    assert desk.venue.asked == [bid], "only what differs is asked about"


def test_a_stray_of_ours_is_cancelled_and_a_foreign_order_is_left_alone(desk: Desk) -> None:
    foreign = Restored(time_ns=Nanos(1), order_id=OrderId("foreign"), side=Side.BUY, price=Ticks(1), quantity=Lots(1),
                       executed=Lots(0), venue_order_id="v8", state="Open")  # fmt: skip
    desk.venue.strays = [STRAY, foreign]

    asyncio.run(desk.all.restore())
    assert desk.venue.canceled == ["stray"]


def test_a_restart_asks_about_every_order_that_is_not_closed_whatever_its_state_was(journal: Journal) -> None:
    before = Desk(journal)
    bid, offer = before.quote()
    before.market.handle(OrderAccepted(time_ns=Nanos(1), order_id=offer, venue_order_id="v"))
    after = Desk(journal)
    after.venue.orders = {bid: (OrderStatus.FILLED, 1_000), offer: (OrderStatus.OPEN, 0)}
    after.venue.fills_of[bid] = [fill(bid)]

    asyncio.run(after.all.restore())
    assert after.venue.asked == [bid, offer]
    assert after.state(bid) is OrderState.FILLED
    assert after.state(offer) is OrderState.PENDING_CANCEL, "its price is from before; the barrier is not passed"
    assert after.market.engine.market.position.lots == 1_000


def test_a_restore_whose_question_fails_is_no_restore(journal: Journal) -> None:
    Desk(journal).quote()
    after = Desk(journal)
    after.venue.down = True

    with pytest.raises(VenueError):
        asyncio.run(after.all.restore())
    assert not after.all.is_restored
    assert after.all.may_have_orders


def test_cancel_all_is_done_only_when_the_venue_lists_nothing_of_ours(desk: Desk) -> None:
    bid, offer = desk.quote()
    asyncio.run(desk.all.restore())
    desk.venue.orders = {bid: (OrderStatus.OPEN, 0), offer: (OrderStatus.CANCELED, 0)}
    for order_id in (bid, offer):
        desk.market.handle(OrderAccepted(time_ns=Nanos(1), order_id=order_id, venue_order_id="v"))

    assert not asyncio.run(desk.all.cancel_all()), "it has just cancelled: look again"
    assert asyncio.run(desk.all.cancel_all())
    assert not desk.all.may_have_orders


def test_a_closed_order_is_not_asked_about_for_ever(desk: Desk) -> None:
    bid, _ = desk.quote()
    desk.all.doubt(bid)
    desk.venue.orders[bid] = (OrderStatus.CANCELED, 0)
    desk.market.handle(OrderCanceled(time_ns=Nanos(1), order_id=bid))
    for _ in range(5):
        desk.look()

    assert desk.venue.asked.count(bid) <= 1
