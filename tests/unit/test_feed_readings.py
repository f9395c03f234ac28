"""How old /metrics says the market data is: as old as what decisions are made on, from each of a market's sources."""

from typing import Any

import pytest

from harness.desk import Desk
from harness.engines import SECOND, tick
from tradingbot_runtime.config import Market
from tradingbot_runtime.feed_readings import feed_readings
from tradingbot_runtime.metric_families import Family, Values
from tradingbot_runtime.model import AnyEvent, CrossTicked, FeedLost, Nanos, VenueTicked
from tradingbot_runtime.telemetry import metrics

REFERENCE, EXECUTION, OTHER = ({"venue": name, "symbol": "BTCUSDT"} for name in ("binance", "small", "other"))


def read(desk: Desk, **market: Any) -> dict[Family, Values]:  # noqa: ANN401 - as in a manifest
    leg = Market.model_validate({"name": "btc", "reference": REFERENCE, "execution": EXECUTION, **market})
    return feed_readings([leg], {"btc": desk.market}, Nanos(desk.now_ns))


def at(second: int) -> Nanos:
    return Nanos(second * SECOND)


def test_each_source_is_as_old_as_its_last_data_less_how_late_that_was(desk: Desk) -> None:
    desk.begin()
    desk.market.handle(tick(at(100)))
    desk.market.handle(VenueTicked(time_ns=at(102), bid=None, ask=None, late_ns=5 * SECOND))
    desk.market.handle(CrossTicked(time_ns=at(103), mid_2=2, unit=1, late_ns=2 * SECOND))
    desk.now_ns = at(110)

    names = [("btc", "reference", "binance/BTCUSDT"), ("btc", "venue", "small/BTCUSDT"),
             ("btc", "crossCheck", "other/BTCUSDT")]  # fmt: skip
    found = read(desk, crossCheck=OTHER)
    assert found[metrics.FEED_AGE] == dict(zip(names, (10, 13, 9), strict=True))
    assert found[metrics.FEED_LATE] == dict(zip(names, (0, 5, 2), strict=True))


def test_one_feed_for_both_is_told_once(desk: Desk) -> None:
    desk.begin()
    desk.market.handle(tick(at(100)))
    desk.now_ns = at(101)
    assert read(desk, execution=REFERENCE)[metrics.FEED_AGE] == {("btc", "reference", "binance/BTCUSDT"): 1}


LOST: tuple[tuple[str, str, AnyEvent], ...] = (
    ("reference", "binance", tick(at(100))),
    ("venue", "small", VenueTicked(time_ns=at(100), bid=None, ask=None)),
    ("crossCheck", "other", CrossTicked(time_ns=at(100), mid_2=2, unit=1)),
)


@pytest.mark.parametrize(("source", "venue", "heard"), LOST)
def test_a_lost_feed_goes_on_growing_old(desk: Desk, source: str, venue: str, heard: AnyEvent) -> None:
    desk.begin()
    desk.market.handle(heard)
    desk.market.handle(FeedLost(time_ns=at(101), feed=source, reason="FeedSilent"))
    desk.now_ns = at(130)
    assert read(desk, crossCheck=OTHER)[metrics.FEED_AGE]["btc", source, f"{venue}/BTCUSDT"] == 30


def test_what_was_never_heard_is_as_old_as_the_market(desk: Desk) -> None:
    desk.begin()
    desk.market.made_ns, desk.now_ns = at(100), at(107)
    assert set(read(desk, crossCheck=OTHER)[metrics.FEED_AGE].values()) == {7}
