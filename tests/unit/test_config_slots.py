"""What a slot is told: its markets, its share of rates and of the loss limit, in one canonical document."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.bad_manifests import good_bot, good_venue
from tradingbot_runtime.config import BotIdentity, SlotConfig, TradingBotSpec, VenueSpec, slot_config

IDENTITY = BotIdentity(namespace="default", name="maker", uid="u-1")
SLOTS = {0: ["m0", "m1"], 1: ["m2"], 2: []}


def bot(**changes: Any) -> TradingBotSpec:  # noqa: ANN401 - parts of a manifest
    markets = [{"name": f"m{i}", "reference": {"venue": "data", "symbol": f"M{i}USDT"},
                "execution": {"venue": "binance", "symbol": f"M{i}USDT"}} for i in range(3)]  # fmt: skip
    return TradingBotSpec.model_validate({**good_bot()["spec"], "markets": markets, **changes})


def venue(**rate_limit: Any) -> VenueSpec:  # noqa: ANN401 - parts of a manifest
    return VenueSpec.model_validate({**good_venue()["spec"], "rateLimit": rate_limit})


def slots_of(spec: TradingBotSpec, account: VenueSpec) -> list[SlotConfig]:
    venues = {"binance": account, "data": venue(), "unused": venue()}
    return [slot_config(IDENTITY, spec, venues, SLOTS, slot) for slot in SLOTS]


def test_each_market_is_in_exactly_one_slot_and_a_surplus_slot_idles() -> None:
    names = [[market.name for market in config.markets] for config in slots_of(bot(), venue())]
    assert names == [["m0", "m1"], ["m2"], []]


def test_a_slot_is_told_only_the_venues_that_its_markets_name() -> None:
    named = [sorted(config.venues) for config in slots_of(bot(), venue())]
    assert named == [["binance", "data"], ["binance", "data"], []]


@given(rate=st.decimals("0.1", "1000", places=2), burst=st.integers(2, 1000), loss=st.decimals("1", "100000", places=2))
def test_the_shares_never_add_up_to_more_than_the_account_and_the_bot_may(
    rate: Decimal, burst: int, loss: Decimal
) -> None:
    configs = slots_of(bot(risk={"maxDailyLoss": str(loss)}), venue(ordersPerSecond=str(rate), burst=burst))
    trading = [config for config in configs if config.markets]
    assert sum(config.venues["binance"].rate_limit.orders_per_second for config in trading) <= rate
    assert sum(config.venues["binance"].rate_limit.burst for config in trading) <= burst
    losses = [config.risk.max_daily_loss for config in trading]
    assert sum(share for share in losses if share is not None) <= loss
    assert None not in losses


def test_position_and_order_limits_hold_per_market_and_are_not_divided() -> None:
    limits = {"maxPosition": "5", "maxOrder": "2", "maxOpenOrders": 4, "maxDistanceBps": "50"}
    for config in slots_of(bot(risk=limits), venue()):
        written = config.risk.model_dump(mode="json", by_alias=True)
        assert {name: written[name] for name in limits} == limits


def test_an_unknown_venue_is_an_error_of_the_caller() -> None:
    with pytest.raises(KeyError, match="binance"):
        slot_config(IDENTITY, bot(), {"data": venue()}, SLOTS, 0)


def test_a_document_reads_back_as_itself() -> None:
    for config in slots_of(bot(risk={"maxDailyLoss": "100", "staleAfter": "1500ms"}), venue()):
        again = SlotConfig.model_validate_json(config.document())
        assert again == config
        assert again.config_hash() == config.config_hash()


def test_equal_configurations_have_equal_hashes_however_they_are_written() -> None:
    one, other = bot(risk={"staleAfter": "60s"}), bot(risk={"staleAfter": "1m"})
    assert [c.config_hash() for c in slots_of(one, venue())] == [c.config_hash() for c in slots_of(other, venue())]


def test_a_changed_spread_changes_the_hash_and_floats_are_nowhere() -> None:
    wider = bot(strategy={"marketMaking": {"spreadBps": "9", "sizes": ["0.01"]}})
    (before, *_), (after, *_) = slots_of(bot(), venue()), slots_of(wider, venue())
    assert before.config_hash() != after.config_hash()
    assert not [text for text in _scalars(json.loads(after.document())) if isinstance(text, float)]


def test_whose_configuration_it_is_changes_no_hash() -> None:
    """Without a cluster the uid is another one at each start, and nothing is configured anew."""
    (config, *_) = slots_of(bot(), venue())
    again = config.model_copy(update={"bot": config.bot.model_copy(update={"uid": "of another start"})})
    assert again.config_hash() == config.config_hash()


def _scalars(value: Any) -> list[Any]:  # noqa: ANN401 - a JSON tree
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [value] if inside is None else [scalar for child in inside for scalar in _scalars(child)]
