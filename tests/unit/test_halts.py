"""Halts of a slot: latched, held over restarts, released by name and by nothing else; and what they do at once."""

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness.engines import BTC, tick
from harness.slots import SECOND, Wire, answer_all, config, slot_of
from tradingbot_runtime.core.breaches import Breach, BreachReason
from tradingbot_runtime.halt_file import HaltFile
from tradingbot_runtime.model import Cancel, Lots, Money, Nanos, OrderCanceled, Place, Side, TradingState, VenueLocked
from tradingbot_runtime.model.control import MANUAL_HALT, HaltAnswered, HaltTrading
from tradingbot_runtime.slot import Slot

LOSS = Breach(BreachReason.MAX_LOSS, "120 USDT", "100 USDT")
DRAWDOWN = Breach(BreachReason.MAX_DRAWDOWN, "9 USDT", "8 USDT")


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def slot(tmp_path: Path, wire: Wire) -> Iterator[Slot]:
    """Quoting: two orders are in the market."""
    opened = slot_of(tmp_path / "journal.sqlite3", wire, config())
    opened.markets["btc"].handle(tick(SECOND))
    answer_all(opened, wire)
    yield opened
    opened.journal.close()


def ticked(slot: Slot, wire: Wire, now_ns: int = SECOND) -> list[type]:
    slot.markets["btc"].handle(tick(now_ns))
    return wire.kinds()


def halting(by: str, message: str = "", *, flatten: bool = False, halt_id: str = "") -> HaltTrading:
    return HaltTrading(term=1, by=by, message=message, flatten=flatten, id=halt_id)


def resume(slot: Slot, halt_id: str, by: str = "ann") -> HaltAnswered:
    return asyncio.run(slot.resume(halt_id, by))


def test_a_person_stops_it_within_the_same_call(slot: Slot, wire: Wire) -> None:
    answer = asyncio.run(slot.halt(halting("ann", "looks wrong")))

    assert wire.kinds() == [Cancel, Cancel], "sent before the answer is given"
    assert answer.done
    report = slot.report()
    assert (report.state, report.reason) == (TradingState.HALTED, MANUAL_HALT)
    assert [(h.id, h.by, h.message, h.policy) for h in report.halts] == [
        (answer.halt_id, "ann", "looks wrong", "CancelAll")
    ]
    answer_all(slot, wire)
    assert ticked(slot, wire) == []


def test_a_resume_names_the_halt_and_releases_that_one_only(slot: Slot, wire: Wire) -> None:
    slot.breached("btc", LOSS)
    by_hand = asyncio.run(slot.halt(halting("ann", ""))).halt_id
    answer_all(slot, wire)
    first = slot.report().halts[0].id

    wrong = resume(slot, "ada-0-ffff")
    assert (wrong.done, wrong.halts) == (False, (first, by_hand))
    assert slot.report().state is TradingState.HALTED
    assert resume(slot, first).halts == (by_hand,)
    assert (slot.report().state, slot.report().reason) == (TradingState.HALTED, MANUAL_HALT)
    assert ticked(slot, wire) == []
    assert resume(slot, by_hand).halts == ()
    assert slot.report().state is TradingState.ACTIVE
    assert Place in ticked(slot, wire)


def test_an_old_approval_never_releases_a_new_halt_of_the_same_kind(slot: Slot) -> None:
    slot.breached("btc", LOSS)
    old = slot.report().halts[0].id
    resume(slot, old)
    slot.breached("btc", LOSS)

    assert not resume(slot, old).done
    assert slot.report().state is TradingState.HALTED
    assert slot.report().halts[0].id != old


def test_a_halt_survives_a_restart_and_a_released_one_stays_in_the_audit_trail(tmp_path: Path, wire: Wire) -> None:
    slot = slot_of(tmp_path / "journal.sqlite3", wire, config())
    slot.breached("btc", LOSS)
    slot.breached("btc", DRAWDOWN)
    held, released = slot.report().halts
    resume(slot, released.id, "ann")
    slot.journal.close()

    again = slot_of(tmp_path / "journal.sqlite3", wire, config())
    assert again.report().halts == (held,)
    assert again.report().state is TradingState.HALTED
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as database:
        rows = database.execute(
            "SELECT id, value, broken_limit, resumed_by, resumed_ns > 0 FROM latches ORDER BY id"
        ).fetchall()
        kinds = [kind for (kind,) in database.execute("SELECT kind FROM events WHERE kind IN ('Halted', 'Resumed')")]
    assert sorted(rows) == sorted([
        (held.id, "120 USDT", "100 USDT", None, None), (released.id, "9 USDT", "8 USDT", "ann", 1)
    ])  # fmt: skip
    assert kinds == ["Halted", "Halted", "Resumed"]
    again.journal.close()


def test_a_breach_that_lasts_is_one_halt_and_another_markets_is_another(tmp_path: Path, wire: Wire) -> None:
    slot = slot_of(tmp_path / "journal.sqlite3", wire, config("btc", "two"))
    for market in ("btc", "btc", "two", "btc"):
        slot.breached(market, LOSS)

    assert [(halt.market, halt.reason) for halt in slot.report().halts] == [
        ("btc", "RiskBreachMaxLoss"), ("two", "RiskBreachMaxLoss")
    ]  # fmt: skip
    slot.journal.close()


def test_a_configuration_carries_halts_for_a_fresh_volume_and_their_release(tmp_path: Path, wire: Wire) -> None:
    latch = {"id": "h1", "reason": "RiskBreachMaxLoss"}
    slot = slot_of(tmp_path / "fresh.sqlite3", wire, config(halts=[latch]))
    assert slot.report().state is TradingState.HALTED

    asyncio.run(slot.configure(config().document()))
    assert slot.report().state is TradingState.HALTED, "to be left out is not to be released"
    asyncio.run(slot.configure(config(halts=[latch], resumed=[{"id": "h0", "by": "ann"}]).document()))
    assert slot.report().state is TradingState.HALTED, "another one's release"
    asyncio.run(slot.configure(config(halts=[latch], resumed=[{"id": "h1", "by": "ann"}]).document()))
    assert slot.report().state is TradingState.ACTIVE
    slot.journal.close()

    again = slot_of(tmp_path / "fresh.sqlite3", wire, config(halts=[latch]))
    assert again.report().state is TradingState.ACTIVE, "a released halt is not latched anew by a stale configuration"
    again.journal.close()


POLICIES: list[tuple[str, TradingState, bool]] = [
    ("CancelAll", TradingState.HALTED, False),
    ("Flatten", TradingState.HALTED, True),
    ("ReduceOnly", TradingState.REDUCING, False),
]


@pytest.mark.parametrize(("policy", "state", "flattens"), POLICIES, ids=[p[0] for p in POLICIES])
def test_the_policy_of_a_breach_holds_over_a_restart(
    tmp_path: Path, wire: Wire, policy: str, state: TradingState, *, flattens: bool
) -> None:
    risk: dict[str, Any] = {"maxPosition": "1", "maxOrder": "1", "maxOpenOrders": 10, "maxDailyLoss": "100",
                            "maxDistanceBps": "500", "onBreach": policy}  # fmt: skip
    slot = slot_of(tmp_path / "journal.sqlite3", wire, config(risk=risk))
    slot.breached("btc", LOSS)
    assert (slot.standing.state, slot.standing.flatten) == (state, flattens)
    assert (slot.markets["btc"].engine.market.flattening is not None) == flattens
    slot.journal.close()

    again = slot_of(tmp_path / "journal.sqlite3", wire, config())
    assert (again.standing.state, again.standing.flatten, again.report().halts[0].policy) == (state, flattens, policy)
    assert (again.markets["btc"].engine.market.flattening is not None) == flattens, "and its markets have heard of it"
    again.journal.close()


def test_a_fresh_pod_closes_the_position_where_its_configuration_says_so(tmp_path: Path, wire: Wire) -> None:
    latch = {"id": "h1", "reason": "GlobalHalt", "policy": "Flatten"}
    fresh = slot_of(tmp_path / "journal.sqlite3", wire, config(halts=[latch]))

    assert fresh.markets["btc"].engine.market.flattening is not None
    fresh.journal.close()


def test_before_the_barrier_nothing_is_closed_and_after_it_what_was_ordered_meanwhile_is(slot: Slot) -> None:
    slot.update(barrier_passed=False, waiting_for="the feeds of market btc")
    asyncio.run(slot.halt(halting("ann", "out", flatten=True)))
    assert slot.markets["btc"].engine.market.flattening is None, "its position is not known yet"
    assert slot.report().message.endswith("the start waits for the feeds of market btc")

    slot.update(barrier_passed=True)
    assert slot.markets["btc"].engine.market.flattening is not None
    assert slot.report().message == "until a person resumes"


def test_after_a_restart_a_market_knows_that_a_person_has_halted_it(tmp_path: Path, wire: Wire) -> None:
    slot = slot_of(tmp_path / "journal.sqlite3", wire, config())
    slot.halted_by_hand("ann", "out")
    slot.journal.close()

    again = slot_of(tmp_path / "journal.sqlite3", wire, config())
    assert again.markets["btc"].engine.market.killed
    again.journal.close()


RISK: dict[str, Any] = {"maxPosition": "1", "maxOrder": "1", "maxOpenOrders": 10, "maxDailyLoss": "100",
                        "maxDistanceBps": "500", "maxRejectsPerMinute": 1}  # fmt: skip
STRICTER = [("ReduceOnly", "CancelAll"), ("ReduceOnly", "Flatten")]
NOT_STRICTER = [("ReduceOnly", "ReduceOnly"), ("CancelAll", "ReduceOnly"), ("CancelAll", "Flatten"),
                ("Flatten", "CancelAll"), ("Flatten", "ReduceOnly")]  # fmt: skip


def breached_and_changed(slot: Slot, wire: Wire, policies: tuple[str, str]) -> list[tuple[str, str, str]]:
    """A limit stays broken while `onBreach` changes: ids, reasons and policies of the halts that hold then."""
    before, after = policies
    asyncio.run(slot.configure(config(risk=RISK | {"onBreach": before}).document()))
    rejects = slot.markets["btc"].engine.market.meters.rejects
    for _ in range(5):
        rejects.add(Nanos(SECOND))
    ticked(slot, wire)
    assert len(slot.report().halts) == 1
    asyncio.run(slot.configure(config(risk=RISK | {"onBreach": after}).document()))
    for second in range(1, 4):
        ticked(slot, wire, second * SECOND)
        assert slot.markets["btc"].engine.market.state is slot.standing.state, "they never disagree"
    return [(halt.id, halt.reason, halt.policy) for halt in slot.report().halts]


@pytest.mark.parametrize("policies", STRICTER, ids="-".join)
def test_a_stricter_policy_takes_effect_while_a_milder_halt_holds_as_a_halt_of_its_own(
    slot: Slot, wire: Wire, policies: tuple[str, str]
) -> None:
    first, second = breached_and_changed(slot, wire, policies)

    assert (first[1:], second[1:]) == (("RiskBreachRejectRate", policies[0]), ("RiskBreachRejectRate", policies[1]))
    assert first[0] != second[0]
    report, flattens = slot.report(), policies[1] == "Flatten"
    assert (report.state, report.reason) == (TradingState.HALTED, "RiskBreachRejectRate")
    assert (slot.standing.flatten, slot.markets["btc"].engine.market.flattening is not None) == (flattens, flattens)
    assert [halt.id for halt in slot.journal.latches.held()] == [first[0], second[0]]
    assert Cancel in wire.kinds()

    resume(slot, first[0])
    assert slot.report().state is TradingState.HALTED, "an approval of the milder one releases nothing else"


@pytest.mark.parametrize("policies", NOT_STRICTER, ids="-".join)
def test_no_other_policy_changes_anything_while_the_halt_holds(
    slot: Slot, wire: Wire, policies: tuple[str, str]
) -> None:
    ((_, reason, policy),) = breached_and_changed(slot, wire, policies)

    assert (reason, policy) == ("RiskBreachRejectRate", policies[0])
    assert slot.standing.state is {row[0]: row[1] for row in POLICIES}[policies[0]]
    assert slot.standing.flatten == (policies[0] == "Flatten")


def test_a_market_that_stopped_itself_for_what_is_latched_already_does_what_the_slot_says(slot: Slot) -> None:
    slot.breached("btc", LOSS)
    market = slot.markets["btc"].engine.market
    market.state = TradingState.REDUCING
    slot.breached("btc", LOSS)

    assert (market.state, len(slot.report().halts)) == (TradingState.HALTED, 1)


def test_a_person_who_stops_it_stops_a_running_flattening_too(slot: Slot, wire: Wire) -> None:
    flat = asyncio.run(slot.halt(halting("ann", "out", flatten=True))).halt_id
    assert slot.standing.flatten
    asyncio.run(slot.halt(halting("bob", "no!")))
    assert not slot.standing.flatten

    market = slot.markets["btc"].engine.market
    market.position.lots, market.position.cost = Lots(1_000), Money(0)
    answer_all(slot, wire)
    assert ticked(slot, wire) == []
    assert resume(slot, flat).done


def test_flattening_begins_when_the_last_cancel_is_confirmed(slot: Slot, wire: Wire) -> None:
    market = slot.markets["btc"].engine.market
    market.position.lots, market.position.cost = Lots(1_000), Money(1_000 * 6_000_001 * BTC.tick_lot)
    asyncio.run(slot.halt(halting("ann", "out", flatten=True)))
    for cancel in list(wire.sent):
        slot.markets["btc"].handle(OrderCanceled(time_ns=Nanos(SECOND), order_id=cancel.order_id))

    (closing_order,) = [command for command in wire.sent if isinstance(command, Place)]
    assert (closing_order.side, closing_order.quantity, closing_order.post_only) == (Side.SELL, 1_000, False)


def test_a_file_halts_is_latched_once_and_its_removal_resumes_nothing(slot: Slot, wire: Wire, tmp_path: Path) -> None:
    path = tmp_path / "HALT"
    watch = HaltFile(path, slot.halts.is_held_by, slot.halted_by_hand)
    watch.look()
    assert slot.report().state is TradingState.ACTIVE

    path.write_text("bad fills\n", encoding="utf-8")
    for _ in range(3):
        watch.look()
    (halt,) = slot.report().halts
    assert (halt.reason, halt.by, halt.message) == (MANUAL_HALT, "file HALT", "bad fills")
    path.write_text("more words", encoding="utf-8")
    watch.look()
    assert slot.report().halts == (halt,), "the file is the switch, whatever it says"
    assert wire.kinds() == [Cancel, Cancel]

    resume(slot, halt.id)
    watch.look()
    (anew,) = slot.report().halts
    assert anew.id != halt.id, "while the file is there it halts, whatever is resumed"
    path.unlink()
    watch.look()
    assert slot.report().state is TradingState.HALTED
    assert resume(slot, anew.id).done
    watch.look()
    assert slot.report().state is TradingState.ACTIVE


def test_whatever_has_the_files_name_halts_and_what_cannot_be_looked_at_as_well(slot: Slot, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "bytes").write_bytes(b"\xff" * 9_999)
    (tmp_path / "nowhere").symlink_to("gone")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    names = ("empty", "folder", "bytes", "nowhere", "loop", "pipe", "empty/under", "loop/beyond")
    for name in names:
        HaltFile(tmp_path / name, slot.halts.is_held_by, slot.halted_by_hand).look()

    assert [halt.by for halt in slot.report().halts] == [f"file {Path(name).name}" for name in names]
    assert all(len(halt.message) <= 512 for halt in slot.report().halts)


def test_asking_for_a_halt_again_and_again_fills_nothing(slot: Slot) -> None:
    for number in range(250):
        asyncio.run(slot.halt(halting("ann", "the same")))
        slot.halted_by_hand("bob", str(number))

    assert len(slot.report().halts) == 100


def test_a_locked_venue_is_left_alone_until_it_says_that_it_is_back(slot: Slot, wire: Wire) -> None:
    slot.venue_locked(VenueLocked(time_ns=Nanos(SECOND), venue="sim", locked=True, reason="maintenance"))
    report = slot.report()
    assert (report.state, report.ready) == (TradingState.VENUE_LOCKED, False)
    assert "maintenance" in report.message
    assert wire.sent == [], "it would refuse cancels, too"
    assert ticked(slot, wire, 4 * SECOND) == []

    asyncio.run(slot.halt(halting("ann", "")))
    assert (slot.report().state, wire.sent) == (TradingState.HALTED, [])
    locked = "nothing is withdrawn while it is locked: venue sim: maintenance"
    assert slot.report().message == f"until a person resumes; {locked}"
    slot.venue_locked(VenueLocked(time_ns=Nanos(SECOND), venue="sim", locked=False))
    assert slot.report().message == "until a person resumes"
    assert wire.kinds() == [Cancel, Cancel], "what was halted meanwhile is withdrawn as soon as it can be"


def test_another_venues_lock_stops_nothing_here(slot: Slot) -> None:
    slot.venue_locked(VenueLocked(time_ns=Nanos(SECOND), venue="other", locked=True, reason="maintenance"))

    assert slot.report().state is TradingState.ACTIVE
    assert slot.markets["btc"].engine.market.locked == ""


def test_all_markets_of_one_quote_asset_count_together_at_once(tmp_path: Path, wire: Wire) -> None:
    """Each of them could come to hold 600 USDT worth on either side."""
    for allowed, orders in (("1199", 2), ("1202", 4)):
        slot = slot_of(tmp_path / allowed, wire, config("btc", "two", risk={"maxGross": allowed, "maxPosition": "1"}))
        wire.sent.clear()
        for market in slot.markets.values():
            market.handle(tick(SECOND))

        assert len([c for c in wire.sent if isinstance(c, Place)]) == orders, allowed
        slot.journal.close()


def test_limits_on_losses_are_divided_between_the_slots_markets(tmp_path: Path, wire: Wire) -> None:
    risk = {"maxDrawdown": "0.05", "maxDailyLoss": "100", "maxLossRate": {"loss": "10", "within": "1m"}}
    slot = slot_of(tmp_path / "journal.sqlite3", wire, config("btc", "two", risk=risk))
    limits = slot.markets["two"].engine.market.terms.limits

    assert limits.max_drawdown == (1, 40)
    assert limits.max_daily_loss == BTC.money("50")
    assert limits.max_loss_rate == (BTC.money("5"), 60 * SECOND)
    slot.journal.close()


def test_markets_of_one_asset_count_together_at_once(tmp_path: Path, wire: Wire) -> None:
    risk = {"maxBaseExposure": "0.015", "maxPosition": "1"}
    slot = slot_of(tmp_path / "journal.sqlite3", wire, config("btc", "two", risk=risk))
    for market in slot.markets.values():
        market.handle(tick(SECOND))

    assert [c.side for c in wire.sent if isinstance(c, Place)] == [Side.BUY, Side.SELL], "0.01 on each side, once"
    others = slot.markets["two"].engine.market.others
    assert others is not None
    assert (others.long, others.short) == (10**6, 10**6)
    slot.journal.close()


def test_a_halt_that_was_named_is_latched_once_and_not_again_after_its_resume(slot: Slot) -> None:
    order = halting("TradingHalt/all", "audit", halt_id="all-1")

    assert asyncio.run(slot.halt(order)).done
    assert asyncio.run(slot.halt(order)).halts == ("all-1",)
    resume(slot, "all-1")
    late = asyncio.run(slot.halt(order))

    assert (late.done, late.message) == (False, "it was resumed already")
    report = slot.report()
    assert (report.halts, report.resumed) == ((), ("all-1",))
    assert report.state is TradingState.ACTIVE


def test_what_was_resumed_is_known_after_a_restart(wire: Wire, tmp_path: Path) -> None:
    slot = slot_of(tmp_path / "journal.sqlite3", wire, config())
    asyncio.run(slot.halt(halting("ann", halt_id="first")))
    resume(slot, "first")
    slot.journal.close()

    again = slot_of(tmp_path / "journal.sqlite3", wire, config())
    again.take_halts()

    assert again.report().resumed == ("first",)
    again.journal.close()
