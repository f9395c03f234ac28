"""Limits that change while orders rest: what they would not let in any more leaves with the next event, and no more."""

import asyncio
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from harness.engines import accept, limits, tick, trading
from harness.slots import SECOND, Wire, config, slot_of
from tradingbot_runtime.core.order_states import OrderState
from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.core.planner import ONE_BY_ONE, Room, compare, schedule, withdrawing
from tradingbot_runtime.core.quoting import EXACT, Quote
from tradingbot_runtime.core.risk.resting import judge
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.inputs.snapshot import market_of, state_of
from tradingbot_runtime.model import (
    AnyCommand,
    Cancel,
    CancelRejected,
    Lots,
    Nanos,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderId,
    Place,
    Replace,
    Restored,
    Side,
    Ticks,
    TimePassed,
)
from tradingbot_runtime.slot import Slot

RISK: dict[str, Any] = {
    "maxPosition": "1", "maxOrder": "1", "maxOpenOrders": 10, "maxDailyLoss": "100", "maxDistanceBps": "500",
}  # fmt: skip
MAKING = {"spreadBps": "10", "layers": 2, "stepBps": "5", "sizes": ["0.1"]}
NAME = "btc"


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def slot(tmp_path: Path, wire: Wire) -> Iterator[Slot]:
    """Two bids and two offers of 0.1 BTC rest."""
    opened = slot_of(tmp_path / "journal.sqlite3", wire, config(strategy={"marketMaking": MAKING}))
    opened.markets[NAME].handle(tick(SECOND))
    answer(opened, wire)
    assert len(orders(opened)) == 4
    yield opened
    opened.journal.close()


def orders(slot: Slot) -> list[Order]:
    return list(slot.markets[NAME].engine.market.orders)


def answer(slot: Slot, wire: Wire) -> list[AnyCommand]:
    """The venue takes and cancels what it was sent until now; what that was."""
    commands, wire.sent[:] = list(wire.sent), []
    for command in commands:
        live = slot.markets[NAME]
        if isinstance(command, Cancel):
            live.handle(OrderCanceled(time_ns=slot.now_ns(), order_id=command.order_id))
        elif isinstance(command, Replace):
            live.handle(OrderCanceled(time_ns=slot.now_ns(), order_id=command.replaces))
        if isinstance(command, Place | Replace):
            live.handle(OrderAccepted(time_ns=slot.now_ns(), order_id=command.order_id, venue_order_id="v"))
    return commands


def tighten(slot: Slot, **limits: object) -> None:
    tighter = config(strategy={"marketMaking": MAKING}, risk=RISK | limits)
    assert asyncio.run(slot.configure(tighter.document())).outcome == "Applied"


def places(slot: Slot) -> list[tuple[Side, int]]:
    return sorted((order.side, order.quantity) for order in orders(slot))


def prices(slot: Slot, side: Side) -> list[int]:
    return [order.price for order in orders(slot) if order.side is side]


def test_orders_larger_than_the_new_limits_leave_with_the_next_event(slot: Slot, wire: Wire) -> None:
    tighten(slot, maxPosition="0.01", maxOrder="0.01", maxOpenOrders=1)
    slot.markets[NAME].handle(TimePassed(time_ns=Nanos(SECOND + 1)))

    sent = answer(slot, wire)
    assert [type(command) for command in sent] == [Cancel] * 4
    assert orders(slot) == []
    assert slot.markets[NAME].engine.market.suspects == frozenset()


@pytest.mark.parametrize(
    "limits",
    [{"maxOrder": "0.05"}, {"maxOrderNotional": "600"}, {"maxDistanceBps": "6"}, {"maxBaseExposure": "0.05"},
     {"maxGross": "600"}],
)  # fmt: skip
def test_every_limit_of_an_order_and_of_what_it_leads_to_counts(
    slot: Slot, wire: Wire, limits: dict[str, object]
) -> None:
    tighten(slot, **limits)
    slot.markets[NAME].handle(tick(SECOND + 1))
    assert {type(command) for command in answer(slot, wire)} == {Cancel}
    assert orders(slot) == []


@pytest.mark.parametrize("limits", [{"maxPosition": "0.15"}, {"maxOpenOrders": 2}, {"maxDistanceBps": "12"}])
def test_the_outermost_leave_until_the_worst_case_fits(slot: Slot, wire: Wire, limits: dict[str, object]) -> None:
    inner = max(prices(slot, Side.BUY)), min(prices(slot, Side.SELL))
    tighten(slot, **limits)
    slot.markets[NAME].handle(tick(SECOND + 1))
    assert {type(command) for command in answer(slot, wire)} == {Cancel}
    assert ([inner[0]], [inner[1]]) == (prices(slot, Side.BUY), prices(slot, Side.SELL))


def test_what_is_leaving_takes_no_other_order_along_and_nothing_is_cancelled_twice(slot: Slot, wire: Wire) -> None:
    tighten(slot, maxPosition="0.15")
    for later in range(1, 5):
        slot.markets[NAME].handle(tick(SECOND + later))
    assert [type(command) for command in wire.sent] == [Cancel, Cancel]
    assert sorted(order.state for order in orders(slot)) == ["Open", "Open", "PendingCancel", "PendingCancel"]


def test_a_fill_of_what_is_leaving_has_the_rest_judged_anew(slot: Slot, wire: Wire) -> None:
    """Within the new limit all the same: a breach would have withdrawn the rest anyway."""
    tighten(slot, maxPosition="0.15")
    slot.markets[NAME].handle(tick(SECOND + 1))
    leaving = next(o for o in orders(slot) if o.state is OrderState.PENDING_CANCEL and o.side is Side.BUY)
    wire.sent.clear()
    fill = OrderFilled(time_ns=Nanos(SECOND + 2), order_id=leaving.id, trade_id="t", side=Side.BUY,
                       price=leaving.price, quantity=Lots(10_000), fee=0, fee_asset="USDT")  # fmt: skip
    slot.markets[NAME].handle(fill)
    kept = next(order for order in orders(slot) if order.side is Side.BUY)
    assert cancelled(wire.sent) == [kept.id]


def refused_cancel(slot: Slot, wire: Wire, **limits: object) -> OrderId:
    """The venue refuses the first cancel that new limits lead to, and carries out the others."""
    tighten(slot, **limits)
    slot.markets[NAME].handle(tick(SECOND + 1))
    cancel = wire.sent.pop(0)
    assert isinstance(cancel, Cancel)
    answer(slot, wire)
    refused = CancelRejected(time_ns=Nanos(SECOND + 2), order_id=cancel.order_id, gone=False, reason="-1")
    slot.markets[NAME].handle(refused)
    return cancel.order_id


def cancelled(commands: list[AnyCommand]) -> list[OrderId]:
    return [command.order_id for command in commands if isinstance(command, Cancel)]


def test_a_cancel_that_the_venue_refuses_is_tried_again_after_a_pause(slot: Slot, wire: Wire) -> None:
    refused = refused_cancel(slot, wire, maxOrder="0.05")
    slot.markets[NAME].handle(tick(SECOND + 3))
    assert wire.sent == []
    slot.markets[NAME].handle(tick(2 * SECOND))
    assert cancelled(wire.sent) == [refused]


def test_another_order_leaves_in_place_of_one_that_cannot(slot: Slot, wire: Wire) -> None:
    refused = refused_cancel(slot, wire, maxOpenOrders=3)
    slot.markets[NAME].handle(tick(SECOND + 3))
    [instead] = cancelled(answer(slot, wire))
    assert instead != refused
    slot.markets[NAME].handle(tick(2 * SECOND))
    assert cancelled(wire.sent) == [], "three fit"


def test_quotes_come_back_within_the_new_limits(slot: Slot, wire: Wire) -> None:
    smaller = config(strategy={"marketMaking": MAKING | {"sizes": ["0.01"]}},
                     risk=RISK | {"maxPosition": "0.01", "maxOrder": "0.01", "maxOpenOrders": 2})  # fmt: skip
    assert asyncio.run(slot.configure(smaller.document())).outcome == "Applied"
    for later in range(1, 4):
        slot.markets[NAME].handle(tick(SECOND + later))
        answer(slot, wire)
    assert places(slot) == [(Side.BUY, 1_000), (Side.SELL, 1_000)]


def test_an_order_that_was_on_its_way_is_judged_when_it_is_there(tmp_path: Path, wire: Wire) -> None:
    slot = slot_of(tmp_path / "journal.sqlite3", wire, config())
    slot.markets[NAME].handle(tick(SECOND))
    placed = list(wire.sent)
    tightened = config(risk=RISK | {"maxOrder": "0.005"})
    assert asyncio.run(slot.configure(tightened.document())).outcome == "Applied"
    slot.markets[NAME].handle(tick(SECOND + 1))
    assert wire.sent == placed, "nothing can be cancelled before there is an answer"
    wire.sent.clear()
    for command in placed:
        assert isinstance(command, Place)
        slot.markets[NAME].handle(accept(command.order_id, SECOND + 2))
    assert wire.kinds() == [Cancel, Cancel]
    slot.journal.close()


def test_limits_that_stay_or_allow_more_withdraw_nothing(slot: Slot, wire: Wire) -> None:
    tighten(slot, maxPosition="2", maxOrder="2")
    assert slot.markets[NAME].engine.market.suspects
    slot.markets[NAME].handle(tick(SECOND + 1))
    assert (wire.sent, slot.markets[NAME].engine.market.suspects) == ([], frozenset())
    other = config(strategy={"marketMaking": MAKING | {"spreadBps": "12"}},
                   risk=RISK | {"maxPosition": "2", "maxOrder": "2"})  # fmt: skip
    assert asyncio.run(slot.configure(other.document())).outcome == "Applied"
    assert slot.markets[NAME].engine.market.suspects == frozenset(), "no limit has changed"


def restored(name: str, side: Side, price: int) -> Restored:
    return Restored(time_ns=Nanos(1), order_id=OrderId(name), side=side, price=Ticks(price), quantity=Lots(1_000),
                    executed=Lots(0), venue_order_id=name, state="Open")  # fmt: skip


@pytest.mark.parametrize(("outer", "inner"), list(product(Side, Side)))
def test_the_innermost_stays_where_the_reference_lies_between_ticks_and_the_outermost_is_the_older(
    outer: Side, inner: Side
) -> None:
    market = trading(layers=1).market
    for name, side, distance in (("a", outer, 600), ("b", inner, 300)):
        market.apply(restored(name, side, 6_000_000 - side.sign * distance))
    between = structs.replace(market.situation(Nanos(SECOND), 9), mid_2=2 * (7 * 6_000_000 + 3), mid_unit=7)
    every = {order.id for order in market.orders}

    assert judge(market.orders, every, between, limits(max_open_orders=1)).unfit == {"a"}


def test_an_order_of_an_earlier_life_is_judged_by_the_limits_of_this_one() -> None:
    bot = trading(layers=1, max_order=Lots(500))
    bot.market.apply(restored("a", Side.BUY, 5_994_000))
    assert OrderId("a") in cancelled([approved.command for approved in bot.handle(tick(SECOND))])


def test_a_snapshot_between_the_change_and_the_next_event_decides_the_same(slot: Slot) -> None:
    tighten(slot, maxPosition="0.15")
    engine = slot.markets[NAME].engine
    read = market_of(state_of(engine.market), engine.market.terms)
    again = Engine(read, engine.ids, engine.budget)
    event = tick(SECOND + 1)
    assert [a.command for a in again.handle(event)] == [a.command for a in engine.handle(event)]
    assert again.decision.approved


def test_they_leave_before_all_others_and_wait_for_no_successor() -> None:
    old = [Order(OrderId(name), Side.BUY, Ticks(90 - i), Lots(1), state=OrderState.OPEN) for i, name in enumerate("ab")]
    served = Order(OrderId("c"), Side.BUY, Ticks(95), Lots(1), state=OrderState.OPEN)
    fits = Order(OrderId("d"), Side.BUY, Ticks(94), Lots(1), state=OrderState.OPEN)
    quotes = [Quote(Side.BUY, Ticks(price), Lots(1)) for price in (95, 94, 93, 92)]
    changes = compare(quotes, [*old, served, fits], EXACT, (200, 1))
    assert [len(changes.stale), changes.exposed, len(changes.missing)] == [2, 0, 2]

    unfit = {OrderId(name) for name in "abc"}
    plan = schedule(withdrawing(changes, unfit), ONE_BY_ONE, Room(messages=9, orders=0))
    assert plan.cancel == ("c", "a", "b")
    assert withdrawing(changes, {OrderId("d")}).kept == ((served, quotes[0]),)
    assert withdrawing(changes, frozenset()) is changes
