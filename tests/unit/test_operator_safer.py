"""A former spec that runs again takes neither a stop back nor a limit that was tightened since."""

from itertools import product

import pytest

from harness.bot_model import spec
from harness.limit_pairs import LIMIT_PAIRS
from tradingbot_operator.core.safer import LIMITS, POLICIES, safer
from tradingbot_runtime.config import Risk, TradingBotSpec
from tradingbot_runtime.config.limit_widths import WIDTHS

STATES = ("Stopped", "Paused", "Running")  # the least first


def limited(name: str, value: object) -> TradingBotSpec:
    return spec(risk={} if value is None else {name: value})


@pytest.mark.parametrize(("running", "wanted"), list(product(STATES, STATES)))
def test_the_state_that_trades_less_holds(running: str, wanted: str) -> None:
    less = min(running, wanted, key=STATES.index)

    assert safer(spec(desiredState=running), spec(desiredState=wanted)) == spec(desiredState=less)


@pytest.mark.parametrize(("name", "strict", "wide"), LIMIT_PAIRS)
def test_of_two_limits_the_tighter_one_holds(name: str, strict: object, wide: object) -> None:
    assert safer(limited(name, wide), limited(name, strict)) == limited(name, strict)
    assert safer(limited(name, strict), limited(name, wide)) == limited(name, strict)


def test_every_limit_is_compared_and_has_a_pair() -> None:
    assert {Risk.model_fields[name].alias for name in LIMITS} == {name for name, _, _ in LIMIT_PAIRS}
    assert set(WIDTHS) > POLICIES


@pytest.mark.parametrize(("name", "one", "another"), [
    ("onBreach", "CancelAll", "Flatten"), ("ownUnknown", "Adopt", "Cancel"), ("foreignOrders", "Count", "Halt"),
])  # fmt: skip
def test_how_something_is_done_stays_as_it_runs(name: str, one: str, another: str) -> None:
    assert safer(limited(name, one), limited(name, another)) == limited(name, one)
    assert safer(limited(name, another), limited(name, one)) == limited(name, another)


def test_each_limit_is_taken_for_itself_and_nothing_else_is() -> None:
    running = spec(risk={"maxPosition": "1", "maxOrder": "2"}, replicas=2)
    wanted = spec(("ETHUSDT",), risk={"maxPosition": "3", "maxOrder": "1", "maxSkew": "1"}, replicas=3,
                  pod={"image": "runtime:2"}, onStop="Flatten", desiredState="Paused")  # fmt: skip

    assert safer(running, wanted) == spec(risk={"maxPosition": "1", "maxOrder": "1", "maxSkew": "1"}, replicas=2,
                                          desiredState="Paused")  # fmt: skip


def test_what_it_gives_is_a_spec_that_can_be_written_and_read() -> None:
    """It becomes the accepted spec, which the next operator reads."""
    found = safer(spec(), spec(desiredState="Stopped", risk={"maxPosition": "1", "minInterval": "5ms"}))

    assert TradingBotSpec.model_validate(found.model_dump(mode="json", by_alias=True, exclude_none=True)) == found
