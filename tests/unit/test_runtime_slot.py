"""A slot's configuration while it runs: what is taken between two ticks, what needs a restart, what is refused."""

import asyncio
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from harness.engines import BTC, tick
from harness.slots import SECOND, Wire, config, slot_of
from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.journal import read_decisions
from tradingbot_runtime.model import (
    Cancel,
    Lots,
    Money,
    Nanos,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    Place,
    Replace,
    Side,
    TradingState,
)
from tradingbot_runtime.slot import Slot

NAME = "btc"


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def slot(tmp_path: Path, wire: Wire) -> Iterator[Slot]:
    opened = slot_of(tmp_path / "journal.sqlite3", wire, config())
    yield opened
    opened.journal.close()


def configure(slot: Slot, document: str) -> tuple[str, str]:
    answer = asyncio.run(slot.configure(document))
    return answer.outcome, answer.message


def accept_all(slot: Slot, wire: Wire) -> None:
    for command in wire.sent:
        if isinstance(command, Place):
            slot.markets[NAME].handle(OrderAccepted(time_ns=Nanos(1), order_id=command.order_id, venue_order_id="v"))
    wire.sent.clear()


def prices(wire: Wire) -> list[str]:
    return [BTC.price_text(command.price) for command in wire.sent if isinstance(command, Place | Replace)]


def test_a_new_strategy_and_new_limits_are_taken_between_two_ticks(slot: Slot, wire: Wire, tmp_path: Path) -> None:
    slot.markets[NAME].handle(tick(SECOND))
    assert prices(wire) == ["59940.00", "60060.02"]
    accept_all(slot, wire)

    wider = config(strategy={"marketMaking": {"spreadBps": "20", "sizes": ["0.01"]}})
    assert configure(slot, wider.document()) == ("Applied", "")
    assert wire.sent == [], "nothing happens before the next tick"
    slot.markets[NAME].handle(tick(SECOND + 1))
    assert [type(command) for command in wire.sent] == [Replace, Replace]
    assert prices(wire) == ["59880.00", "60120.02"]
    assert slot.report().config_hash == wider.config_hash()
    assert [len(decision.commands) for decision in read_decisions(tmp_path / "journal.sqlite3")] == [2, 2]


def test_new_rates_are_taken_into_the_running_budget(slot: Slot) -> None:
    venues = config().model_dump(mode="json", by_alias=True)["venues"]
    venues["sim"]["rateLimit"] |= {"ordersPerSecond": "7", "burst": 3}

    assert configure(slot, config(venues=venues).document()) == ("Applied", "")
    budget: Budget = slot.markets[NAME].engine.budget
    assert (budget.per_second, budget.burst) == (Fraction(7), 3)


COLD = [
    ("markets", {"markets": []}),
    ("mode", {"mode": "Paper"}),
    ("slot", {"slot": 3}),
    ("bot", {"bot": {"namespace": "default", "name": "ada", "uid": "u2"}}),
]


@pytest.mark.parametrize(("field", "change"), COLD, ids=[case[0] for case in COLD])
def test_what_cannot_be_replaced_while_running_needs_a_restart_and_changes_nothing(
    slot: Slot, field: str, change: dict[str, Any]
) -> None:
    before = slot.config
    outcome, message = configure(slot, config(**change).document())

    assert (outcome, message) == ("RestartRequired", f"needs a restart: {field}")
    assert slot.config is before


def test_another_address_of_a_venue_needs_a_restart(slot: Slot) -> None:
    venues = config().model_dump(mode="json", by_alias=True)["venues"]
    venues["sim"]["endpoints"]["rest"] = "http://other:1"

    assert configure(slot, config(venues=venues).document()) == ("RestartRequired", "needs a restart: venues")


NONSENSE: list[tuple[str, Callable[[str], str], str]] = [
    ("no JSON", lambda text: text[:-1], "JSON"),
    ("empty", lambda _: "", "JSON"),
    ("an unknown field", lambda text: text.replace('"slot":', '"slott":1,"slot":'), "slott: unknown field"),
    (
        "a wrong value",
        lambda text: text.replace('"spreadBps":"10"', '"spreadBps":"-1"'),
        "marketMaking.spreadBps: '-1'",
    ),
    ("a wrong word", lambda text: text.replace('"Running"', '"Walking"'), "desiredState: 'Walking'"),
]


@pytest.mark.parametrize(("name", "spoil", "expected"), NONSENSE, ids=[case[0] for case in NONSENSE])
def test_nonsense_is_rejected_with_its_path_and_the_old_configuration_goes_on(
    slot: Slot,
    wire: Wire,
    name: str,
    spoil: Callable[[str], str],
    expected: str,
) -> None:
    outcome, message = configure(slot, spoil(config().document()))

    assert outcome == "Rejected", name
    assert expected in message
    slot.markets[NAME].handle(tick(SECOND))
    assert len(wire.sent) == 2


def test_stopped_by_configuration_withdraws_and_running_again_quotes(slot: Slot, wire: Wire) -> None:
    slot.markets[NAME].handle(tick(SECOND))
    accept_all(slot, wire)

    configure(slot, config(desiredState="Stopped").document())
    assert [type(command) for command in wire.sent] == [Cancel, Cancel]
    assert slot.report().state is TradingState.STOPPED
    configure(slot, config().document())
    assert slot.report().state is TradingState.ACTIVE


def test_on_stop_leave_keeps_the_orders_of_a_stopped_bot(slot: Slot, wire: Wire) -> None:
    slot.markets[NAME].handle(tick(SECOND))
    accept_all(slot, wire)

    configure(slot, config(desiredState="Stopped", onStop="Leave").document())
    slot.markets[NAME].handle(tick(SECOND + 1))
    assert wire.sent == []


def test_a_drain_withdraws_holds_and_is_not_undone_by_a_configuration(slot: Slot, wire: Wire) -> None:
    slot.markets[NAME].handle(tick(SECOND))
    accept_all(slot, wire)

    asyncio.run(slot.drain("moves to another slot", flatten=False))
    assert [type(command) for command in wire.sent] == [Cancel, Cancel]
    assert slot.report().state is TradingState.STOPPED, "drained is said only when the venue has confirmed it"
    for command in wire.sent:
        slot.markets[NAME].handle(OrderCanceled(time_ns=Nanos(SECOND), order_id=command.order_id))
    assert (slot.report().state, slot.report().message) == (TradingState.DRAINED, "moves to another slot")
    configure(slot, config(desiredState="Running", onStop="Leave").document())
    assert slot.report().state is TradingState.DRAINED


def hold(slot: Slot, lots: int) -> None:
    market = slot.markets[NAME].engine.market
    market.position.lots, market.position.cost = Lots(lots), Money(lots * 6_000_001 * BTC.tick_lot)


def answer_cancels(slot: Slot, wire: Wire) -> list[Place]:
    """Confirm every cancel; the orders that are sent because of it."""
    cancels = [command for command in wire.sent if isinstance(command, Cancel)]
    wire.sent.clear()
    for command in cancels:
        slot.markets[NAME].handle(OrderCanceled(time_ns=Nanos(SECOND), order_id=command.order_id))
    return [command for command in wire.sent if isinstance(command, Place)]


def fill(slot: Slot, order: Place) -> None:
    slot.markets[NAME].handle(OrderFilled(
        time_ns=Nanos(SECOND), order_id=order.order_id, trade_id="closing", side=order.side, price=order.price,
        quantity=order.quantity, fee=0, fee_asset="USDT"))  # fmt: skip


def test_a_drain_that_flattens_is_reducing_until_the_position_is_closed_and_drained_then(
    slot: Slot, wire: Wire
) -> None:
    slot.markets[NAME].handle(tick(SECOND))
    accept_all(slot, wire)
    hold(slot, 1_000)

    asyncio.run(slot.drain("the TradingBot is being deleted", flatten=True))
    assert slot.report().state is TradingState.REDUCING
    (closing,) = answer_cancels(slot, wire)
    assert (closing.side, closing.quantity, closing.post_only) == (Side.SELL, 1_000, False)
    assert slot.report().state is TradingState.REDUCING

    fill(slot, closing)
    assert (slot.report().state, slot.report().markets[0].open_orders) == (TradingState.DRAINED, 0)
    slot.markets[NAME].handle(tick(2 * SECOND))
    assert answer_cancels(slot, wire) == [], "and it stays flat"


def test_a_stop_with_that_policy_closes_the_position_and_a_stop_without_it_keeps_it(slot: Slot, wire: Wire) -> None:
    slot.markets[NAME].handle(tick(SECOND))
    accept_all(slot, wire)
    hold(slot, -1_000)

    configure(slot, config(desiredState="Stopped").document())
    assert answer_cancels(slot, wire) == []
    configure(slot, config(desiredState="Stopped", onStop="Flatten").document())
    slot.markets[NAME].handle(tick(SECOND + 1))
    (closing,) = [command for command in wire.sent if isinstance(command, Place)]
    assert (closing.side, closing.quantity) == (Side.BUY, 1_000)

    slot.update(terminating=True)
    assert answer_cancels(slot, wire) == []
    assert [type(command) for command in wire.sent] in ([], [Cancel]), "the end of a process never sells"


def test_a_position_that_cannot_be_closed_does_not_keep_a_slot_from_being_drained(slot: Slot, wire: Wire) -> None:
    slot.markets[NAME].handle(tick(SECOND))
    accept_all(slot, wire)
    hold(slot, 1)  # less than the venue takes
    asyncio.run(slot.drain("the TradingBot is being deleted", flatten=True))
    answer_cancels(slot, wire)
    slot.markets[NAME].handle(tick(SECOND + 1))

    assert slot.report().state is TradingState.DRAINED


def test_a_breach_halts_within_the_tick_and_a_restart_begins_halted(slot: Slot, wire: Wire, tmp_path: Path) -> None:
    market = slot.markets[NAME]
    market.handle(tick(SECOND))
    buy = next(c for c in wire.sent if isinstance(c, Place) and c.side is Side.BUY)
    accept_all(slot, wire)
    market.handle(OrderFilled(time_ns=Nanos(SECOND), order_id=buy.order_id, trade_id="t", side=Side.BUY,
                              price=buy.price, quantity=buy.quantity, fee=0, fee_asset="BTC"))  # fmt: skip
    wire.sent.clear()

    market.handle(tick(SECOND + 1, 4_900_000, 4_900_002))  # 0.01 BTC lose more than 100
    assert {type(command) for command in wire.sent} == {Cancel}
    assert slot.report().state is TradingState.HALTED
    halts = slot.report().halts
    assert [halt.reason for halt in halts] == ["RiskBreachMaxLoss"]
    slot.journal.close()

    again = slot_of(tmp_path / "journal.sqlite3", wire, config())
    wire.sent.clear()
    assert (again.report().state, again.report().halts) == (TradingState.HALTED, halts)
    again.markets[NAME].handle(tick(2 * SECOND))
    assert wire.sent == []


def test_a_halt_by_configuration_holds_for_a_fresh_journal(tmp_path: Path, wire: Wire) -> None:
    halted = slot_of(tmp_path / "fresh.sqlite3", wire, config(halts=[{"id": "h1", "reason": "Manual"}]))
    halted.markets[NAME].handle(tick(SECOND))

    assert halted.report().state is TradingState.HALTED
    assert wire.sent == []
    halted.journal.close()


def test_the_leaders_term_survives(slot: Slot) -> None:
    slot.term = 7

    assert slot.term == 7
    assert slot.journal.meta("term") == "7"


def test_terms_come_from_the_configuration_exactly(slot: Slot) -> None:
    limits = slot.markets[NAME].engine.market.terms.limits

    assert BTC.quantity_text(limits.max_position or 0) == "1.00000"
    assert Decimal(BTC.money_text(limits.max_daily_loss or 0)) == 100
    assert limits.max_distance == (1, 20)
