"""The planner against everything that could be done instead: it never doubles a quote, never sends too much."""

from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.core.planner import LEAVING, RESTING, Capabilities, Plan, Room, compare, schedule
from tradingbot_runtime.core.quoting import EXACT, Quote, Tolerance
from tradingbot_runtime.model import Lots, OrderId, Side, Ticks

LIVE = [OrderState.OPEN, OrderState.PARTIAL, OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.PENDING_CANCEL,
        OrderState.LOST]  # fmt: skip
PLENTY = Room(1_000, 1_000)
FAIR = (200, 1)

sides = st.sampled_from(Side)
prices, sizes = st.integers(95, 105), st.integers(8, 12)
tolerances = st.builds(Tolerance, st.integers(0, 3), st.integers(0, 2), st.just(5))
venues = st.builds(Capabilities, st.booleans(), st.booleans(), st.integers(1, 2)).map(
    lambda c: Capabilities(c.replace and c.calls_per_place == 1, c.cancel_all, c.calls_per_place)
)
rooms = st.integers(0, 12).flatmap(lambda n: st.builds(Room, st.just(n), st.integers(0, n)))


def wanted_quotes(most: int) -> st.SearchStrategy[list[Quote]]:
    made = st.builds(lambda s, p, q: Quote(s, Ticks(p), Lots(q)), sides, prices, sizes)
    return st.lists(made, max_size=most, unique_by=lambda q: (q.side, q.price)).map(
        lambda quotes: sorted(quotes, key=lambda q: (q.side, -q.side.sign * q.price))
    )


def orders(most: int, states: list[OrderState]) -> st.SearchStrategy[list[Order]]:
    drawn = st.lists(st.tuples(sides, prices, sizes, st.sampled_from(states)), max_size=most)
    return drawn.map(
        lambda rows: [
            Order(OrderId(f"o{i}"), side, Ticks(price), Lots(quantity), state=state)
            for i, (side, price, quantity, state) in enumerate(rows)
        ]
    )


def gone(plan: Plan) -> set[OrderId]:
    return {*plan.cancel_all, *plan.cancel, *(old for old, _ in plan.replace)}


def new(plan: Plan) -> list[Quote]:
    return [*(quote for _, quote in plan.replace), *plan.place]


def most_served(wanted: list[Quote], there: list[Order], tolerance: Tolerance) -> int:
    """By trying every assignment."""
    smaller, larger = sorted((len(wanted), len(there)))
    for count in range(smaller, 0, -1):
        for some in combinations(range(len(wanted)), count):
            if larger and any(
                all(there[o].side is wanted[q].side and tolerance.keeps(there[o], wanted[q])
                    for q, o in zip(some, chosen, strict=True))
                for chosen in permutations(range(len(there)), count)
            ):  # fmt: skip
                return count
    return 0


@given(wanted_quotes(6), orders(6, [OrderState.OPEN, OrderState.PARTIAL]), venues)
def test_after_the_plan_there_is_exactly_what_was_wanted(
    wanted: list[Quote], there: list[Order], venue: Capabilities
) -> None:
    plan = schedule(compare(wanted, there, EXACT, FAIR), venue, PLENTY)

    left = [Quote(o.side, o.price, o.leaves_quantity) for o in there if o.id not in gone(plan)]
    assert sorted([*left, *new(plan)], key=repr) == sorted(wanted, key=repr)


@given(wanted_quotes(4), orders(4, [OrderState.OPEN]), tolerances, venues)
def test_no_other_way_needs_fewer_messages(
    wanted: list[Quote], there: list[Order], tolerance: Tolerance, venue: Capabilities
) -> None:
    plan = schedule(compare(wanted, there, tolerance, FAIR), venue, PLENTY)

    ways = [0]
    for side in Side:
        quotes, resting = [q for q in wanted if q.side is side], [o for o in there if o.side is side]
        kept = most_served(quotes, resting, tolerance)
        stale, missing = len(resting) - kept, len(quotes) - kept
        ways[0] += max(stale, missing) if venue.replace else stale + missing * venue.calls_per_place
    if venue.cancel_all:
        ways.append(1 + len(wanted) * venue.calls_per_place)
    assert plan.messages(venue) == min(ways)


def test_an_exposed_order_is_not_replaced_while_another_that_must_go_has_no_message_left() -> None:
    """Two orders for one quote: the successor of one would stand beside the other."""
    there = [Order(OrderId(f"o{n}"), Side.BUY, Ticks(95 + n), Lots(9 - n), state=OrderState.OPEN) for n in range(2)]
    changes = compare([Quote(Side.BUY, Ticks(95), Lots(8))], there, Tolerance(0, 0, 5), FAIR)
    one_message = {room: schedule(changes, Capabilities(replace=True), Room(room, room)) for room in (1, 2)}

    assert (one_message[1].cancel, one_message[1].replace) == (("o1",), ())
    assert (one_message[2].cancel, [old for old, _ in one_message[2].replace]) == (("o0",), ["o1"])


@given(wanted_quotes(6), orders(6, LIVE), tolerances, venues, rooms)
def test_a_quote_is_never_doubled(
    wanted: list[Quote], there: list[Order], tolerance: Tolerance, venue: Capabilities, room: Room
) -> None:
    plan = schedule(compare(wanted, there, tolerance, FAIR), venue, room)

    for side in Side:
        may_fill = [o for o in there if o.side is side and o.state not in LEAVING and o.id not in gone(plan)]
        quotes = sum(1 for q in wanted if q.side is side)
        put = sum(1 for q in new(plan) if q.side is side)
        assert put == 0 or put + len(may_fill) <= max(quotes, len([o for o in may_fill if o.state not in RESTING]))
    assert len(set(new(plan))) == len(new(plan))
    assert len(gone(plan)) == len(plan.cancel_all) + len(plan.cancel) + len(plan.replace)


@pytest.mark.parametrize("price", [95, 90])
def test_an_order_on_its_way_holds_its_place_also_where_all_that_rest_are_swept_away(price: int) -> None:
    """It may arrive after the sweep: what it stands for, or stands beside, is not placed once more."""
    resting = [Order(OrderId(f"o{n}"), Side.BUY, Ticks(95), Lots(8), state=OrderState.OPEN) for n in range(4)]
    coming = Order(OrderId("o4"), Side.BUY, Ticks(price), Lots(8), state=OrderState.SUBMITTING)
    changes = compare([Quote(Side.BUY, Ticks(95), Lots(8))], [*resting, coming], Tolerance(0, 0, 5), FAIR)
    plan = schedule(changes, Capabilities(cancel_all=True), PLENTY)

    assert plan.place == ()


@given(wanted_quotes(6), orders(6, LIVE), tolerances, venues, rooms)
def test_the_budget_is_never_exceeded(
    wanted: list[Quote], there: list[Order], tolerance: Tolerance, venue: Capabilities, room: Room
) -> None:
    plan = schedule(compare(wanted, there, tolerance, FAIR), venue, room)

    assert plan.messages(venue) <= room.messages
    assert len(plan.replace) + len(plan.place) * venue.calls_per_place <= room.orders


@given(wanted_quotes(6), orders(6, LIVE), tolerances, venues, rooms)
def test_only_what_rests_is_cancelled_and_the_exposed_go_first(
    wanted: list[Quote], there: list[Order], tolerance: Tolerance, venue: Capabilities, room: Room
) -> None:
    changes = compare(wanted, there, tolerance, FAIR)
    plan = schedule(changes, venue, room)

    assert gone(plan) <= {o.id for o in there if o.state in RESTING}
    exposed = {o.id for o in changes.stale[: changes.exposed]}
    assert len(exposed & gone(plan)) == min(len(exposed), room.messages) or plan.cancel_all


@given(wanted_quotes(6), orders(6, [OrderState.OPEN]), tolerances, venues)
def test_message_by_message_the_plan_comes_to_an_end(
    wanted: list[Quote], there: list[Order], tolerance: Tolerance, venue: Capabilities
) -> None:
    """With the least room that an order fits in, every answer taken in before the next message."""
    room = Room(venue.calls_per_place, venue.calls_per_place)
    for round_ in range(len(wanted) + len(there) + 2):
        plan = schedule(compare(wanted, there, tolerance, FAIR), venue, room)
        if plan == Plan():
            break
        there = [o for o in there if o.id not in gone(plan)]
        there += [Order(OrderId(f"n{round_}-{i}"), q.side, q.price, q.quantity, state=OrderState.OPEN)
                  for i, q in enumerate(new(plan))]  # fmt: skip
    assert plan == Plan()
    assert len(there) == len(wanted)
