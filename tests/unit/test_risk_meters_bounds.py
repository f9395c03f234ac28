"""Meters, the account's check and the order's own validity: the last value that passes, and the first that does not."""

from decimal import Decimal
from typing import Any

import pytest

from harness.engines import BTC, SECOND, limits
from tradingbot_runtime.core.account_check import AccountCheck, moved
from tradingbot_runtime.core.meters import BestWithin, Meters
from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.core.risk.validity import tick_and_lot
from tradingbot_runtime.model import Lots, Money, Nanos, OrderFilled, OrderId, Place, Side, Ticks

WINDOW = 60 * SECOND
FAR = 1_700_000_000 * SECOND  # of today's size: past what a float tells apart to the nanosecond


def below(best: BestWithin, second: int, value: int) -> int:
    return best.below(Nanos(FAR + second * SECOND), value, WINDOW)


def test_the_best_of_a_window_is_forgotten_when_its_part_has_left_the_window() -> None:
    best = BestWithin()

    assert [below(best, 0, 100), below(best, 60, 10), below(best, 61, 10)] == [0, 90, 0]


def test_of_equal_values_and_of_one_part_only_one_is_kept() -> None:
    best = BestWithin()
    for second, value in ((0, 50), (0, 40), (0, 45), (1, 45), (2, 45)):
        below(best, second, value)

    assert best.values == [(FAR + SECOND - 1, 50), (FAR + 3 * SECOND - 1, 45)]
    assert all(isinstance(number, int) for number, _ in best.values)


def test_of_values_that_fall_within_one_part_the_first_is_kept() -> None:
    best = BestWithin()
    for value in (50, 40, 30):
        below(best, 0, value)

    assert [value for _, value in best.values] == [50]


def test_the_best_that_is_forgotten_is_the_oldest() -> None:
    best = BestWithin()

    assert [below(best, s, v) for s, v in ((0, 100), (10, 90), (20, 80), (65, 10))] == [0, 10, 20, 80]


def test_a_best_counts_until_its_whole_part_is_too_old_and_not_a_nanosecond_longer() -> None:
    best = BestWithin()
    end = FAR + SECOND - 1  # of the part
    best.below(Nanos(FAR), 100, WINDOW)
    assert best.below(Nanos(end), 90, WINDOW) == 10
    assert best.values == [(end, 100)], "what is lower needs no place of its own in that part"

    assert best.below(Nanos(end + WINDOW), 10, WINDOW) == 90
    assert best.below(Nanos(end + WINDOW + 1), 10, WINDOW) == 0


def test_sixty_parts_cover_a_window_that_has_no_whole_ones() -> None:
    best, window = BestWithin(), WINDOW + 1
    best.below(Nanos(0), 100, window)
    assert best.values == [(SECOND, 100)]
    best.values = [(SECOND - 1, 100), (SECOND, 90), (SECOND + 1, 80)]
    best.fit(Nanos(2 * SECOND), window)

    assert best.values == [(SECOND, 100), (SECOND + 1, 80)]


def test_what_fits_already_is_left_as_it_is() -> None:
    best = BestWithin()
    for second, value in ((0, 100), (1, 50), (2, 20)):
        below(best, second, value)
    before = list(best.values)
    best.fit(Nanos(FAR + 2 * SECOND), WINDOW)

    assert best.values == before


def test_a_part_of_a_longer_window_does_not_outlast_a_shorter_one() -> None:
    best = BestWithin()
    best.below(Nanos(FAR), 100, 1_440 * WINDOW)

    assert [below(best, 1, 10), below(best, 61, 10), below(best, 62, 10)] == [90, 90, 0]


def test_what_is_forgotten_is_no_loss_before_the_next_valuation_either() -> None:
    meters = Meters()
    for profit in (100, 10):
        meters.value(Nanos(FAR), Money(profit), None, WINDOW)
    assert (meters.recent_loss, meters.below_best) == (90, 90)
    meters.forget()

    assert (meters.recent_loss, meters.below_best) == (0, 0)


def test_fills_of_a_day_add_up() -> None:
    meters = Meters()
    for _ in range(3):
        meters.filled(Nanos(FAR))

    assert meters.remembered.fills == 3


def test_without_a_window_no_loss_is_recent_and_sources_that_agree_are_not_apart() -> None:
    meters = Meters()
    meters.value(Nanos(FAR), Money(5), None, None)
    meters.diverged(Nanos(FAR), apart=True)
    meters.diverged(Nanos(FAR + 1), apart=True)
    assert (meters.recent_loss, meters.apart_since_ns) == (0, FAR)
    meters.diverged(Nanos(FAR + 2), apart=False)

    assert meters.apart_since_ns == 0


def test_fees_in_any_asset_are_gone_from_what_was_moved() -> None:
    position = Position(BTC)
    position.apply(
        OrderFilled(time_ns=Nanos(1), order_id=OrderId("o"), trade_id="t", side=Side.BUY, price=Ticks(100),
                    quantity=Lots(10), fee=7, fee_asset="BNB")
    )  # fmt: skip

    assert moved([position]) == {"BTC": Decimal("0.0001"), "USDT": Decimal("-0.0001"), "BNB": Decimal("-7e-8")}


def test_what_had_moved_before_the_balances_were_taken_is_not_expected_again() -> None:
    check = AccountCheck()
    check.accept({"BTC": Decimal(5), "USDT": Decimal(9)}, {"BTC": Decimal(2)})

    assert check.mismatch({"BTC": Decimal(6), "USDT": Decimal(9)}, {"BTC": Decimal(3)}, {}) == ""
    told = check.mismatch({"BTC": Decimal(8), "USDT": Decimal(7)}, {"BTC": Decimal(3)}, {})
    assert told == "BTC: 2 more than by our fills (8, not 6); USDT: 2 less than by our fills (7, not 9)"
    assert check.mismatch({"BNB": Decimal(1)}, {}, {}) == "BNB: 1 more than by our fills (1, not 0)"


def place(price: int = 6_000_000, quantity: int = 1_000) -> Place:
    return Place(order_id=OrderId("o"), side=Side.BUY, price=Ticks(price), quantity=Lots(quantity))


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (place(price=1, quantity=10**8), None),
        (place(price=0), "a price of 0 ticks"),
        (place(quantity=BTC.max_lots), None),
        (place(quantity=BTC.max_lots + 1), "100000001 lots; allowed: 1 to 100000000"),
        (place(price=10**9, quantity=1), None),
        (place(quantity=0), "0 lots; allowed: 1 to 100000000"),
    ],
)
def test_price_and_quantity_are_within_the_venues_bounds(order: Place, message: str | None) -> None:
    from_unset: Any = None  # the check looks at nothing of the situation
    verdict = tick_and_lot(order, from_unset, limits())

    assert (verdict and verdict[1]) == message
