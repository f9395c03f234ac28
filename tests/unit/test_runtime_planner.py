"""The planner: the fewest messages that get what is wanted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.core.quoting import EXACT, Quote, Tolerance, plan
from tradingbot_runtime.model import Lots, OrderId, Side, Ticks


def working(name: str, side: Side, price: int, quantity: int = 10, state: OrderState = OrderState.OPEN) -> Order:
    return Order(OrderId(name), side, Ticks(price), Lots(quantity), state=state)


def quote(side: Side, price: int, quantity: int = 10) -> Quote:
    return Quote(side, Ticks(price), Lots(quantity))


def test_what_is_there_already_costs_no_message() -> None:
    made = plan([quote(Side.BUY, 99)], [working("a", Side.BUY, 99)], EXACT)

    assert (made.cancel, made.place) == ((), ())


def test_an_order_within_tolerance_stays() -> None:
    close_enough = Tolerance(ticks=1, share_numerator=1, share_denominator=5)
    made = plan([quote(Side.BUY, 100, 10)], [working("a", Side.BUY, 99, 12)], close_enough)

    assert (made.cancel, made.place) == ((), ())


def test_beyond_the_tolerance_it_is_replaced() -> None:
    close_enough = Tolerance(ticks=1, share_numerator=1, share_denominator=5)
    made = plan([quote(Side.BUY, 100, 10)], [working("a", Side.BUY, 98), working("b", Side.BUY, 100, 13)], close_enough)

    assert made.cancel == ("b", "a")
    assert made.place == (quote(Side.BUY, 100, 10),)


def test_an_order_of_unknown_fate_holds_its_place() -> None:
    made = plan([quote(Side.SELL, 101)], [working("a", Side.SELL, 101, state=OrderState.UNKNOWN)], EXACT)

    assert made.place == ()


@pytest.mark.parametrize("state", [OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.LOST])
def test_an_unsettled_order_holds_its_place_wherever_the_market_goes(state: OrderState) -> None:
    wanted = [quote(Side.SELL, 201), quote(Side.SELL, 205), quote(Side.BUY, 199)]
    made = plan(wanted, [working("a", Side.SELL, 101, state=state)], EXACT)

    assert (made.cancel, made.place) == ((), (wanted[1], wanted[2]))


def test_an_order_on_its_way_out_does_not_serve_a_quote() -> None:
    made = plan([quote(Side.SELL, 101)], [working("a", Side.SELL, 101, state=OrderState.PENDING_CANCEL)], EXACT)

    assert (made.cancel, made.place) == ((), (quote(Side.SELL, 101),))


def test_the_most_aggressive_orders_are_cancelled_first() -> None:
    made = plan([], [working("low", Side.BUY, 90), working("high", Side.BUY, 99)], EXACT)

    assert made.cancel == ("high", "low")


sides = st.sampled_from(Side)
quotes = st.lists(st.builds(quote, sides, st.integers(95, 105), st.integers(8, 12)), max_size=6,
                  unique_by=lambda q: (q.side, q.price))  # fmt: skip
orders = st.lists(
    st.tuples(sides, st.integers(95, 105), st.integers(8, 12), st.sampled_from([OrderState.OPEN, OrderState.PARTIAL])),
    max_size=6,
)


@given(quotes, orders)
def test_after_the_plan_there_is_exactly_what_was_wanted(
    wanted: list[Quote], there: list[tuple[Side, int, int, OrderState]]
) -> None:
    live = [working(f"o{i}", side, price, quantity, state) for i, (side, price, quantity, state) in enumerate(there)]

    made = plan(wanted, live, EXACT)

    left = [quote(o.side, o.price, o.quantity) for o in live if o.id not in made.cancel]
    assert sorted([*left, *made.place], key=repr) == sorted(wanted, key=repr)
    assert len(made.cancel) + len(made.place) == len(live) + len(wanted) - 2 * len(left)
