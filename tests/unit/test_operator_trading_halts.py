"""Whether a TradingHalt holds in every slot of a bot, read from the status as it is stored."""

from typing import Any

import pytest

from tradingbot_operator.api.v1alpha1 import HaltStatus, SlotStatus, TradingBotStatus
from tradingbot_operator.core.trading_halts import holds_everywhere

UID = "0c1d"


def halt(slot: int, uid: str = UID, *, confirmed: bool = True) -> HaltStatus:
    return HaltStatus(id=f"h{slot}", slot=slot, reason="TradingHalt", at="2026-11-29T12:00:00Z", confirmed=confirmed,
                      tradingHalt="all", tradingHaltUID=uid)  # fmt: skip


def stored(*halts: HaltStatus, slots: int = 2, replicas: int = 2) -> dict[str, Any]:
    told = tuple(SlotStatus(ordinal=number) for number in range(slots))
    status = TradingBotStatus(replicas=replicas, slots=told, halts=halts)
    written: dict[str, Any] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return written


def test_a_halt_that_every_slot_has_confirmed_holds() -> None:
    assert holds_everywhere(stored(halt(0), halt(1)), UID)
    assert not holds_everywhere(stored(halt(0)), UID)


def test_a_halt_that_a_runtime_has_not_confirmed_does_not_hold() -> None:
    assert not holds_everywhere(stored(halt(0), halt(1, confirmed=False)), UID)


def test_the_halt_of_another_trading_halt_does_not_count() -> None:
    assert not holds_everywhere(stored(halt(0), halt(1, uid="another")), UID)


def test_slots_that_are_no_more_are_not_waited_for() -> None:
    assert holds_everywhere(stored(halt(0), replicas=1), UID)
    assert holds_everywhere(stored(slots=0, replicas=0), UID)


@pytest.mark.parametrize("status", [{"slots": [{}], "replicas": 1}, {"halts": 3}, {"halts": ["h"]}, {"slots": 1}])
def test_what_cannot_be_read_proves_nothing(status: dict[str, Any]) -> None:
    assert not holds_everywhere(status, UID)
