"""What is left of Binance's limits, by its own count: questions stop first, then new orders, cancels never."""

from fractions import Fraction

import pytest

from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.model import Nanos
from tradingbot_runtime.venues.binance.usage import RateLimit, Usage

MINUTE_MS = 60_000
NOW_MS = 1_000 * MINUTE_MS + 20_000  # twenty seconds into a minute
DECLARED = (
    RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 6_000),
    RateLimit("ORDERS", "SECOND", 10, 100),
    RateLimit("ORDERS", "DAY", 1, 200_000),
    RateLimit("RAW_REQUESTS", "MINUTE", 5, 61_000),
)


def usage(headers: dict[str, str]) -> Usage:
    found = Usage()
    found.declared(DECLARED, NOW_MS)
    found.told(headers, NOW_MS)
    return found


@pytest.mark.parametrize(
    ("weight", "questions_ms", "orders_ms"),
    [("4799", 0, 0), ("4800", 40_000, 0), ("5699", 40_000, 0), ("5700", 40_000, 40_000)],
)
def test_questions_stop_at_four_fifths_of_the_weight_and_orders_a_little_before_its_end(
    weight: str, questions_ms: int, orders_ms: int
) -> None:
    found = usage({"x-mbx-used-weight-1m": weight, "X-MBX-USED-WEIGHT": weight})

    assert found.questions_wait_ms(NOW_MS) == questions_ms
    assert found.orders_wait_ms(NOW_MS) == orders_ms
    assert found.questions_wait_ms(NOW_MS + 40_000) == 0, "the next minute counts from zero"


def test_a_used_up_order_count_holds_orders_until_its_interval_is_over_and_no_question() -> None:
    found = usage({"X-MBX-ORDER-COUNT-10S": "95", "X-MBX-ORDER-COUNT-1D": "95"})

    assert found.orders_wait_ms(NOW_MS) == 10_000
    assert found.questions_wait_ms(NOW_MS) == 0


def test_answers_that_overtake_each_other_do_not_lower_the_count() -> None:
    found = usage({"X-MBX-USED-WEIGHT-1M": "5000"})
    found.told({"X-MBX-USED-WEIGHT-1M": "12"}, NOW_MS + 1)

    assert found.questions_wait_ms(NOW_MS + 1) > 0


def test_the_websocket_apis_own_count_is_the_same_count() -> None:
    found = Usage()
    found.declared((RateLimit("ORDERS", "SECOND", 10, 100, 99),), NOW_MS)

    assert found.orders_wait_ms(NOW_MS) > 0


@pytest.mark.parametrize(
    "headers",
    [{"X-MBX-USED-WEIGHT-1M": "many"}, {"X-MBX-USED-WEIGHT-XX": "9999"}, {"X-MBX-ORDER-COUNT-1M": "9999"}, {}],
)
def test_headers_that_say_nothing_of_a_known_limit_hold_nothing(headers: dict[str, str]) -> None:
    assert usage(headers).orders_wait_ms(NOW_MS) == 0


def test_a_budget_whose_orders_are_held_still_has_room_for_cancels() -> None:
    budget = Budget(Fraction(10), 10, 3)
    budget.hold_orders(Nanos(1_000))
    budget.hold_orders(Nanos(500))

    assert (budget.for_orders(Nanos(999)), budget.available(Nanos(999))) == (0, 10)
    assert budget.for_orders(Nanos(1_000)) == 7
