"""What a slot may do: every pair of circumstances has one answer, and the stronger one gives it."""

from itertools import combinations

import pytest

from tradingbot_runtime.config import DesiredState
from tradingbot_runtime.core.standing import READY, RULES, Circumstances, standing
from tradingbot_runtime.model import TradingState

S = TradingState
# Strongest first: with several at once, the first one decides.
ORDER: list[tuple[str, dict[str, object], TradingState]] = [
    ("fenced", {"fenced": "the Lease is held by another pod"}, S.FENCED),
    ("terminating", {"terminating": True}, S.STOPPED),
    ("halted", {"halts": ("RiskBreachMaxLoss",)}, S.HALTED),
    ("starting", {"barrier_passed": False}, S.STARTING),
    ("drained", {"drained": "moves"}, S.DRAINED),
    ("stopped", {"desired": DesiredState.STOPPED}, S.STOPPED),
    ("locked", {"locked": "venue sim: maintenance"}, S.VENUE_LOCKED),
    ("reconciling", {"doubts": "venue sim: closed"}, S.RECONCILING),
    ("reduced", {"reductions": ("RiskBreachMaxLoss",)}, S.REDUCING),
    ("paused", {"desired": DesiredState.PAUSED}, S.REDUCING),
    ("idle", {"has_markets": False}, S.ACTIVE),
]


def circumstances(*changes: dict[str, object]) -> Circumstances:
    values: dict[str, object] = {"desired": DesiredState.RUNNING, "has_markets": True, "barrier_passed": True}
    for change in reversed(changes):  # the stronger one wins where both say something of one field
        values |= change
    return Circumstances(**values)  # type: ignore[arg-type]  # a table of keyword arguments


def test_nothing_special_is_trading() -> None:
    assert standing(circumstances()).state is S.ACTIVE


@pytest.mark.parametrize(("name", "change", "state"), ORDER, ids=[row[0] for row in ORDER])
def test_one_circumstance_has_its_state(name: str, change: dict[str, object], state: TradingState) -> None:
    assert standing(circumstances(change)).state is state, name


@pytest.mark.parametrize(("strong", "weak"), list(combinations(ORDER, 2)), ids=lambda row: row[0])
def test_of_two_circumstances_the_stronger_one_decides(
    strong: tuple[str, dict[str, object], TradingState], weak: tuple[str, dict[str, object], TradingState]
) -> None:
    assert standing(circumstances(strong[1], weak[1])).state is strong[2]


def test_every_rule_is_in_the_table() -> None:
    assert [rule.__name__ for rule in RULES] == [row[0] for row in ORDER]


def test_halted_locked_reconciling_starting_and_fenced_are_not_ready() -> None:
    assert set(TradingState) - READY == {S.STARTING, S.RECONCILING, S.HALTED, S.FENCED, S.VENUE_LOCKED}


def test_a_position_is_closed_while_halted_by_that_policy_and_never_because_the_process_ends() -> None:
    halted: dict[str, object] = {"halts": ("RiskBreachMaxLoss",), "flatten": True}

    assert standing(circumstances(halted)).flatten
    assert not standing(circumstances({"terminating": True}, halted)).flatten
    assert not standing(circumstances({"fenced": "gone"}, halted)).flatten
    assert not standing(circumstances({"flatten": True})).flatten


def test_a_stop_by_command_closes_the_position_where_that_is_its_policy_and_nothing_else_does() -> None:
    stopped: dict[str, object] = {"desired": DesiredState.STOPPED, "closes_stopped": True}
    drained: dict[str, object] = {"drained": "deleted", "closes_drained": True}

    assert (standing(circumstances(stopped)).state, standing(circumstances(stopped)).flatten) == (S.STOPPED, True)
    assert (standing(circumstances(drained)).state, standing(circumstances(drained)).flatten) == (S.DRAINED, True)
    assert not standing(circumstances({"drained": "moves", "closes_stopped": True})).flatten
    assert not standing(circumstances({"closes_stopped": True})).flatten
    others: list[dict[str, object]] = [
        {"terminating": True}, {"fenced": "gone"}, {"halts": ("ManualHalt",)}, {"barrier_passed": False},
    ]  # fmt: skip
    for stronger in others:
        assert not standing(circumstances(stronger, stopped)).flatten
        assert not standing(circumstances(stronger, drained)).flatten


def test_what_stops_says_which_venue_lets_nothing_be_withdrawn_and_what_trades_or_has_ended_does_not() -> None:
    one: dict[str, object] = {"some_locked": "venue sim: maintenance"}
    every = one | {"locked": "venue sim: maintenance"}
    says = {name for name, change, _ in ORDER if "withdrawn" in standing(circumstances(change, one)).message}

    assert says == {"terminating", "halted", "drained", "stopped"}
    message = "until a person resumes; nothing is withdrawn while it is locked: venue sim: maintenance"
    assert standing(circumstances({"halts": ("ManualHalt",)}, every)).message == message
    assert standing(circumstances(every)).message == "venue sim: maintenance"


def test_the_oldest_halt_gives_the_reason() -> None:
    assert standing(circumstances({"halts": ("First", "Second")})).reason == "First"


@pytest.mark.parametrize("name", [row[0] for row in ORDER])
def test_without_market_data_a_slot_may_do_what_it_might_before_and_is_not_ready_where_it_would_trade(
    name: str,
) -> None:
    change = {row[0]: row[1] for row in ORDER}[name]
    seeing, blind = standing(circumstances(change)), standing(circumstances(change, {"blind": "no market data of btc"}))

    assert blind.state is seeing.state
    if seeing.state in {S.ACTIVE, S.REDUCING}:
        assert (blind.reason, blind.message, blind.is_ready) == ("FeedStale", "no market data of btc", False)
    else:
        assert blind == seeing


def test_what_nobody_wants_is_trouble_and_what_leads_to_trading_is_not() -> None:
    trouble = {name for name, change, _ in ORDER if standing(circumstances(change)).is_trouble}

    assert trouble == {"fenced", "halted", "locked"}
    assert standing(circumstances({"blind": "no data of market btc"})).is_trouble
