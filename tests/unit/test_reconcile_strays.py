"""Open orders that the journal does not know: our own, and those of others."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.desk import SECOND, STRAY, Desk, accept, fill
from tradingbot_runtime.audit.steps import Steps
from tradingbot_runtime.config.risk import ForeignOrders, OwnUnknown, Risk
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.journal.reading import JournalReader
from tradingbot_runtime.model import (
    Lots,
    Nanos,
    OrderAccepted,
    OrderCanceled,
    OrderId,
    OrderStatus,
    Restored,
    Side,
    Ticks,
)

FOREIGN = Restored(time_ns=Nanos(1), order_id=OrderId("foreign"), side=Side.BUY, price=Ticks(5_000_000),
                   quantity=Lots(700), executed=Lots(200), venue_order_id="v8", state="Open")  # fmt: skip


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


def why_cancelled(tmp_path: Path, order_id: OrderId) -> list[str]:
    with JournalReader(tmp_path / "journal.sqlite3") as reader:
        return [step.details["why"] for step in Steps(reader).of_order(order_id) if step.step == "CancelSent"]


def test_a_cancel_that_no_quote_decided_on_is_in_the_orders_life_with_its_reason(desk: Desk, tmp_path: Path) -> None:
    bid, offer = desk.quote()
    accept(desk, bid, offer)
    desk.venue.strays = [STRAY]
    asyncio.run(desk.all.restore())
    desk.market.handle(OrderCanceled(time_ns=Nanos(desk.now_ns), order_id=bid))  # which the venue still lists
    desk.look(after_s=10)
    asyncio.run(desk.all.cancel_all())

    assert why_cancelled(tmp_path, STRAY.order_id) == ["StrayOrder"]
    assert why_cancelled(tmp_path, bid) == ["ClosedOrderIsOpen"]
    assert why_cancelled(tmp_path, offer) == ["Ending"]


def test_a_journal_that_cannot_be_written_keeps_no_cancel_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bid, _ = desk.quote()

    def broken() -> None:
        raise JournalError("the disk is full")

    monkeypatch.setattr(desk.journal, "check", broken)
    asyncio.run(desk.market.withdraw(bid, "Ending", lambda: Nanos(desk.now_ns)))
    assert desk.venue.canceled == [bid]


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
    """From the sweep that shows them to the one that does not; no race explains them, and nothing is waited for."""
    desk.now_ns = 1_000 * SECOND
    desk.policy = Risk(foreign_orders=ForeignOrders.HALT)
    asyncio.run(desk.all.restore())
    desk.venue.strays = [FOREIGN]
    for _ in range(10 + 2):
        desk.look()
    assert desk.market.engine.market.meters.mismatch == f"1 open order of others ({FOREIGN.venue_order_id})"

    desk.venue.strays = []
    for _ in range(10 + 2):
        desk.look()
    assert desk.market.engine.market.meters.mismatch == ""


def test_a_start_beside_foreign_orders_knows_its_balances_and_what_is_wrong(desk: Desk) -> None:
    """Else the orders would be refused for a lack of balance, which is not what is wrong."""
    desk.policy = Risk(foreign_orders=ForeignOrders.HALT)
    desk.venue.strays = [FOREIGN]
    asyncio.run(desk.all.restore())

    market = desk.market.engine.market
    assert market.account.base == desk.venue.base
    assert "order of others" in market.meters.mismatch


def test_of_many_foreign_orders_a_few_are_named(desk: Desk) -> None:
    desk.policy = Risk(foreign_orders=ForeignOrders.HALT)
    desk.venue.strays = [replace(FOREIGN, order_id=OrderId("foreign"), venue_order_id=f"v{n}") for n in range(5)]
    asyncio.run(desk.all.restore())

    assert desk.market.engine.market.meters.mismatch == "5 open orders of others (v0, v1, v2, ...)"
