"""Whether a TradingHalt holds in every slot of a bot, read from the status as it is stored; and what its own says."""

from typing import Any

import pytest

from harness.spoken import assert_in_vocabulary
from tradingbot_operator.api.v1alpha1 import (
    Condition,
    HaltStatus,
    LabelSelector,
    ObjectMeta,
    SlotStatus,
    TradingBotStatus,
    TradingHaltStatus,
)
from tradingbot_operator.api.v1alpha1.tradingbot import REMOVED
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.core.trading_halts import HaltedBot, Selection, holds_everywhere, trading_halt_status

UID = "0c1d"


def halt(slot: int, uid: str = UID, *, confirmed: bool = True) -> HaltStatus:
    return HaltStatus(id=f"h{slot}", slot=slot, reason="TradingHalt", at="2026-11-29T12:00:00Z", confirmed=confirmed,
                      tradingHalt="all", tradingHaltUID=uid)  # fmt: skip


def slot(ordinal: int, *, pod: bool = True, **known: Any) -> SlotStatus:  # noqa: ANN401 - fields of the status
    return SlotStatus(ordinal=ordinal, pod=f"bot-{ordinal}" if pod else "", **known)


def stored(*halts: HaltStatus, slots: tuple[SlotStatus, ...] = (slot(0), slot(1))) -> dict[str, Any]:
    status = TradingBotStatus(replicas=sum(1 for one in slots if one.pod), slots=slots, halts=halts)
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
    assert holds_everywhere(stored(halt(0), slots=(slot(0), slot(1, pod=False, state=REMOVED))), UID)
    assert holds_everywhere(stored(slots=()), UID)


def test_a_slot_that_goes_on_while_another_ones_pod_is_ending_is_waited_for() -> None:
    """Fewer pods than slots say nothing of which of them trade."""
    ending = stored(halt(0), halt(1, confirmed=False)) | {"replicas": 1}
    assert not holds_everywhere(ending, UID)
    without_pod = slot(1, pod=False, markets=("ada",))
    assert not holds_everywhere(stored(halt(0), halt(1, confirmed=False), slots=(slot(0), without_pod)), UID)
    assert not holds_everywhere(stored(halt(0), slots=(slot(0), slot(1, state=REMOVED))), UID)


@pytest.mark.parametrize("status", [{"slots": [{}], "replicas": 1}, {"halts": 3}, {"halts": ["h"]}, {"slots": 1}])
def test_what_cannot_be_read_proves_nothing(status: dict[str, Any]) -> None:
    assert not holds_everywhere(status, UID)


METADATA = ObjectMeta.model_validate({"name": "stop", "namespace": "n", "uid": UID, "generation": 1})
DESK = LabelSelector.model_validate({
    "matchLabels": {"venue": "deltadefi", "desk": "a"},
    "matchExpressions": [{"key": "tier", "operator": "In", "values": ["1", "2"]},
                         {"key": "owner", "operator": "DoesNotExist"}],
})  # fmt: skip


def told(selection: Selection, before: Manifest | None = None) -> tuple[Manifest, dict[str, Condition]]:
    written = trading_halt_status(METADATA, before or {}, selection, "2026-11-29T12:00:00Z")
    assert written
    conditions = TradingHaltStatus.model_validate(written).conditions
    assert_in_vocabulary("TradingHalt", conditions)
    return written, {condition.type: condition for condition in conditions}


def test_one_that_selects_nobody_does_not_say_that_all_are_halted() -> None:
    written, found = told(Selection(DESK, (), of=3))

    assert (found["Ready"].status, found["Ready"].reason) == ("False", "NoBotsSelected")
    assert found["Ready"].message == (
        "nobody is halted: it selects none of the bots of this namespace (3); one that comes later is. "
        "spec.selector: desk=a,venue=deltadefi,tier in (1,2),!owner"
    )
    assert (found["Reconciling"].status, found["Reconciling"].reason) == ("False", "NoBotsSelected")
    assert (written["bots"], written["halted"]) == (0, 0)
    assert trading_halt_status(METADATA, written, Selection(DESK, (), of=3), "2026-11-29T12:00:01Z") is None


def test_one_that_selects_every_bot_of_an_empty_namespace_says_that_there_is_none() -> None:
    _, found = told(Selection(LabelSelector(), (), of=0))

    assert found["Ready"].message == (
        "nobody is halted: there is no bot in this namespace; one that comes later is. spec.selector: every bot"
    )


def test_one_that_has_found_its_bots_holds_when_all_have_confirmed() -> None:
    written, _ = told(Selection(DESK, (), of=1))
    written, found = told(Selection(DESK, (HaltedBot("late", is_halted=False),), of=2), written)
    assert (found["Ready"].status, found["Ready"].reason) == ("False", "AwaitingSlots")
    _, found = told(Selection(DESK, (HaltedBot("late", is_halted=True),), of=2), written)
    assert (found["Ready"].status, found["Ready"].reason) == ("True", "HaltsHold")
