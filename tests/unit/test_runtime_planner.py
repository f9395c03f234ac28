"""The planner, message by message: what stays, what goes first, what is one message and not two."""

from collections.abc import Iterable, Sequence

import pytest

from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.core.planner import ONE_BY_ONE, Capabilities, Plan, Room, compare, schedule
from tradingbot_runtime.core.quoting import EXACT, Quote, Tolerance
from tradingbot_runtime.model import Lots, OrderId, Side, Ticks

PLENTY = Room(99, 99)
A, B, C = OrderId("a"), OrderId("b"), OrderId("c")


def working(name: str, side: Side, price: int, quantity: int = 10, state: OrderState = OrderState.OPEN) -> Order:
    return Order(OrderId(name), side, Ticks(price), Lots(quantity), state=state)


def plan(
    wanted: Sequence[Quote], working: Iterable[Order], tolerance: Tolerance = EXACT,
    capabilities: Capabilities = ONE_BY_ONE, room: Room = PLENTY,
) -> Plan:  # fmt: skip
    """With a fair price of 100 ticks."""
    return schedule(compare(wanted, working, tolerance, (200, 1)), capabilities, room)


def quote(side: Side, price: int, quantity: int = 10) -> Quote:
    return Quote(side, Ticks(price), Lots(quantity))


def test_what_is_there_already_costs_no_message() -> None:
    made = plan([quote(Side.BUY, 99)], [working("a", Side.BUY, 99)])

    assert (made.cancel, made.place) == ((), ())


def test_an_order_within_tolerance_stays() -> None:
    close_enough = Tolerance(ticks=1, share_numerator=1, share_denominator=5)
    made = plan([quote(Side.BUY, 100, 10)], [working("a", Side.BUY, 99, 12)], close_enough)

    assert (made.cancel, made.place) == ((), ())


def test_beyond_the_tolerance_it_is_replaced() -> None:
    close_enough = Tolerance(ticks=1, share_numerator=1, share_denominator=5)
    made = plan([quote(Side.BUY, 100, 10)], [working("a", Side.BUY, 98), working("b", Side.BUY, 100, 13)], close_enough)

    assert set(made.cancel) == {"b", "a"}
    assert made.place == (quote(Side.BUY, 100, 10),)


def test_an_order_of_unknown_fate_holds_its_place() -> None:
    made = plan([quote(Side.SELL, 101)], [working("a", Side.SELL, 101, state=OrderState.UNKNOWN)])

    assert made.place == ()


@pytest.mark.parametrize("state", [OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.LOST])
def test_an_unsettled_order_holds_its_place_wherever_the_market_goes(state: OrderState) -> None:
    wanted = [quote(Side.SELL, 201), quote(Side.SELL, 205), quote(Side.BUY, 199)]
    made = plan(wanted, [working("a", Side.SELL, 101, state=state)])

    assert (made.cancel, set(made.place)) == ((), {wanted[1], wanted[2]})


def test_an_order_on_its_way_out_does_not_serve_a_quote() -> None:
    made = plan([quote(Side.SELL, 101)], [working("a", Side.SELL, 101, state=OrderState.PENDING_CANCEL)])

    assert (made.cancel, made.place) == ((), (quote(Side.SELL, 101),))


def test_the_orders_closest_to_being_hit_are_cancelled_first_whatever_their_side() -> None:
    there = [working("low", Side.BUY, 90), working("high", Side.BUY, 99), working("hit", Side.SELL, 98),
             working("far", Side.SELL, 105)]  # fmt: skip

    assert plan([], there).cancel == ("hit", "high", "far", "low")
    assert plan([], there, room=Room(2, 2)).cancel == ("hit", "high")


def test_an_exposed_order_goes_before_one_that_is_only_too_far_away() -> None:
    wanted = [quote(Side.BUY, 97), quote(Side.SELL, 102)]
    there = [working("far", Side.SELL, 103), working("exposed", Side.BUY, 98)]

    assert plan(wanted, there, room=Room(1, 1)).cancel == ("exposed",)
    made = plan(wanted, there, room=Room(2, 2))
    assert (made.cancel, made.place) == (("exposed",), (wanted[0],))  # not a second order left without its successor


def test_an_order_that_is_only_too_far_away_waits_for_room_for_its_successor_but_never_for_ever() -> None:
    wanted, two_calls = [quote(Side.BUY, 99)], Capabilities(calls_per_place=2)

    first = plan(wanted, [working("far", Side.BUY, 90)], capabilities=two_calls, room=Room(2, 2))
    then = plan(wanted, [working("far", Side.BUY, 90, state=OrderState.PENDING_CANCEL)], capabilities=two_calls,
                room=Room(2, 2))  # fmt: skip

    assert (first.cancel, first.place) == (("far",), ())
    assert (then.cancel, then.place) == ((), (wanted[0],))


def test_where_the_budget_ends_the_inner_quotes_of_both_sides_are_there() -> None:
    wanted = [*(quote(Side.BUY, 99 - i) for i in range(3)), *(quote(Side.SELL, 101 + i) for i in range(3))]

    assert plan(wanted, [], room=Room(3, 2)).place == (wanted[0], wanted[3])


def test_a_quote_more_on_a_side_needs_no_cancel_and_a_quote_less_no_place() -> None:
    wanted = [quote(Side.BUY, 99), quote(Side.BUY, 98)]

    assert plan(wanted, [working("a", Side.BUY, 99)]) == Plan(place=(wanted[1],))
    assert plan(wanted[:1], [working("a", Side.BUY, 99), working("b", Side.BUY, 98)]) == Plan(cancel=(B,))


def test_orders_that_fit_several_quotes_are_shared_out_so_that_most_stay() -> None:
    close_enough = Tolerance(ticks=2, share_numerator=0, share_denominator=1)
    wanted = [quote(Side.BUY, 98), quote(Side.BUY, 99)]
    # The first quote likes "a" best, but "a" is all that the second can have.
    there = [working("a", Side.BUY, 98 + 1), working("b", Side.BUY, 96)]

    assert plan(wanted, there, close_enough) == Plan()


def test_a_venue_with_replace_takes_one_message_for_both() -> None:
    wanted = [quote(Side.BUY, 97), quote(Side.SELL, 103)]
    there = [working("a", Side.BUY, 98), working("b", Side.SELL, 102), working("c", Side.SELL, 104)]
    made = plan(wanted, there, capabilities=Capabilities(replace=True))

    assert made == Plan(cancel=(C,), replace=((A, wanted[0]), (B, wanted[1])))


def test_without_room_for_an_order_an_exposed_one_is_cancelled_and_not_replaced() -> None:
    made = plan([quote(Side.BUY, 97)], [working("a", Side.BUY, 98)], capabilities=Capabilities(replace=True),
                room=Room(1, 0))  # fmt: skip

    assert made == Plan(cancel=(A,))


DELTADEFI = Capabilities(cancel_all=True, calls_per_place=2)


def ladder(middle: int) -> list[Quote]:
    return [*(quote(Side.BUY, middle - 1 - i) for i in range(10)), *(quote(Side.SELL, middle + 1 + i)
                                                                    for i in range(10))]  # fmt: skip


def test_twenty_quotes_on_five_calls_a_second_leave_by_one_cancel_all() -> None:
    there = [working(f"o{q.side}{q.price}", q.side, q.price) for q in ladder(100)]
    made = plan(ladder(200), there, capabilities=DELTADEFI, room=Room(5, 4))

    assert set(made.cancel_all) == {order.id for order in there}
    assert made.place == (ladder(200)[0], ladder(200)[10])
    assert made.messages(DELTADEFI) == 5


def test_withdrawing_everything_is_one_message_too() -> None:
    there = [working("a", Side.BUY, 98), working("b", Side.SELL, 102)]

    assert plan([], there, capabilities=DELTADEFI, room=Room(2, 0)) == Plan(cancel_all=(A, B))
    assert plan([], there[:1], capabilities=DELTADEFI, room=Room(1, 0)) == Plan(cancel=(A,))


def test_a_cancel_all_is_not_cheap_when_most_orders_may_stay() -> None:
    there = [working(f"o{q.side}{q.price}", q.side, q.price) for q in ladder(100)]
    moved = [*ladder(100)[1:], quote(Side.BUY, 80)]
    made = plan(moved, there, capabilities=DELTADEFI, room=Room(5, 4))

    assert (made.cancel_all, made.cancel, made.place) == ((), ("obuy99",), (moved[-1],))


def test_orders_that_would_stand_exposed_for_long_make_a_cancel_all_worth_its_victims() -> None:
    wanted = [quote(Side.SELL, 105 + i) for i in range(3)]
    there = [*(working(f"kept{i}", Side.SELL, 105 + i) for i in range(3)),
             *(working(f"exposed{i}", Side.BUY, 101 + i) for i in range(4))]  # fmt: skip

    assert plan(wanted, there, capabilities=DELTADEFI).cancel_all == ()
    made = plan(wanted, there, capabilities=DELTADEFI, room=Room(1, 1))
    assert set(made.cancel_all) == {order.id for order in there}  # what is kept goes with it, and has to come back
    made = plan(wanted, there, capabilities=DELTADEFI, room=Room(3, 2))
    assert (made.cancel_all, len(made.cancel)) == ((), 3)  # the last one waits for a single message
