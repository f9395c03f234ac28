"""A market on a real journal beside a venue whose answers a test sets: what reconciliation makes of them."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.engines import BTC, engine, tick
from tradingbot_runtime.config.risk import Risk
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.core.risk import Approved
from tradingbot_runtime.errors import OutcomeUnknown
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import (
    AnyCommand,
    BalancesReported,
    Instrument,
    Lots,
    Money,
    Nanos,
    OrderAccepted,
    OrderFilled,
    OrderId,
    OrderReported,
    OrderStatus,
    OutcomeLost,
    Restored,
    Side,
    StateChanged,
    Ticks,
    TradingState,
)
from tradingbot_runtime.reconcile import Reconciler
from tradingbot_runtime.venues.protocols import GatewayHealth, Trade, TradeCursor, TradesPage

SECOND = 1_000_000_000
STRAY = Restored(time_ns=Nanos(1), order_id=OrderId("stray"), side=Side.BUY, price=Ticks(1), quantity=Lots(1),
                 executed=Lots(0), venue_order_id="v9", state="Open")  # fmt: skip


@dataclass
class Venue:
    """A venue's answers, as they are set: `Gateway` without a network."""

    connected: bool = True
    two_phase: bool = False
    exclusive: bool = False
    locked: str = ""
    health: GatewayHealth = field(default_factory=GatewayHealth)
    base: int = 10**8
    quote: int = BTC.money("100000")
    down: bool = False
    failing: set[str] = field(default_factory=set)  # questions, by the method's name, that alone have no answer
    locks_at: str = ""  # the question that it answers, and takes nothing more after
    tried: list[str] = field(default_factory=list)  # the same of all that was asked, answered or not
    orders: dict[str, tuple[OrderStatus, int]] = field(default_factory=dict)  # status and executed lots
    fills_of: dict[str, list[OrderFilled]] = field(default_factory=dict)
    strays: list[Restored] = field(default_factory=list)
    sent: list[AnyCommand] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)
    told_by_list: list[OrderFilled] = field(default_factory=list)  # what the account's list of trades says
    looked_up: list[str] = field(default_factory=list)
    cursors: list[TradeCursor] = field(default_factory=list)
    remembered: dict[str, str] = field(default_factory=dict)

    def send(self, _: Instrument, approved: Approved) -> None:
        self.sent.append(approved.command)

    async def run(self) -> None:
        raise NotImplementedError

    def expire(self) -> None:
        """Nothing is overdue: answers are set."""

    async def instrument(self, _: str) -> Instrument:
        return BTC

    async def balances(self, _: Instrument) -> BalancesReported:
        self._up("balances")
        return BalancesReported(time_ns=Nanos(1), base=self.base, quote=Money(self.quote))

    async def open_orders(self, _: Instrument) -> list[Restored]:
        self._up("open_orders")
        return self.strays + [
            Restored(time_ns=Nanos(1), order_id=OrderId(name), side=Side.BUY, price=Ticks(1), quantity=Lots(1_000),
                     executed=Lots(executed), venue_order_id="v", state="Open")
            for name, (status, executed) in self.orders.items()
            if status is OrderStatus.OPEN
        ]  # fmt: skip

    async def order(self, _: Instrument, order_id: OrderId) -> OrderReported:
        self._up("order")
        self.asked.append(order_id)
        status, executed = self.orders.get(order_id, (OrderStatus.ABSENT, 0))
        return OrderReported(time_ns=Nanos(1), order_id=order_id, status=status, executed=Lots(executed))

    async def fills(self, _: Instrument, order_id: OrderId, __: str) -> list[OrderFilled]:
        self._up("fills")
        return self.fills_of.get(order_id, [])

    async def trades(self, _: Instrument, cursor: TradeCursor) -> TradesPage:
        self._up("trades")
        self.cursors.append(cursor)
        found = tuple(Trade(f"v{f.order_id}", replace(f, order_id=OrderId(""))) for f in self.told_by_list)
        return TradesPage(found, TradeCursor(cursor.since_ms, str(len(found))), more=False)

    async def order_id(self, _: Instrument, venue_order_id: str) -> OrderId | None:
        self._up("order_id")
        self.looked_up.append(venue_order_id)
        return OrderId(venue_order_id[1:])

    def remember(self, order_id: OrderId, venue_order_id: str) -> None:
        self.remembered[order_id] = venue_order_id

    async def cancel(self, _: Instrument, order_id: OrderId, __: str = "") -> None:
        self._up("cancel")
        self.canceled.append(order_id)
        self.strays = [stray for stray in self.strays if stray.order_id != order_id]
        if order_id in self.orders:
            self.orders[order_id] = (OrderStatus.CANCELED, self.orders[order_id][1])

    def _up(self, question: str) -> None:
        self.tried.append(question)
        if question == self.locks_at:
            self.locked = "too many requests"
        if self.down or question in self.failing:
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
        self.policy = Risk()
        self.all = Reconciler(
            self.market, lambda: Nanos(self.now_ns), lambda order_id: order_id != "foreign", lambda: self.policy
        )

    def quote(self) -> tuple[OrderId, OrderId]:
        """Bid and offer, sent and committed; nobody has answered yet."""
        self.begin()
        self.market.handle(tick(self.now_ns))
        bid, offer = (command.order_id for command in self.venue.sent)
        return bid, offer

    def begin(self) -> None:
        """The market may trade, and will with the next tick."""
        self.market.handle(BalancesReported(time_ns=Nanos(1), base=10**8, quote=BTC.money("100000")))
        self.market.handle(StateChanged(time_ns=Nanos(1), state=TradingState.ACTIVE, reason="Trading"))

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


def accept(desk: Desk, *order_ids: OrderId) -> None:
    """The venue has these orders, and says so."""
    for order_id in order_ids:
        desk.venue.orders.setdefault(order_id, (OrderStatus.OPEN, 0))
        accepted = OrderAccepted(time_ns=Nanos(desk.now_ns), order_id=order_id, venue_order_id=f"v{order_id}")
        desk.market.handle(accepted)


def fill(order_id: OrderId, trade_id: str = "t1", quantity: int = 1_000) -> OrderFilled:
    return OrderFilled(time_ns=Nanos(5), order_id=order_id, trade_id=trade_id, side=Side.BUY, price=Ticks(5_994_000),
                       quantity=Lots(quantity), fee=1, fee_asset="BTC")  # fmt: skip


def lose(desk: Desk, order_id: OrderId) -> None:
    desk.market.handle(OutcomeLost(time_ns=Nanos(desk.now_ns), order_id=order_id))
