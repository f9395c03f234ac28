"""What an order says of odd reports, and what the orders of a market remember: to the last field and bound."""

import pytest

from tradingbot_runtime.core.orders import CLOSED_KEPT, Anomaly, Order, Orders, OrderState, advance
from tradingbot_runtime.model import (
    BuildExpired,
    CancelRejected,
    Lots,
    Nanos,
    OrderBuilt,
    OrderCanceled,
    OrderEvent,
    OrderFilled,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OutcomeLost,
    Place,
    Side,
    Ticks,
)

ID, NOW = OrderId("ab" * 16), Nanos(1)
S = OrderState


def order(state: OrderState, filled: int = 0, **known: object) -> Order:
    return Order(ID, Side.BUY, Ticks(100), Lots(10), Lots(filled), state, **known)  # type: ignore[arg-type]


def fill(quantity: int, venue_time_ns: int = 0) -> OrderFilled:
    return OrderFilled(time_ns=NOW, order_id=ID, trade_id="t", side=Side.BUY, price=Ticks(100),
                       quantity=Lots(quantity), fee=0, fee_asset="X", venue_time_ns=venue_time_ns)  # fmt: skip


def report(status: OrderStatus, executed: int = 0, venue_time_ns: int = 0) -> OrderReported:
    return OrderReported(time_ns=NOW, order_id=ID, status=status, executed=Lots(executed), venue_order_id="v",
                         venue_time_ns=venue_time_ns)  # fmt: skip


REFUSED = OrderRejected(time_ns=NOW, order_id=ID, reason="-2010")


@pytest.mark.parametrize(
    ("before", "event", "reason", "message"),
    [
        (order(S.OPEN), REFUSED, "UnexpectedReport", "Rejected in state Open"),
        (order(S.OPEN), report(OrderStatus.OPEN, 7), "FillsMissing", "venue: 7 lots, known: 0"),
        (order(S.OPEN), report(OrderStatus.FILLED), "FilledInPart", "said to be filled with 0 of 10"),
        (order(S.PARTIAL, 8), fill(5), "Overfill", "13 of 10 lots"),
        (order(S.CANCELED), fill(4), "LateFill", "fill in state Canceled"),
    ],
)
def test_an_odd_report_is_told_with_the_order_and_the_numbers(
    before: Order, event: OrderEvent, reason: str, message: str
) -> None:
    assert advance(before, event)[1] == Anomaly(ID, reason, message)


def test_an_order_that_is_reopened_is_told_with_the_report_that_did_it() -> None:
    event = report(OrderStatus.OPEN, venue_time_ns=7)

    assert advance(order(S.CANCELED), event)[1] == Anomaly(ID, "Reopened", f"{event} in state Canceled")


def test_a_report_about_an_unknown_order_is_told_with_its_id_and_kind() -> None:
    assert Orders().apply(REFUSED) == (None, Anomaly(ID, "UnknownOrderId", "OrderRejected"))


def test_a_fill_of_exactly_what_was_left_ends_the_order_and_is_nothing_odd() -> None:
    after, anomaly = advance(order(S.OPEN), fill(10))

    assert (after.state, after.filled, after.is_closed, anomaly) == (S.FILLED, 10, True, None)


def test_what_was_filled_in_full_and_is_said_to_be_filled_is_nothing_odd() -> None:
    filled = order(S.FILLED, 10, seen=True, venue_order_id="v")

    assert advance(filled, report(OrderStatus.FILLED, 10)) == (filled, None)


def test_an_order_with_all_its_fills_that_is_said_to_be_open_is_filled() -> None:
    assert advance(order(S.UNKNOWN, 10), report(OrderStatus.OPEN, 10))[0].state is S.FILLED


def test_an_order_of_unknown_fate_that_is_open_is_open_also_while_its_fills_are_missing() -> None:
    after, anomaly = advance(order(S.UNKNOWN), report(OrderStatus.OPEN, 7))

    assert (after.state, anomaly and anomaly.reason) == (S.OPEN, "FillsMissing")


def test_more_fills_than_were_ordered_leave_nothing_to_fill() -> None:
    assert order(S.PENDING_CANCEL, 12).leaves_quantity == 0


def test_a_report_of_the_very_moment_that_is_known_still_answers_the_question() -> None:
    known = order(S.UNKNOWN, venue_time_ns=200)

    assert advance(known, report(OrderStatus.OPEN, venue_time_ns=200))[0].state is S.OPEN


def test_an_order_whose_venue_id_is_not_known_ends_also_where_the_venues_clock_was_set_back() -> None:
    known = order(S.OPEN, seen=True, venue_time_ns=200)

    assert advance(known, report(OrderStatus.CANCELED, venue_time_ns=100))[0].state is S.CANCELED


def test_what_does_not_come_from_the_venue_changes_neither_its_id_nor_its_time() -> None:
    after, _ = advance(order(S.SUBMITTING), OutcomeLost(time_ns=NOW, order_id=ID))

    assert (after.state, after.venue_order_id, after.venue_time_ns) == (S.UNKNOWN, "", 0)


def test_an_order_that_has_filled_was_there_whoever_else_is_asked() -> None:
    filling, _ = advance(order(S.PENDING_CANCEL), fill(4))
    after, _ = advance(filling, report(OrderStatus.ABSENT))

    assert (filling.state, filling.was_there, after.state) == (S.PENDING_CANCEL, True, S.LOST)


def placed() -> Orders:
    orders = Orders(first_state=S.INTENT)
    orders.place(Place(order_id=ID, side=Side.BUY, price=Ticks(100), quantity=Lots(10)))
    return orders


def test_an_order_is_found_by_the_venues_latest_name_for_it() -> None:
    orders = placed()
    assert orders.named("v1") is None
    orders.apply(OrderBuilt(time_ns=NOW, order_id=ID, venue_order_id="v1"))
    assert orders.named("v1") is orders.live[ID]
    orders.apply(BuildExpired(time_ns=NOW, order_id=ID))
    orders.apply(OrderBuilt(time_ns=NOW, order_id=ID, venue_order_id="v2"))

    assert orders.named("v1") is None
    assert orders.named("v2") is orders.live[ID]


def test_an_order_that_is_reopened_is_no_longer_among_the_closed() -> None:
    orders = placed()
    orders.apply(OrderCanceled(time_ns=NOW, order_id=ID))
    assert (ID in orders.live, ID in orders.closed) == (False, True)
    orders.apply(fill(4))

    assert (ID in orders.live, ID in orders.closed) == (True, False)


def test_as_many_closed_orders_are_remembered_as_is_said_and_the_oldest_is_forgotten_by_both_names() -> None:
    orders = Orders()
    ids = [OrderId(f"{number:032x}") for number in range(CLOSED_KEPT + 2)]
    for number, order_id in enumerate(ids):
        orders.place(Place(order_id=order_id, side=Side.BUY, price=Ticks(100), quantity=Lots(1)))
        if number != 1:  # the venue had never named this one
            orders.apply(OrderBuilt(time_ns=NOW, order_id=order_id, venue_order_id=f"v{number}"))
        orders.apply(OrderRejected(time_ns=NOW, order_id=order_id, reason="-2010"))
        if number == CLOSED_KEPT - 1:
            assert list(orders.closed) == ids[:CLOSED_KEPT]

    assert list(orders.closed) == ids[2:]
    assert (orders.named("v0"), orders.get(ids[0])) == (None, None)
    assert set(orders._named) == {f"v{number}" for number in range(2, CLOSED_KEPT + 2)}  # noqa: SLF001 - it is bounded


@pytest.mark.parametrize("state", [S.OPEN, S.PARTIAL, S.UNKNOWN])
def test_a_cancel_that_finds_nothing_leaves_a_working_order_in_question(state: OrderState) -> None:
    gone = CancelRejected(time_ns=NOW, order_id=ID, gone=True, reason="-2011")

    assert advance(order(state), gone)[0].state is S.UNKNOWN
