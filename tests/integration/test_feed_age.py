"""The age of the market data at /metrics while a venue is connected and brings nothing, or nothing but what is old."""

import pytest

from harness.runtime_process import RuntimeProcess
from harness.simulator import Json, SimulatorProcess

FEED = "btcusdt@*"
PAST_A_RECONNECTION_S = 28  # a connection that brings nothing is made again after twenty
FAULTS: dict[str, dict[str, float]] = {"silence": {}, "delay": {"delay_ms": 25_000}}


@pytest.mark.parametrize("kind", FAULTS)
def test_no_new_connection_makes_it_younger(simulator: SimulatorProcess, bot: RuntimeProcess, kind: str) -> None:
    simulator.admin.inject(kind, FEED, seconds=120, **FAULTS[kind])

    def is_old(state: Json) -> bool:
        age_s = bot.metric("tradingbot_feed_age_seconds", market="btc", source="reference")
        assert age_s >= state["markets"]["btc"]["feedAgeSeconds"] - 0.001, "what /metrics says is what /state says"
        return age_s > PAST_A_RECONNECTION_S

    bot.until(is_old, "the data is older than a connection that brings nothing", PAST_A_RECONNECTION_S + 20)
    assert bot.metric("tradingbot_reconnects_total") >= 1
    simulator.admin.clear_faults()
    bot.until(lambda s: s["markets"]["btc"]["feedAgeSeconds"] < 1, "it is fresh again", 40)
    assert bot.metric("tradingbot_feed_age_seconds") < 5
