"""A configuration that loses by construction is said to, in words that name the field; a sound one is left in peace."""

from decimal import Decimal
from typing import Any

import pytest

from harness.bad_strategies import AS, CROSS, GLFT, GRID
from tradingbot_runtime.config import TradingBotSpec, VenueSpec, VenueType
from tradingbot_runtime.config.cautions import PUBLISHED_FEE_BPS, warnings

BINANCE = VenueSpec.model_validate({"environment": "Testnet", "type": "Binance"})
MAKING = {"spreadBps": "12", "minSpreadBps": "10", "sizes": ["1"]}


def said(
    strategy: str,
    fields: dict[str, Any],
    paper: dict[str, Any] = {"makerFeeBps": "0"},  # noqa: B006 - nobody writes to it
    **changes: Any,  # noqa: ANN401 - JSON
) -> tuple[str, ...]:
    symbol = {"venue": "binance", "symbol": "BTCUSDT"}
    markets = [{"name": "btc", "reference": symbol, "execution": symbol}]
    spec = TradingBotSpec.model_validate({"strategy": {strategy: fields | changes}, "markets": markets, "paper": paper})
    return warnings(spec, {"binance": BINANCE})


@pytest.mark.parametrize(
    ("strategy", "fields", "changes", "words"),
    [
        ("marketMaking", MAKING, {"spreadBps": "9.5", "minSpreadBps": "1"}, "the first layer is 9.5 bps"),
        ("marketMaking", MAKING, {"feeBps": "15"}, "spreadBps is 12 and is widened to 15 bps"),
        ("marketMaking", MAKING, {"minSpreadBps": "2", "inventorySkew": {}}, "may bring a layer to 2 bps"),
        ("avellanedaStoikov", AS, {}, "as close as 0 bps (feeBps + edgeBps)"),
        ("glft", GLFT, {"edgeBps": "3"}, "as close as 3 bps"),
        ("grid", GRID, {"levels": 201 - 1}, "a cell is 10.09 bps wide"),
        ("grid", GRID, {"levels": 101, "spacing": "Arithmetic"}, "a cell is 18.18 bps wide"),
    ],
)
def test_a_losing_configuration_is_warned_of(
    strategy: str, fields: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    (line,) = said(strategy, fields, **changes)

    assert line.startswith(f"spec.strategy.{strategy}: ")
    assert words in line
    assert ("feeBps says" in line) == ("feeBps" in changes)


@pytest.mark.parametrize(
    ("strategy", "fields", "changes"),
    [
        ("marketMaking", MAKING, {}),
        ("marketMaking", MAKING, {"spreadBps": "2", "minSpreadBps": "1", "feeBps": "1"}),  # a better rate, written
        ("marketMaking", MAKING, {"spreadBps": "2", "minSpreadBps": "1", "feeBps": "0.5", "edgeBps": "10"}),
        ("avellanedaStoikov", AS, {"feeBps": "10"}),
        ("glft", GLFT, {"edgeBps": "10"}),
        ("grid", GRID, {}),
    ],
)
def test_a_sound_configuration_is_left_in_peace(strategy: str, fields: dict[str, Any], changes: dict[str, Any]) -> None:
    assert said(strategy, fields, **changes) == ()


def test_a_fill_that_costs_more_in_mode_paper_than_the_quotes_reckon_with_is_warned_of() -> None:
    better = {"spreadBps": "2", "minSpreadBps": "1", "feeBps": "1"}

    (line,) = said("marketMaking", MAKING, {}, **better)
    assert line.startswith("spec.paper.makerFeeBps: a fill costs 10 bps in mode Paper, and feeBps reckons with 1: ")
    assert said("marketMaking", MAKING, {"makerFeeBps": "1"}, **better) == ()


def test_every_type_of_venue_has_a_published_fee() -> None:
    assert PUBLISHED_FEE_BPS.keys() == set(VenueType)
    assert all(fee > Decimal(0) for fee in PUBLISHED_FEE_BPS.values())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"edgeBps": "0"}, "edgeBps is 0: a fill that is hedged at the best price earns nothing"),
        ({"makerFeeBps": "0"}, "makerFeeBps is 0, and Binance takes 10 bps a fill, which edgeBps (5) does not pay"),
        ({"takerFeeBps": "0"}, "takerFeeBps is 0, and Binance takes 10 bps a fill, which edgeBps (5) does not pay"),
        ({"hedgeSlippageBps": "50"}, "maxSlippageBps is 50, and hedgeSlippageBps is 50: no hedge is sent"),
        ({}, ""),
        ({"makerFeeBps": "2", "takerFeeBps": "0.5"}, ""),  # better rates, written
    ],
)
def test_a_hedge_that_loses_or_is_never_sent_is_warned_of(changes: dict[str, Any], words: str) -> None:
    where = {
        "reference": {"venue": "there", "symbol": "BTCUSDT"},
        "execution": {"venue": "binance", "symbol": "BTCUSDT"},
    }
    strategy = {"crossExchange": CROSS | changes}
    spec = TradingBotSpec.model_validate({"strategy": strategy, "markets": [{"name": "btc", **where}]})
    lines = warnings(spec, {"binance": BINANCE, "there": BINANCE})

    assert [words in line for line in lines] == ([True] if words else [])
