"""Where counts, shares and differences turn: the last value that passes, the first that does not, and in between."""

from typing import Any

import pytest
from msgspec.structs import replace

from harness.engines import BTC, SECOND, limits
from tradingbot_runtime.core.meters import LastMinute
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.core.risk.budgets import below
from tradingbot_runtime.core.risk.gates import diverges
from tradingbot_runtime.core.risk.situation import exposure
from tradingbot_runtime.core.risk.validity import tick_and_lot
from tradingbot_runtime.model import Lots, Money, Nanos, OrderId, Place, Side, Ticks

UNSEEN: Any = None  # a check that looks at nothing of the situation gets this one


def at(second: int) -> Nanos:
    return Nanos(second * SECOND)


@pytest.mark.parametrize("first", [1, 30, 59, 61])
def test_what_was_counted_leaves_after_a_minute_and_not_before(first: int) -> None:
    minute = LastMinute()
    minute.add(at(first))

    assert [minute.count(at(second)) for second in range(first, first + 60)] == [1] * 60
    assert minute.count(at(first + 60)) == 0


@pytest.mark.parametrize("silent_s", [1, 59, 60, 61, 62, 119, 120, 121, 10_000])
def test_whatever_is_older_than_a_minute_is_gone_after_a_silence(silent_s: int) -> None:
    minute = LastMinute()
    for second in range(60, 120):
        minute.add(at(second))

    assert minute.count(at(119 + silent_s)) == max(60 - silent_s, 0)
    assert sum(minute.counts) == minute.total


@pytest.mark.parametrize(
    ("ours", "other", "share", "apart"),
    [
        ((0, 1), (5, 1), (1, 100), False),  # ours is not known
        ((5, 1), (0, 1), (1, 100), False),
        ((1, 1), (2, 1), (1, 100), True),
        ((2, 1), (1, 1), (1, 100), True),
        ((4, 2), (2, 1), (1, 100), False),  # one price, in different units
        ((5, 2), (2, 1), (1, 100), True),
        ((100, 1), (101, 1), (2, 100), False),
        ((100, 1), (102, 1), (2, 100), False),
        ((100, 1), (103, 1), (2, 100), True),
    ],
)
def test_prices_are_apart_by_more_than_the_share_of_ours_and_only_where_both_are_known(
    ours: tuple[int, int],
    other: tuple[int, int],
    share: tuple[int, int],
    apart: bool,  # noqa: FBT001 - a table's column
) -> None:
    assert diverges(ours, other, limits(max_divergence=share)) is apart


@pytest.mark.parametrize(
    ("below_best", "best", "share", "broken"),
    [(1, 1, (1, 20), True), (1, 0, (1, 20), False), (2, 100, (2, 100), False), (3, 100, (2, 100), True)],
)
def test_a_drawdown_is_more_than_the_share_of_the_best_equity(
    below_best: int,
    best: int,
    share: tuple[int, int],
    broken: bool,  # noqa: FBT001 - as above
) -> None:
    assert below(below_best, best, limits(max_drawdown=share)) is broken


def test_only_orders_that_the_venue_has_said_nothing_of_are_unanswered() -> None:
    def order(state: OrderState, venue_order_id: str = "") -> Order:
        return Order(OrderId("o"), Side.BUY, Ticks(100), Lots(10), Lots(0), state, venue_order_id=venue_order_id)

    silent = [order(OrderState.SUBMITTING), order(OrderState.UNKNOWN), order(OrderState.PENDING_CANCEL)]
    answered = [order(OrderState.OPEN), order(OrderState.PARTIAL), order(OrderState.PENDING_CANCEL, "v1")]

    assert exposure([*silent, *answered], 1).unanswered == len(silent)


@pytest.mark.parametrize(("missing", "refused"), [(0, False), (1, True)])
def test_an_order_that_is_worth_just_what_the_venue_takes_is_valid(missing: int, refused: bool) -> None:  # noqa: FBT001 - as above
    price, quantity = Ticks(6_000_000), Lots(100)
    worth = Money(price * quantity * BTC.tick_lot + missing)
    order = Place(order_id=OrderId("o"), side=Side.BUY, price=price, quantity=quantity)

    verdict = tick_and_lot(order, UNSEEN, limits(instrument=replace(BTC, min_notional=worth)))

    assert (verdict is not None) is refused
