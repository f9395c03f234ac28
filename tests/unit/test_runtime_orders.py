"""The order table: complete, and what the rows that hurt must do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tradingbot_runtime.core.orders import CLOSED, TRANSITIONS, Order, Orders, OrderState, Step, advance
from tradingbot_runtime.model import (
    CancelRejected,
    Lots,
    Nanos,
    OrderAccepted,
    OrderCanceled,
    OrderEvent,
    OrderExpired,
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

ID = OrderId("ab" * 16)
NOW = Nanos(1)
S = OrderState


def order(state: OrderState, filled: int = 0) -> Order:
    return Order(ID, Side.BUY, Ticks(100), Lots(10), Lots(filled), state)


def fill(quantity: int = 4, trade: str = "t1") -> OrderFilled:
    return OrderFilled(time_ns=NOW, order_id=ID, trade_id=trade, side=Side.BUY, price=Ticks(100),
                       quantity=Lots(quantity), fee=0, fee_asset="X")  # fmt: skip


def report(status: OrderStatus, executed: int = 0) -> OrderReported:
    return OrderReported(time_ns=NOW, order_id=ID, status=status, executed=Lots(executed), venue_order_id="v")


def test_every_state_has_a_row_and_every_row_leads_to_a_state() -> None:
    assert set(TRANSITIONS) == set(OrderState)
    for row in TRANSITIONS.values():
        assert set(row) <= set(Step)


@pytest.mark.parametrize("state", [S.SUBMITTING, S.UNKNOWN, S.OPEN, S.PARTIAL, S.PENDING_CANCEL, S.LOST])
def test_an_order_that_is_not_proved_closed_counts_at_full_size(state: OrderState) -> None:
    assert order(state).leaves_quantity == 10


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_a_closed_order_counts_nothing(state: OrderState) -> None:
    assert order(state).leaves_quantity == 0


def test_a_lost_answer_makes_the_outcome_unknown_and_keeps_the_exposure() -> None:
    after, anomaly = advance(order(S.SUBMITTING), OutcomeLost(time_ns=NOW, order_id=ID))

    assert (after.state, after.leaves_quantity, anomaly) == (S.UNKNOWN, 10, None)


def test_a_cancel_that_finds_nothing_is_a_question_and_not_an_end() -> None:
    after, _ = advance(order(S.PENDING_CANCEL), CancelRejected(time_ns=NOW, order_id=ID, gone=True, reason="-2011"))

    assert (after.state, after.leaves_quantity) == (S.PENDING_CANCEL, 10)


def test_the_same_trade_twice_is_one_fill() -> None:
    once, _ = advance(order(S.OPEN), fill())
    twice, anomaly = advance(once, fill())

    assert twice == once
    assert anomaly is None


def test_an_order_is_not_over_while_the_venue_knows_of_more_fills_than_we_do() -> None:
    after, anomaly = advance(order(S.PENDING_CANCEL, filled=4), report(OrderStatus.CANCELED, executed=7))

    assert after.state is S.PENDING_CANCEL
    assert anomaly is not None
    assert anomaly.reason == "FillsMissing"


@pytest.mark.parametrize("state", [S.CANCELED, S.EXPIRED, S.REJECTED])
def test_a_late_fill_reopens_a_closed_order_and_is_told(state: OrderState) -> None:
    after, anomaly = advance(order(state), fill())

    assert (after.state, after.filled, after.leaves_quantity) == (S.PARTIAL, 4, 6)
    assert anomaly is not None
    assert anomaly.reason == "LateFill"


def test_more_than_was_ordered_is_accounted_and_told() -> None:
    after, anomaly = advance(order(S.PARTIAL, filled=8), fill(quantity=5))

    assert (after.state, after.filled) == (S.FILLED, 13)
    assert anomaly is not None
    assert anomaly.reason == "Overfill"


def test_absence_of_an_order_that_was_seen_proves_nothing_good() -> None:
    after, _ = advance(order(S.OPEN), report(OrderStatus.ABSENT))

    assert (after.state, after.leaves_quantity) == (S.LOST, 10)


def test_absence_of_an_order_of_unknown_fate_ends_it() -> None:
    after, _ = advance(order(S.UNKNOWN), report(OrderStatus.ABSENT))

    assert after.state is S.REJECTED


def test_what_does_not_fit_changes_nothing_and_is_told() -> None:
    before = order(S.OPEN)
    after, anomaly = advance(before, OrderRejected(time_ns=NOW, order_id=ID, reason="-2010"))

    assert after == before
    assert anomaly is not None
    assert anomaly.reason == "UnexpectedReport"


def test_a_report_about_an_order_that_is_not_ours_is_told() -> None:
    _, anomaly = Orders().apply(OrderAccepted(time_ns=NOW, order_id=ID, venue_order_id="v"))

    assert anomaly is not None
    assert anomaly.reason == "UnknownOrderId"


events = st.one_of(
    st.just(OrderAccepted(time_ns=NOW, order_id=ID, venue_order_id="v")),
    st.just(OrderRejected(time_ns=NOW, order_id=ID, reason="r")),
    st.just(OutcomeLost(time_ns=NOW, order_id=ID)),
    st.just(OrderCanceled(time_ns=NOW, order_id=ID)),
    st.just(OrderExpired(time_ns=NOW, order_id=ID)),
    st.builds(lambda g: CancelRejected(time_ns=NOW, order_id=ID, gone=g, reason="r"), st.booleans()),
    st.builds(fill, st.integers(1, 6), st.sampled_from(["t1", "t2", "t3", "t4"])),
    st.builds(report, st.sampled_from(OrderStatus), st.integers(0, 10)),
)


@given(st.lists(events, max_size=30), st.lists(st.integers(0, 29)))
def test_whatever_is_reported_in_whatever_order_fills_count_once_and_none_is_forgotten(
    story: list[OrderEvent], cancels: list[int]
) -> None:
    orders = Orders()
    orders.place(Place(order_id=ID, side=Side.BUY, price=Ticks(100), quantity=Lots(10)))
    trades: dict[str, int] = {}
    for number, event in enumerate(story):
        if number in cancels and ID in orders.live:
            orders.cancel_sent(ID)
        before = orders.get(ID)
        after, _ = orders.apply(event)
        assert before is not None
        assert after is not None
        if isinstance(event, OrderFilled):
            trades.setdefault(event.trade_id, event.quantity)
        assert after.filled >= before.filled
        assert after.filled == sum(trades.values())
        assert (ID in orders.live) != after.is_closed
        if not after.is_closed:
            assert after.leaves_quantity == max(10 - after.filled, 0)


def test_a_fill_of_a_filled_order_is_accounted_and_never_silent() -> None:
    filled = replace(order(S.OPEN), filled=Lots(10), state=S.FILLED, trades=frozenset({"t1"}))

    after, anomaly = advance(filled, fill(trade="t2"))

    assert (after.filled, after.state) == (14, S.FILLED)
    assert anomaly is not None
