"""What /metrics says of a market's risk: the same that risk decides by, and orders of unknown fate at their age."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.desk import Desk, accept, fill, lose
from harness.engines import BTC, SECOND, engine, limits, tick
from tradingbot_runtime.core.breaches import Measured, breach
from tradingbot_runtime.core.market import Market
from tradingbot_runtime.core.meters import LastMinute, Meters, Remembered
from tradingbot_runtime.core.risk import Limits
from tradingbot_runtime.limit_readings import LIMITS, limits_used
from tradingbot_runtime.market_readings import market_readings
from tradingbot_runtime.metric_families import Family, Values
from tradingbot_runtime.model import AccountChecked, Lots, Money, Nanos
from tradingbot_runtime.telemetry import metrics

NOW = Nanos(100 * SECOND)
# Each limit alone, by the manifest's name.
ALONE: dict[str, dict[str, Any]] = {
    "maxDailyLoss": {"max_daily_loss": Money(100)},
    "maxDrawdown": {"max_drawdown": (1, 20)},
    "maxLossRate": {"max_loss_rate": (Money(100), SECOND)},
    "maxPosition": {"max_position": Lots(100)},
    "maxOrdersPerMinute": {"max_orders_per_minute": 100},
    "maxRejectsPerMinute": {"max_rejects_per_minute": 100},
}


def alone(name: str) -> Limits:
    return limits(**{"max_position": None, **ALONE[name]})


def a_market(of: Limits, meters: Meters, position: int) -> Market:
    market = engine().market
    market.terms, market.meters = replace(market.terms, limits=of), meters
    market.position.lots = Lots(position)
    return market


def counted(number: int) -> LastMinute:
    minute = LastMinute()
    for _ in range(number):
        minute.add(NOW)
    return minute


AMOUNT = st.integers(min_value=0, max_value=250)


@given(st.sampled_from(list(ALONE)), AMOUNT, AMOUNT, st.integers(min_value=-250, max_value=250), AMOUNT)
def test_a_limit_is_used_up_exactly_when_it_halts(name: str, lost: int, sent: int, held: int, best: int) -> None:
    meters = Meters(
        loss_today=Money(lost), recent_loss=Money(lost), profit=Money(best - lost), orders=counted(sent),
        rejects=counted(sent), remembered=Remembered(capital=1_000, best=best),
    )  # fmt: skip
    of = alone(name)
    market = a_market(of, meters, held)

    ((told, used),) = limits_used(market, NOW)

    assert told == name
    assert (used > 1) == (breach(Measured(NOW, meters, Lots(held), opens=True), of) is not None)


def test_limits_that_nobody_has_set_and_gains_are_no_use_of_any() -> None:
    assert list(limits_used(a_market(limits(max_position=None), Meters(), 5), NOW)) == []
    gained = Meters(loss_today=Money(-50), profit=Money(50), remembered=Remembered(capital=1_000, best=50))
    for name in ALONE:
        assert list(limits_used(a_market(alone(name), gained, 0), NOW)) == [(name, Decimal(0))]
    assert {name for name, _ in LIMITS} == set(ALONE)


def test_a_limit_of_zero_and_an_account_that_nobody_has_valued_do_not_end_the_scrape() -> None:
    nothing_allowed = a_market(limits(max_position=None, max_daily_loss=Money(0)), Meters(loss_today=Money(1)), 0)
    unvalued = a_market(alone("maxDrawdown"), Meters(profit=Money(-5)), 0)

    assert list(limits_used(unvalued, NOW)) == [("maxDrawdown", Decimal(0))]
    ((_, used),) = limits_used(nothing_allowed, NOW)
    assert used > 1, "a loss where none is allowed is over the limit"


def read(desk: Desk) -> dict[Family, Values]:
    return market_readings({"btc": desk.market}, {"btc": desk.all}, Nanos(desk.now_ns))


def test_the_worst_case_counts_what_rests_and_what_nobody_knows_at_full_size(desk: Desk) -> None:
    bid, offer = desk.quote()
    accept(desk, bid)
    lose(desk, offer)
    each = BTC.lot_size * 1_000

    found = read(desk)
    assert found[metrics.FILLS] == found[metrics.VOLUME] == {("btc", "buy"): 0, ("btc", "sell"): 0}, "a rate begins"
    assert found[metrics.EXPOSURE] == {("btc", "buy"): each, ("btc", "sell"): each}
    assert found[metrics.UNKNOWN_ORDERS] == {("btc",): 1}

    desk.market.handle(fill(bid, quantity=400))
    found = read(desk)
    assert found[metrics.POSITION] == {("btc",): BTC.lot_size * 400}
    assert found[metrics.EXPOSURE] == {("btc", "buy"): each, ("btc", "sell"): each - BTC.lot_size * 400}
    assert found[metrics.VOLUME] == {("btc", "buy"): BTC.lot_size * 400 * Decimal("59940.00"), ("btc", "sell"): 0}


def test_the_age_of_the_oldest_unknown_order_is_told_until_it_is_known(desk: Desk) -> None:
    bid, offer = desk.quote()
    accept(desk, bid)
    assert read(desk)[metrics.UNKNOWN_AGE] == {("btc",): 0}
    lose(desk, offer)
    desk.look(1)
    desk.look(2)
    assert read(desk)[metrics.UNKNOWN_AGE] == {("btc",): 2}
    for _ in range(15):
        desk.look(2)
    assert read(desk)[metrics.UNKNOWN_ORDERS] == {("btc",): 0}, "its absence is proved"
    assert read(desk)[metrics.UNKNOWN_AGE] == {("btc",): 0}


def test_a_mismatch_is_told_by_its_age_and_as_one_more(desk: Desk) -> None:
    desk.begin()
    desk.market.handle(tick(desk.now_ns))
    desk.market.handle(AccountChecked(time_ns=Nanos(desk.now_ns), mismatch="BTC: 0.1 less"))
    desk.now_ns += 3 * SECOND

    assert read(desk)[metrics.MISMATCH_AGE] == {("btc",): 3}
    desk.market.handle(AccountChecked(time_ns=Nanos(desk.now_ns), mismatch=""))
    assert read(desk)[metrics.MISMATCH_AGE] == {("btc",): 0}


@pytest.mark.parametrize("seen", [False, True])
def test_without_a_market_nothing_is_said_of_prices(desk: Desk, seen: bool) -> None:  # noqa: FBT001 - a parameter
    desk.begin()
    if seen:
        desk.market.handle(tick(desk.now_ns))
    found = read(desk)

    assert found[metrics.MID] == ({("btc",): Decimal("60000.01")} if seen else {})
    assert found[metrics.QUOTES] == {("btc", "buy"): int(seen), ("btc", "sell"): int(seen)}
    assert bool(found[metrics.QUOTE_PRICE]) == seen
    assert bool(found[metrics.PNL]) == seen
