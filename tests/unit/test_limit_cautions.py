"""A configuration whose own limits refuse its orders is warned of, by the limit's name; one that fits is not."""

from typing import Any

import pytest

from harness.bad_strategies import AS, GRID
from tradingbot_runtime.config import Risk, TradingBotSpec, VenueSpec, warnings

MAKING = {"spreadBps": "20", "minSpreadBps": "10", "stepBps": "5", "layers": 3, "sizes": ["1", "2"]}
FITS = {"maxOrder": "2", "maxPosition": "10", "maxOpenOrders": 6, "maxOrdersPerMinute": 6, "maxDistanceBps": "30"}


def said(strategy: str, fields: dict[str, Any], risk: dict[str, Any], **venue: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    symbol = {"venue": "v", "symbol": "BTCUSDT"}
    markets = [{"name": "btc", "reference": symbol, "execution": symbol}]
    spec = TradingBotSpec.model_validate({"strategy": {strategy: fields}, "markets": markets, "risk": risk})
    made = VenueSpec.model_validate({"environment": "Testnet", "type": "Binance"} | venue)
    return warnings(spec, {"v": made})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"maxOrder": "1.5"}, "maxOrder is 1.5, and sizes asks for orders of 2: these are all refused"),
        ({"maxOpenOrders": 5}, "maxOpenOrders is 5, and the strategy wants 6 in each market"),
        ({"maxOrdersPerMinute": 5}, "maxOrdersPerMinute is 5, and the first quotes of a market are 6 orders"),
        ({"maxDistanceBps": "29"}, "maxDistanceBps is 29, and the last layer is 30 bps"),
        (
            {"maxDistanceBps": "19"},
            "maxDistanceBps is 19, and the first layer is 20 bps from the reference: every order",
        ),
        ({"maxOrder": "11"}, "maxOrder is 11, and a single order may not be larger than maxPosition (10)"),
    ],
)
def test_a_limit_that_refuses_what_the_strategy_wants_is_named(change: dict[str, Any], words: str) -> None:
    assert said("marketMaking", MAKING, FITS) == ()

    (line,) = said("marketMaking", MAKING, FITS | change)
    assert line.startswith(f"spec.risk: {words}")


def test_an_order_that_is_larger_than_any_position_may_be_is_named() -> None:
    (line,) = said("marketMaking", MAKING, {"maxPosition": "1"})

    assert line.startswith("spec.risk: maxPosition is 1, and sizes asks for orders of 2: none that adds to a position")


def test_sizes_that_no_layer_uses_and_limits_that_are_not_written_are_nothing() -> None:
    assert said("marketMaking", MAKING | {"sizes": ["1", "1", "1", "9"]}, FITS) == ()
    assert said("marketMaking", MAKING, {}) == ()


def test_what_a_skew_may_let_an_order_grow_to_is_warned_of_in_other_words() -> None:
    (line,) = said("marketMaking", MAKING | {"inventorySkew": {"maxSizeFactor": "2"}}, FITS)

    assert line == "spec.risk: maxOrder is 2, and the inventory skew may let an order grow to 4: that is refused then"


@pytest.mark.parametrize(("strategy", "fields"), [("avellanedaStoikov", AS | {"feeBps": "10"}), ("grid", GRID)])
def test_the_other_strategies_have_a_size_and_a_number_of_orders(strategy: str, fields: dict[str, Any]) -> None:
    lines = said(strategy, fields, {"maxOrder": "0.000001", "maxOpenOrders": 1})

    assert ["maxOrder" in lines[0], "maxOpenOrders" in lines[1], len(lines)] == [True, True, 2]


def test_a_burst_that_leaves_no_room_for_an_order_of_two_calls_is_warned_of() -> None:
    limit = {"burst": 2, "cancelReserve": "0.5"}
    venue = {"type": "DeltaDeFi", "rateLimit": limit}

    (line,) = said("marketMaking", MAKING, FITS, **venue)
    assert line.startswith("Venue v: spec.rateLimit: burst is 2: placing an order takes 2 messages, and beside")
    assert said("marketMaking", MAKING, FITS, rateLimit=limit) == (), "one call each"


def test_every_limit_of_the_words_exists() -> None:
    assert {f.alias for f in Risk.model_fields.values()} >= FITS.keys()
