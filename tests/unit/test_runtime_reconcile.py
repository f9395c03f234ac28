"""Venue truth against the journal: what is proved by which answer, and what a failed question changes (nothing)."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.engines import BTC, engine, tick
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.core.risk import Approved
from tradingbot_runtime.errors import OutcomeUnknown, VenueError
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import (
    BalancesReported,
    Cancel,
    Instrument,
    Lots,
    Nanos,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderId,
    OrderReported,
    OrderStatus,
    OutcomeLost,
    Place,
    Restored,
    Side,
    StateChanged,
    Ticks,
    TradingState,
)
from tradingbot_runtime.reconcile import ABSENT_PROOFS, SETTLE_NS, Reconciler

SECOND = 1_000_000_000
STRAY = Restored(time_ns=Nanos(1), order_id=OrderId("stray"), side=Side.BUY, price=Ticks(1), quantity=Lots(1),
                 executed=Lots(0), venue_order_id="v9", state="Open")  # fmt: skip


@dataclass
class Venue:
    """A venue's answers, as they are set: `Gateway` without a network."""

    connected: bool = True
    down: bool = False
    orders: dict[str, tuple[OrderStatus, int]] = field(default_factory=dict)  # status and executed lots
    trades: dict[str, list[OrderFilled]] = field(default_factory=dict)
    strays: list[Restored] = field(default_factory=list)
    sent: list[Place | Cancel] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)

    def send(self, _: Instrument, approved: Approved) -> None:
        self.sent.append(approved.command)

    async def run(self) -> None:
        raise NotImplementedError

    async def instrument(self, _: str) -> Instrument:
        return BTC

    async def balances(self, _: Instrument) -> BalancesReported:
        self._up()
        return BalancesReported(time_ns=Nanos(1), base=10**8, quote=BTC.money("100000"))

    async def open_orders(self, _: Instrument) -> list[Restored]:
        self._up()
        return self.strays + [
            Restored(time_ns=Nanos(1), order_id=OrderId(name), side=Side.BUY, price=Ticks(1), quantity=Lots(1_000),
                     executed=Lots(executed), venue_order_id="v", state="Open")
            for name, (status, executed) in self.orders.items()
            if status is OrderStatus.OPEN
        ]  # fmt: skip

    async def order(self, _: Instrument, order_id: OrderId) -> OrderReported:
        self._up()
        self.asked.append(order_id)
        status, executed = self.orders.get(order_id, (OrderStatus.ABSENT, 0))
        return OrderReported(time_ns=Nanos(1), order_id=order_id, status=status, executed=Lots(executed))

    async def fills(self, _: Instrument, order_id: OrderId, __: str) -> list[OrderFilled]:
        self._up()
        return self.trades.get(order_id, [])

    async def cancel(self, _: Instrument, order_id: OrderId) -> None:
        self._up()
        self.canceled.append(order_id)
        self.strays = [stray for stray in self.strays if stray.order_id != order_id]
        if order_id in self.orders:
            self.orders[order_id] = (OrderStatus.CANCELED, self.orders[order_id][1])

    def _up(self) -> None:
        if self.down:
            raise OutcomeUnknown("no answer")


@dataclass
class Desk:
    """A market on a real journal, its reconciler, and a clock that the test moves."""

    journal: Journal
    venue: Venue = field(default_factory=Venue)
    now_ns: int = SECOND

    def __post_init__(self) -> None:
        self.market = LiveMarket(
            name="btc", instrument=BTC, engine=engine(layers=1), journal=self.journal, gateway=self.venue, account="a",
            on_change=lambda: None, on_breach=lambda *_: None, on_doubt=lambda _, order_id: self.all.doubt(order_id),
            is_fenced=lambda: False,
        )  # fmt: skip
        self.all = Reconciler(self.market, lambda: Nanos(self.now_ns), lambda order_id: order_id != "foreign")

    def quote(self) -> tuple[OrderId, OrderId]:
        """Bid and offer, sent and committed; nobody has answered yet."""
        self.market.handle(BalancesReported(time_ns=Nanos(1), base=10**8, quote=BTC.money("100000")))
        self.market.handle(StateChanged(time_ns=Nanos(1), state=TradingState.ACTIVE, reason="Trading"))
        self.market.handle(tick(self.now_ns))
        bid, offer = (command.order_id for command in self.venue.sent)
        return bid, offer

    def look(self, after_s: float = 1) -> None:
        self.now_ns += int(after_s * SECOND)
        asyncio.run(self.all.look())

    def state(self, order_id: OrderId) -> OrderState:
        order = self.market.engine.market.orders.get(order_id)
        assert order is not None
        return order.state


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite3") as opened:
        yield opened


@pytest.fixture
def desk(journal: Journal) -> Desk:
    return Desk(journal)


def fill(order_id: OrderId, trade_id: str = "t1", quantity: int = 1_000) -> OrderFilled:
    return OrderFilled(time_ns=Nanos(5), order_id=order_id, trade_id=trade_id, side=Side.BUY, price=Ticks(5_994_000),
                       quantity=Lots(quantity), fee=1, fee_asset="BTC")  # fmt: skip


def lose(desk: Desk, order_id: OrderId) -> None:
    desk.market.handle(OutcomeLost(time_ns=Nanos(desk.now_ns), order_id=order_id))


def test_an_unknown_order_that_the_venue_has_is_open_again(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    desk.venue.orders[bid] = (OrderStatus.OPEN, 0)

    desk.look()
    assert desk.state(bid) is OrderState.OPEN


def test_an_unknown_order_that_filled_is_closed_with_its_fills_and_the_position_moves_once(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    desk.venue.orders[bid], desk.venue.trades[bid] = (OrderStatus.FILLED, 1_000), [fill(bid)]

    desk.look()
    desk.market.handle(fill(bid))  # the stream tells of it after all
    assert desk.state(bid) is OrderState.FILLED
    assert desk.market.engine.market.position.lots == 1_000
    assert desk.market.health.duplicate_fills == 1


def test_absence_is_proved_by_several_answers_over_a_time_and_by_nothing_less(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    for _ in range(ABSENT_PROOFS + 2):
        desk.look()
    assert desk.state(bid) is OrderState.UNKNOWN, "often enough, but too soon"

    desk.now_ns += SETTLE_NS
    desk.look()
    assert desk.state(bid) is OrderState.REJECTED


def test_failed_questions_never_prove_absence(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    desk.venue.down = True
    for _ in range(60):
        desk.look()

    assert desk.state(bid) is OrderState.UNKNOWN
    desk.venue.down = False
    desk.look()
    assert desk.state(bid) is OrderState.UNKNOWN, "the first answer counts as the first"


def test_an_order_that_was_open_and_is_absent_is_lost_and_not_forgotten(desk: Desk) -> None:
    bid, _ = desk.quote()
    desk.market.handle(OrderAccepted(time_ns=Nanos(desk.now_ns), order_id=bid, venue_order_id="v"))
    for _ in range(ABSENT_PROOFS + 1):  # the first one is the sweep that misses it
        desk.look(after_s=11)

    assert desk.state(bid) is OrderState.LOST
    assert desk.market.engine.market.orders.live[bid].leaves_quantity == 1_000


def test_a_cancel_without_an_answer_is_asked_about_and_sent_again(desk: Desk) -> None:
    bid, _ = desk.quote()
    desk.market.handle(OrderAccepted(time_ns=Nanos(desk.now_ns), order_id=bid, venue_order_id="v"))
    desk.venue.orders[bid] = (OrderStatus.OPEN, 0)
    desk.market.handle(StateChanged(time_ns=Nanos(desk.now_ns), state=TradingState.HALTED, reason="r"))
    assert desk.state(bid) is OrderState.PENDING_CANCEL

    desk.look(after_s=1)
    assert desk.venue.canceled == [], "its answer may still come"
    desk.look(after_s=3)
    assert desk.venue.canceled == [bid]
    desk.look(after_s=1)
    assert desk.state(bid) is OrderState.CANCELED


def test_a_part_that_filled_without_a_report_is_found_by_the_sweep(desk: Desk) -> None:
    bid, offer = desk.quote()
    for order_id in (bid, offer):
        desk.market.handle(OrderAccepted(time_ns=Nanos(desk.now_ns), order_id=order_id, venue_order_id="v"))
    desk.venue.orders = {bid: (OrderStatus.OPEN, 400), offer: (OrderStatus.OPEN, 0)}
    desk.venue.trades[bid] = [fill(bid, quantity=400)]

    desk.look(after_s=10)
    desk.look()
    assert desk.state(bid) is OrderState.PARTIAL
    assert desk.market.engine.market.position.lots == 400
    assert desk.venue.asked == [bid], "only what differs is asked about"


def test_a_stray_of_ours_is_cancelled_and_a_foreign_order_is_left_alone(desk: Desk) -> None:
    foreign = Restored(time_ns=Nanos(1), order_id=OrderId("foreign"), side=Side.BUY, price=Ticks(1), quantity=Lots(1),
                       executed=Lots(0), venue_order_id="v8", state="Open")  # fmt: skip
    desk.venue.strays = [STRAY, foreign]

    asyncio.run(desk.all.restore())
    assert desk.venue.canceled == ["stray"]


def test_a_restart_asks_about_every_order_that_is_not_closed_whatever_its_state_was(journal: Journal) -> None:
    before = Desk(journal)
    bid, offer = before.quote()
    before.market.handle(OrderAccepted(time_ns=Nanos(1), order_id=offer, venue_order_id="v"))
    after = Desk(journal)
    after.venue.orders = {bid: (OrderStatus.FILLED, 1_000), offer: (OrderStatus.OPEN, 0)}
    after.venue.trades[bid] = [fill(bid)]

    asyncio.run(after.all.restore())
    assert after.venue.asked == [bid, offer]
    assert after.state(bid) is OrderState.FILLED
    assert after.state(offer) is OrderState.PENDING_CANCEL, "its price is from before; the barrier is not passed"
    assert after.market.engine.market.position.lots == 1_000


def test_a_restore_whose_question_fails_is_no_restore(journal: Journal) -> None:
    Desk(journal).quote()
    after = Desk(journal)
    after.venue.down = True

    with pytest.raises(VenueError):
        asyncio.run(after.all.restore())
    assert not after.all.is_restored
    assert after.all.may_have_orders


def test_cancel_all_is_done_only_when_the_venue_lists_nothing_of_ours(desk: Desk) -> None:
    bid, offer = desk.quote()
    asyncio.run(desk.all.restore())
    desk.venue.orders = {bid: (OrderStatus.OPEN, 0), offer: (OrderStatus.CANCELED, 0)}
    for order_id in (bid, offer):
        desk.market.handle(OrderAccepted(time_ns=Nanos(1), order_id=order_id, venue_order_id="v"))

    assert not asyncio.run(desk.all.cancel_all()), "it has just cancelled: look again"
    assert asyncio.run(desk.all.cancel_all())
    assert not desk.all.may_have_orders


def test_a_closed_order_is_not_asked_about_for_ever(desk: Desk) -> None:
    bid, _ = desk.quote()
    desk.all.doubt(bid)
    desk.venue.orders[bid] = (OrderStatus.CANCELED, 0)
    desk.market.handle(OrderCanceled(time_ns=Nanos(1), order_id=bid))
    for _ in range(5):
        desk.look()

    assert desk.venue.asked.count(bid) <= 1
