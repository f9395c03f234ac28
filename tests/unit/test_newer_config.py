"""The newer of mount and journal is started from; where nobody says which it is, the mount."""

import pytest

from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.newer_config import newer


def config(generation: int, spread: str = "10", **changes: object) -> SlotConfig:
    symbol = {"venue": "sim", "symbol": "BTCUSDT"}
    document = {
        "bot": {"namespace": "default", "name": "ada", "uid": "u1"}, "slot": 0, "desiredState": "Running",
        "mode": "Paper", "strategy": {"marketMaking": {"spreadBps": spread, "sizes": ["0.01"]}},
        "markets": [{"name": "btc", "reference": symbol, "execution": symbol}],
        "venues": {"sim": {"environment": "Testnet", "type": "Binance"}}, "risk": {}, "onStop": "CancelAll",
        "generation": generation,
    }  # fmt: skip
    return SlotConfig.model_validate(document | changes)


@pytest.mark.parametrize(
    ("mounted", "kept", "started"),
    [
        (config(3, "10"), config(4, "12"), "12"),  # pushed after the mount was made
        (config(4, "10"), config(3, "12"), "10"),
        (config(4, "10"), config(4, "12"), "10"),
        (config(0, "10"), config(0, "12"), "10"),  # a manifest: the person has just edited it
        (config(3, "10"), config(4, "12", slot=1), "10"),
    ],
    ids=["journal is newer", "mount is newer", "equal", "no generations", "what needs a restart came by mount"],
)
def test_which_is_started_from(mounted: SlotConfig, kept: SlotConfig, started: str) -> None:
    chosen = newer(mounted, kept.document()).strategy.market_making
    assert chosen is not None
    assert str(chosen.spread_bps) == started


@pytest.mark.parametrize("kept", [None, "", "{}", "not JSON", '{"generation": 99, "ofAnotherVersion": 1}'])
def test_what_cannot_be_read_leaves_the_mount(kept: str | None) -> None:
    assert newer(config(1), kept) == config(1)


def test_the_generation_is_no_part_of_what_is_configured() -> None:
    assert config(1).config_hash() == config(2).config_hash()
    assert config(1).document() != config(2).document()
    assert config(1, "11").config_hash() != config(1).config_hash()
