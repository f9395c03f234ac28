"""A journal's configuration that a later version would refuse still says which orders are whose, and where."""

import json
from typing import Any

import pytest

from harness.bad_manifests import good_bot, good_venue
from tradingbot_runtime.config import BotIdentity, SlotConfig, TradingBotSpec, VenueSpec, as_written, slot_config
from tradingbot_runtime.config.kept import as_kept


@pytest.fixture
def document() -> dict[str, Any]:
    spec, venue = good_bot()["spec"], good_venue()
    bot = as_written(TradingBotSpec, spec)
    venues = {"binance": as_written(VenueSpec, venue["spec"])}
    identity = BotIdentity(namespace="default", name="maker", uid="uid")
    found: dict[str, Any] = json.loads(
        slot_config(identity, bot, venues, {0: [market.name for market in bot.markets]}, 0).document()
    )
    return found


def test_a_configuration_of_this_version_is_read_as_it_is(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert as_kept(text) == SlotConfig.model_validate_json(text)


def test_values_that_are_no_longer_taken_are_left_out_and_later_rules_are_not_asked(document: dict[str, Any]) -> None:
    (market,), (venue,) = document["markets"], document["venues"].values()
    venue["rateLimit"] = {"ordersPerSecond": "5", "cancelReserve": "1"}  # a range that was wider
    document["risk"] |= {"maxOrder": "9", "maxPosition": "1", "a limit of then": "3"}  # rules, and a field that is gone
    document["mode"] = "Live"
    document["strategy"]["marketMaking"]["skew"] = []
    with pytest.raises(ValueError, match="cancelReserve"):
        SlotConfig.model_validate_json(json.dumps(document))

    kept = as_kept(json.dumps(document))
    assert [leg.name for leg in kept.legs] == [market["name"]]
    (read,) = kept.venues.values()
    assert (read.type, str(read.rate_limit.orders_per_second)) == (venue["type"], "5")


@pytest.mark.parametrize("path", [("markets", 0), ("markets", 0, "execution", "symbol"), ("venues", "binance")])
def test_a_market_or_a_venue_is_never_left_out(document: dict[str, Any], path: tuple[Any, ...]) -> None:
    *way, last = path
    place: Any = document
    for step in way:
        place = place[step]
    place[last] = "?"

    with pytest.raises(ValueError, match=str(path[0])):
        as_kept(json.dumps(document))
