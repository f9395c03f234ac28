"""The table of order states: what no row may lack, and what no row may allow."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from tradingbot_runtime.core.orders import (
    CLOSED,
    PENDING,
    TRANSITIONS,
    UNPROVED,
    UNSENT,
    WORKING,
    Order,
    Orders,
    OrderState,
    Step,
    advance,
)
from tradingbot_runtime.model import (
    BuildExpired,
    CancelRejected,
    Lots,
    Nanos,
    OrderAccepted,
    OrderBuilt,
    OrderDenied,
    OrderEvent,
    OrderFilled,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OrderSubmitting,
    OutcomeLost,
    Place,
    ProofOverdue,
    Replace,
    Restored,
    Side,
    Ticks,
)

ID, NEXT = OrderId("ab" * 16), OrderId("cd" * 16)
NOW = Nanos(1)
S = OrderState
LIVE = [state for state in S if state not in CLOSED]


def order(state: OrderState, filled: int = 0, *, seen: bool = False, venue_time_ns: int = 0) -> Order:
    return Order(ID, Side.BUY, Ticks(100), Lots(10), Lots(filled), state, seen=seen, venue_time_ns=venue_time_ns)


def fill(quantity: int = 4, trade: str = "t1", venue_time_ns: int = 0) -> OrderFilled:
    return OrderFilled(time_ns=NOW, order_id=ID, trade_id=trade, side=Side.BUY, price=Ticks(100),
                       quantity=Lots(quantity), fee=0, fee_asset="X", venue_time_ns=venue_time_ns)  # fmt: skip


def report(status: OrderStatus, executed: int = 0, venue_time_ns: int = 0) -> OrderReported:
    return OrderReported(time_ns=NOW, order_id=ID, status=status, executed=Lots(executed), venue_order_id="v",
                         venue_time_ns=venue_time_ns)  # fmt: skip


def story(first: Order, *events: OrderEvent) -> Order:
    """The order after `events`, none of which may be odd."""
    for event in events:
        first, anomaly = advance(first, event)
        assert anomaly is None, anomaly
    return first


def pairs() -> Iterator[tuple[OrderState, Step, OrderState]]:
    for state, row in TRANSITIONS.items():
        for step, after in row.items():
            yield state, step, after


def test_a_fill_has_a_place_in_every_row() -> None:
    assert all(Step.FILLED in row for row in TRANSITIONS.values())


def test_what_the_venue_answers_to_a_question_has_a_place_in_every_row_that_is_not_closed() -> None:
    answers = {step for step in Step if step.startswith("Seen")}
    for state in LIVE:
        missing = answers - set(TRANSITIONS[state])
        assert not missing, state


def test_nothing_makes_an_order_of_unknown_fate_be_sent_again() -> None:
    for state, _, after in pairs():
        if state in UNPROVED or state in WORKING or state in PENDING or state in CLOSED:
            assert after is not S.SUBMITTING
            assert after not in UNSENT


def test_only_words_of_the_venue_close_an_order_that_may_be_in_the_market() -> None:
    proofs = {
        Step.REJECTED,
        Step.CANCELED,
        Step.EXPIRED,
        Step.PROVED_ABSENT,
        Step.GIVEN_UP,
        *(s for s in Step if s.startswith("See")),
    }
    for state, step, after in pairs():
        if state not in CLOSED and state not in UNSENT and after in CLOSED and step is not Step.DENIED:
            assert step in proofs, (state, step)


def test_denied_closes_only_what_had_not_been_answered_for() -> None:
    denied = {state for state, step, after in pairs() if step is Step.DENIED and after is S.DENIED}
    assert denied == {S.INTENT, S.BUILT, S.SUBMITTING, S.PENDING_CANCEL, S.DENIED}


def test_a_timer_never_takes_a_cancel_back_and_never_closes() -> None:
    by_time = {(state, after) for state, step, after in pairs() if step is Step.PROOF_OVERDUE}
    assert by_time == {(S.UNKNOWN, S.LOST), (S.LOST, S.LOST)}


@pytest.mark.parametrize("state", LIVE)
def test_whatever_is_not_closed_counts_in_full(state: OrderState) -> None:
    assert order(state).leaves_quantity == 10


def test_an_order_of_a_two_phase_venue_lives_through_build_and_submission() -> None:
    built = story(order(S.INTENT), OrderBuilt(time_ns=NOW, order_id=ID, venue_order_id="v"))
    assert (built.state, built.venue_order_id) == (S.BUILT, "v")
    submitting = story(built, OrderSubmitting(time_ns=NOW, order_id=ID))
    assert submitting.state is S.SUBMITTING
    assert story(submitting, OrderAccepted(time_ns=NOW, order_id=ID, venue_order_id="v")).state is S.OPEN


def test_a_build_that_expired_is_built_anew_under_the_same_id() -> None:
    again = story(
        order(S.INTENT),
        OrderBuilt(time_ns=NOW, order_id=ID, venue_order_id="v1"),
        BuildExpired(time_ns=NOW, order_id=ID),
        OrderBuilt(time_ns=NOW, order_id=ID, venue_order_id="v2"),
    )
    assert (again.state, again.venue_order_id) == (S.BUILT, "v2")


def test_an_expired_build_proves_nothing_of_a_submission_without_an_answer() -> None:
    after, anomaly = advance(order(S.UNKNOWN), BuildExpired(time_ns=NOW, order_id=ID))

    assert after.state is S.UNKNOWN
    assert anomaly is not None


def test_a_cancel_overtakes_an_order_that_is_still_being_built() -> None:
    orders = Orders(first_state=S.INTENT)
    orders.place(Place(order_id=ID, side=Side.BUY, price=Ticks(100), quantity=Lots(10)))
    orders.cancel_sent(ID)
    after, anomaly = orders.apply(OrderDenied(time_ns=NOW, order_id=ID, reason="Withdrawn"))

    assert after is not None
    assert (after.state, anomaly) == (S.DENIED, None)
    assert not orders.live


def test_a_cancel_that_came_too_late_for_the_build_keeps_waiting_for_the_venue() -> None:
    orders = Orders(first_state=S.INTENT)
    orders.place(Place(order_id=ID, side=Side.BUY, price=Ticks(100), quantity=Lots(10)))
    orders.cancel_sent(ID)
    for event in (OrderBuilt(time_ns=NOW, order_id=ID, venue_order_id="v"), OrderSubmitting(time_ns=NOW, order_id=ID),
                  OrderAccepted(time_ns=NOW, order_id=ID, venue_order_id="v")):  # fmt: skip
        assert orders.apply(event)[1] is None
    assert orders.live[ID].state is S.PENDING_CANCEL


def test_a_refused_cancel_gives_the_order_back_as_it_was() -> None:
    refused = CancelRejected(time_ns=NOW, order_id=ID, gone=False, reason="-1")

    assert story(order(S.PENDING_CANCEL, seen=True), refused).state is S.OPEN
    assert story(order(S.PENDING_CANCEL, filled=4, seen=True), refused).state is S.PARTIAL
    assert story(order(S.PENDING_CANCEL), refused).state is S.PENDING_CANCEL, "nobody has acknowledged it yet: ask"


def test_an_order_of_unknown_fate_for_too_long_is_lost_and_found_again_only_by_the_venue() -> None:
    lost = story(order(S.UNKNOWN), ProofOverdue(time_ns=NOW, order_id=ID))

    assert (lost.state, lost.leaves_quantity) == (S.LOST, 10)
    assert story(lost, report(OrderStatus.OPEN)).state is S.OPEN
    assert story(lost, report(OrderStatus.ABSENT)).state is S.REJECTED, "the venue never had it"


def test_an_order_that_was_there_and_vanished_stays_lost() -> None:
    vanished = story(order(S.PENDING_CANCEL, seen=True), report(OrderStatus.ABSENT))

    assert (vanished.state, vanished.leaves_quantity) == (S.LOST, 10)
    assert story(vanished, report(OrderStatus.ABSENT)).state is S.LOST


def test_a_report_that_is_older_than_what_is_known_changes_nothing() -> None:
    known = order(S.CANCELED, filled=4, seen=True, venue_time_ns=200)

    assert story(known, report(OrderStatus.OPEN, 4, venue_time_ns=150)) == known
    assert story(known, report(OrderStatus.OPEN, 4, venue_time_ns=200)) == known, "at the same time an end is later"
    partial = order(S.PARTIAL, filled=4, seen=True, venue_time_ns=200)
    assert story(partial, report(OrderStatus.CANCELED, 0, venue_time_ns=100)) == partial


ENDS = (OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("state", [S.OPEN, S.PENDING_CANCEL, S.UNKNOWN, S.LOST])
def test_an_order_ends_also_where_the_venues_clock_was_set_back(state: S, end: OrderStatus) -> None:
    known = replace(order(state, seen=True, venue_time_ns=200), venue_order_id="v")
    ended = report(end, venue_time_ns=100)

    assert story(known, ended).is_closed
    assert story(known, replace(ended, venue_order_id="")).is_closed, "a venue may name it by our id alone"
    assert story(known, replace(ended, venue_order_id="v0")) == known, "the end of an earlier build"


def test_without_times_of_the_venue_an_end_is_later_than_life_and_more_fills_later_than_fewer() -> None:
    known = order(S.CANCELED, filled=4, seen=True)

    assert story(known, report(OrderStatus.OPEN, 4)) == known
    partial = order(S.PARTIAL, filled=4, seen=True)
    assert story(partial, report(OrderStatus.CANCELED, 0)) == partial


def test_the_venues_time_is_kept_from_acknowledgements_fills_and_reports() -> None:
    after = story(order(S.SUBMITTING), OrderAccepted(time_ns=NOW, order_id=ID, venue_order_id="v", venue_time_ns=5))
    after = story(after, fill(venue_time_ns=9))
    assert after.venue_time_ns == 9
    assert story(after, report(OrderStatus.CANCELED, 4, venue_time_ns=12)).venue_time_ns == 12


@pytest.mark.parametrize("state", [S.CANCELED, S.EXPIRED, S.REJECTED, S.DENIED])
def test_a_newer_report_that_a_closed_order_is_open_reopens_it_and_is_told(state: OrderState) -> None:
    after, anomaly = advance(order(state), report(OrderStatus.OPEN, venue_time_ns=7))

    assert (after.state, after.leaves_quantity) == (S.OPEN, 10)
    assert anomaly is not None
    assert anomaly.reason == "Reopened"


@pytest.mark.parametrize("state", [S.REJECTED, S.DENIED])
def test_an_acknowledgement_of_what_was_held_for_absent_reopens_it(state: OrderState) -> None:
    after, anomaly = advance(order(state), OrderAccepted(time_ns=NOW, order_id=ID, venue_order_id="v"))

    assert after.state is S.OPEN
    assert anomaly is not None


def test_a_fill_of_an_order_that_was_never_sent_is_accounted_and_told() -> None:
    after, anomaly = advance(order(S.INTENT), fill())

    assert (after.state, after.filled) == (S.PARTIAL, 4)
    assert anomaly is not None


def test_filled_with_less_than_was_ordered_is_no_end() -> None:
    after, anomaly = advance(order(S.PARTIAL, filled=4), report(OrderStatus.FILLED, 4))

    assert after.state is S.PARTIAL
    assert anomaly is not None
    assert anomaly.reason == "FilledInPart"


def replacing() -> Orders:
    orders = Orders()
    orders.place(Place(order_id=ID, side=Side.BUY, price=Ticks(100), quantity=Lots(10)))
    orders.apply(OrderAccepted(time_ns=NOW, order_id=ID, venue_order_id="v"))
    orders.replace(Replace(order_id=NEXT, replaces=ID, side=Side.BUY, price=Ticks(99), quantity=Lots(7)))
    return orders


def test_a_replacement_counts_both_orders_in_full_until_both_are_answered_for() -> None:
    orders = replacing()

    assert (orders.live[ID].state, orders.live[NEXT].state) == (S.PENDING_REPLACE, S.SUBMITTING)
    assert sum(o.leaves_quantity for o in orders) == 17
    assert orders.live[NEXT].replaces == ID
    orders.apply(report(OrderStatus.CANCELED))
    assert sum(o.leaves_quantity for o in orders) == 7


def test_a_replacement_whose_cancel_was_refused_leaves_the_old_order_as_it_was() -> None:
    orders = replacing()
    orders.apply(CancelRejected(time_ns=NOW, order_id=ID, gone=False, reason="-1"))
    orders.apply(OrderRejected(time_ns=NOW, order_id=NEXT, reason="-2022"))

    assert {o.id: o.state for o in orders} == {ID: S.OPEN}


def test_a_replacement_without_an_answer_leaves_one_order_to_cancel_and_one_to_ask_about() -> None:
    orders = replacing()
    for order_id in (ID, NEXT):
        orders.apply(OutcomeLost(time_ns=NOW, order_id=order_id))

    assert (orders.live[ID].state, orders.live[NEXT].state) == (S.PENDING_CANCEL, S.UNKNOWN)
    assert sum(o.leaves_quantity for o in orders) == 17


def test_only_a_working_order_can_be_replaced() -> None:
    allowed = {state for state, step, _ in pairs() if step is Step.REPLACE_SENT}
    assert allowed == set(WORKING)


def test_what_is_restored_is_what_was_kept() -> None:
    orders = Orders()
    kept = replace(order(S.PENDING_REPLACE, filled=3, seen=True, venue_time_ns=4), replaces=NEXT, venue_order_id="v")
    orders.restore(
        Restored(time_ns=NOW, order_id=ID, side=kept.side, price=kept.price, quantity=kept.quantity,
                 executed=kept.filled, venue_order_id="v", state=kept.state, replaces=NEXT, seen=True, venue_time_ns=4)
    )  # fmt: skip
    assert orders.live[ID] == kept
