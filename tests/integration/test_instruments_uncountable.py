"""Symbols in which money or quantities could not be counted exactly are refused before anything is traded."""

import asyncio
import json

import pytest

from harness.binance_rest import saying
from tradingbot_runtime.config import VenueSpec
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.model import Instrument, Nanos
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.venues.link import VenueLink

EXACT = ("0.00000001", "0.0001")


def told(tick: str, lot: str) -> str:
    """What the venue says of its only symbol."""
    filters = [{"filterType": "PRICE_FILTER", "tickSize": tick},
               {"filterType": "LOT_SIZE", "stepSize": lot, "minQty": lot, "maxQty": "9000"}]  # fmt: skip
    symbol = {"symbol": "XYBTC", "status": "TRADING", "baseAsset": "XY", "quoteAsset": "BTC", "filters": filters}
    return json.dumps({"symbols": [symbol], "rateLimits": []})


def asked(tick: str, lot: str) -> Instrument:
    async def ask() -> Instrument:
        async with saying(200, told(tick, lot)) as port:
            endpoints = {
                "rest": f"http://127.0.0.1:{port}",
                "stream": "ws://127.0.0.1:1",
                "websocketApi": "ws://127.0.0.1:1",
            }
            spec = VenueSpec.model_validate({"environment": "Simulated", "type": "Binance", "endpoints": endpoints})
            link = VenueLink("v", spec, lambda: Nanos(1), None, KnownSecrets())
            try:
                return await link.instrument("XYBTC")
            finally:
                await link.close()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("tick", "lot", "why"),
    [
        ("0.00000001", "0.00001", "would not fit the journal"),
        ("0.00000001", "0.00000001", "would not fit the journal"),
        ("0.01", "0.000000001", "finer than 1e-8, in which balances are counted"),
    ],
)
def test_a_symbol_that_is_too_fine_is_refused_with_its_tick_and_lot(tick: str, lot: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        asked(tick, lot)

    assert "Venue v: XYBTC" in str(refused.value)
    assert lot in str(refused.value)


def test_the_finest_symbol_that_is_taken_keeps_millions_within_the_journal() -> None:
    instrument = asked(*EXACT)

    assert instrument.uncountable == ""
    assert instrument.money("9000000") < 2**63
