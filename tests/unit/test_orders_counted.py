"""An order counts once for each thing that became of it, in whatever way and however often that is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.desk import Desk, accept, fill, lose
from tradingbot_runtime.core.order_states import TRANSITIONS
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.model import (
    Lots,
    Nanos,
    OrderAccepted,
    OrderCanceled,
    OrderId,
    OrderReported,
    OrderStatus,
    Side,
    Ticks,
)
from tradingbot_runtime.orders_counted import ENDS, OUTCOMES, OrdersCounted

ID = OrderId("o1")
SEEN = {state: state not in {OrderState.DENIED, OrderState.REJECTED} for state in ENDS}


def in_state(state: OrderState) -> Order:
    """Of an order that was sent: an end that the venue has told of, and work, mean that it has seen it."""
    unseen = {OrderState.INTENT, OrderState.BUILT, OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.LOST}
    return Order(ID, Side.BUY, Ticks(1), Lots(1), state=state, seen=SEEN.get(state, state not in unseen))


def lives() -> st.SearchStrategy[list[OrderState]]:
    """Walks through the table of states."""

    @st.composite
    def walk(draw: st.DrawFn) -> list[OrderState]:
        states = [OrderState.SUBMITTING]
        for _ in range(draw(st.integers(0, 12))):
            states.append(draw(st.sampled_from(sorted(set(TRANSITIONS[states[-1]].values())))))
        return states

    return walk()


@given(lives())
def test_no_order_has_an_outcome_twice(states: list[OrderState]) -> None:
    counted, seen = OrdersCounted(), False
    before = in_state(states[0])
    for state in states[1:]:
        seen = seen or in_state(state).seen
        after = Order(ID, Side.BUY, Ticks(1), Lots(1), state=state, seen=seen)
        counted.became(before, after)
        before = after

    assert set(counted.outcomes) == set(OUTCOMES)
    assert max(counted.outcomes.values()) <= 1
    assert {ENDS[state] for state in states if state in ENDS} == {
        name for name, number in counted.outcomes.items() if number and name in ENDS.values()
    }


def test_an_answer_a_stream_and_a_question_tell_of_one_order(desk: Desk) -> None:
    bid, offer = desk.quote()
    orders = desk.market.health.orders
    accept(desk, bid, bid)
    desk.market.handle(reported(bid))
    desk.market.handle(fill(bid, quantity=400))
    desk.market.handle(fill(bid, quantity=400))
    assert orders.outcomes["OrderFilled"] == 0, "a part of it"
    desk.market.handle(fill(bid, "t2", quantity=600))
    lose(desk, offer)
    accept(desk, offer)
    for _ in range(2):
        desk.market.handle(OrderCanceled(time_ns=Nanos(desk.now_ns), order_id=offer))

    assert {name: number for name, number in orders.outcomes.items() if name != "PlaceSent"} == {
        **dict.fromkeys(OUTCOMES[1:], 0),
        "OrderAccepted": 2,
        "OrderFilled": 1,
        "OrderCanceled": 1,
        "OutcomeLost": 1,
    }
    assert orders.outcomes["PlaceSent"] >= 2
    told = {"OrderAccepted": 3, "OrderReported": 1, "DuplicateFill": 1, "OutcomeLost": 1, "OrderCanceled": 2}
    assert told.items() <= orders.messages.items()


def reported(order_id: OrderId) -> OrderReported:
    return OrderReported(time_ns=Nanos(9), order_id=order_id, status=OrderStatus.OPEN, executed=Lots(0))


@pytest.mark.parametrize("known", [True, False])
def test_an_order_that_is_not_ours_is_none(desk: Desk, known: bool) -> None:  # noqa: FBT001 - a parameter
    (bid, _), orders = desk.quote(), desk.market.health.orders
    order_id = bid if known else OrderId("f" * 32)
    desk.market.handle(OrderAccepted(time_ns=Nanos(desk.now_ns), order_id=order_id, venue_order_id="v1"))

    assert orders.outcomes["OrderAccepted"] == int(known)
