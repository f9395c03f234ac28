"""Slot configurations say which is newer, and which process was last."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import cast

from tradingbot_operator.core.observed import Pod
from tradingbot_operator.core.record import Document, record
from tradingbot_operator.core.slots import numbered
from tradingbot_runtime.config import SlotConfig


def config(spread: str = "10") -> SlotConfig:
    symbol = {"venue": "sim", "symbol": "BTCUSDT"}
    return SlotConfig.model_validate({
        "bot": {"namespace": "default", "name": "ada", "uid": "u1"}, "slot": 0, "desiredState": "Running",
        "mode": "Paper", "strategy": {"marketMaking": {"spreadBps": spread, "sizes": ["0.01"]}},
        "markets": [{"name": "btc", "reference": symbol, "execution": symbol}],
        "venues": {"sim": {"environment": "Testnet", "type": "Binance"}}, "risk": {}, "onStop": "CancelAll",
    })  # fmt: skip


def pods(epoch: int) -> Sequence[Pod]:
    stream = SimpleNamespace(report=SimpleNamespace(epoch=epoch))
    return [cast("Pod", SimpleNamespace(ordinal=0, stream=stream))]


def stored(slots: Mapping[int, SlotConfig]) -> Mapping[int, Document]:
    """As a ConfigMap brings them back."""
    return record({"data": {f"slot-{slot}.json": config.document() for slot, config in slots.items()}}).documents


def test_a_generation_rises_with_a_change_and_only_with_one() -> None:
    first = numbered({0: config()}, {}, [])
    same = numbered({0: config()}, stored(first), [])
    changed = numbered({0: config("11")}, stored(same), [])

    assert [slots[0].generation for slots in (first, same, changed)] == [1, 1, 2]
    assert same == first, "nothing to write"


def test_the_epoch_is_the_highest_seen_and_never_falls() -> None:
    first = numbered({0: config()}, {}, pods(3))
    later = numbered({0: config()}, stored(first), pods(4))
    gone = numbered({0: config()}, stored(later), [])

    assert [slots[0].epoch for slots in (first, later, gone)] == [3, 4, 4]
    assert {slots[0].generation for slots in (first, later, gone)} == {1}, "a restart configures nothing"
