"""A configuration becomes terms in ticks and lots, exactly: no limit is rounded in the wrong direction or forgotten."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from harness.engines import BTC
from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.core.quoting import Tolerance
from tradingbot_runtime.terms import budget_of, terms_of

SYMBOL = {"venue": "sim", "symbol": "BTCUSDT"}
OTHER = {"venue": "sim", "symbol": "ETHUSDT"}
MARKETS = [
    {"name": "btc", "reference": SYMBOL, "execution": SYMBOL},
    {"name": "eth", "reference": OTHER, "execution": OTHER},
]


def config(risk: dict[str, Any] | None = None, rate: dict[str, Any] | None = None, **changes: Any) -> SlotConfig:  # noqa: ANN401 - JSON
    endpoints = {"rest": "http://s:1", "stream": "ws://s:1/stream", "websocketApi": "ws://s:1/ws-api/v3"}
    venue = {"environment": "Simulated", "type": "Binance", "endpoints": endpoints, "rateLimit": rate or {}}
    document = {
        "bot": {"namespace": "default", "name": "ada", "uid": "u1"}, "slot": 0, "desiredState": "Running",
        "mode": "Paper", "strategy": {"marketMaking": {"spreadBps": "10", "sizes": ["0.01"]}}, "markets": MARKETS[:1],
        "venues": {"sim": venue}, "risk": risk or {}, "onStop": "CancelAll",
    }  # fmt: skip
    return SlotConfig.model_validate(document | changes)


def test_limits_are_whole_lots_and_money_rounded_down() -> None:
    given = config({"maxPosition": "0.123459", "maxOrder": "0.01", "maxOpenOrders": 7, "maxDailyLoss": "100.5",
                    "maxDistanceBps": "12.5", "staleAfter": "1500ms"})  # fmt: skip
    limits = terms_of(given, given.markets[0], BTC, BTC).limits

    assert (limits.max_position, limits.max_order, limits.max_open_orders) == (12_345, 1_000, 7)
    assert Decimal(BTC.money_text(limits.max_daily_loss or 0)) == Decimal("100.5")
    assert Fraction(*(limits.max_distance or (0, 1))) == Fraction("0.00125")
    assert limits.stale_after_ns == 1_500_000_000


def test_a_limit_that_is_not_written_is_none_and_not_zero() -> None:
    given = config()
    limits = terms_of(given, given.markets[0], BTC, BTC).limits

    assert (limits.max_position, limits.max_order, limits.max_open_orders, limits.max_daily_loss) == (None,) * 4


def test_the_loss_limit_is_shared_by_the_slots_markets() -> None:
    given = config({"maxDailyLoss": "100"}, markets=MARKETS)

    assert terms_of(given, given.markets[0], BTC, BTC).limits.max_daily_loss == BTC.money("50")


@pytest.mark.parametrize(
    ("reference", "venue", "ratio"),
    [("0.01", "0.01", (1, 1)), ("0.01", "0.0001", (100, 1)), ("0.0001", "0.01", (1, 100))],
)
def test_reference_ticks_are_converted_exactly(reference: str, venue: str, ratio: tuple[int, int]) -> None:
    given = config()
    terms = terms_of(given, given.markets[0], msgspec.structs.replace(BTC, tick_size=Decimal(venue)),
                     msgspec.structs.replace(BTC, tick_size=Decimal(reference)))  # fmt: skip

    assert (terms.reference_numerator, terms.reference_denominator) == ratio


def test_hysteresis_and_the_stop_policy_are_taken_over() -> None:
    making = {"spreadBps": "10", "sizes": ["0.01"], "hysteresis": {"ticks": 3, "quantityShare": "0.25"}}
    given = config(strategy={"marketMaking": making}, onStop="Leave")
    terms = terms_of(given, given.markets[0], BTC, BTC)

    assert terms.tolerance == Tolerance(3, 1, 4)
    assert terms.leave_on_stop
    assert terms.reference_is_venue


@pytest.mark.parametrize(
    ("burst", "share", "reserve"), [(10, "0.3", 3), (5, "0.3", 1), (1, "0.9", 0), (10, "0.9", 9), (10, "0", 0)]
)
def test_a_part_of_the_burst_is_for_cancels_but_never_all_of_it(burst: int, share: str, reserve: int) -> None:
    budget = budget_of(config(rate={"ordersPerSecond": "2.5", "burst": burst, "cancelReserve": share}), "sim")

    assert (budget.per_second, budget.burst, budget.reserve) == (Fraction(5, 2), burst, reserve)


def test_the_largest_reserve_leaves_a_message_for_orders_of_every_burst() -> None:
    for burst in range(1, 1001):
        budget = budget_of(config(rate={"burst": burst, "cancelReserve": "0.9"}), "sim")
        assert budget.reserve < burst
