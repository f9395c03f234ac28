"""A gateway beside its venue, and our own table of orders beside both: what a conformance scenario is played on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from harness.waiting import met
from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.doubts import ABSENT_PROOFS
from tradingbot_runtime.core.order_ids import OrderIds
from tradingbot_runtime.core.orders import PENDING, Anomaly, Order, Orders, OrderState
from tradingbot_runtime.core.risk import Approved
from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.model import (
    AnyCommand,
    AnyEvent,
    Cancel,
    CancelAll,
    Instrument,
    Lots,
    OrderEvent,
    OrderId,
    OrderReported,
    OrderStatus,
    Place,
    ReferenceTicked,
    Replace,
    Side,
    Ticks,
)
from tradingbot_runtime.order_questions import NOT_IN_THE_MARKET
from tradingbot_runtime.venues.feed import OnTick
from tradingbot_runtime.venues.protocols import Feed, Gateway, GatewayPorts, TradeCursor

WITHIN_S = 15.0
LOOK_S = 0.005
UPKEEP_S = 0.05
SETTLE_S = 1.0  # how long a request may be on its way here; the runtime waits ten times as long
WRONG = ("Overfill", "Reopened")  # filled beyond its size, or held for over while it was not


class Truth(NamedTuple):
    """What the venue holds of one of our orders."""

    is_open: bool  # or on its way to be
    is_in_book: bool
    executed: Lots
    copies: int  # orders in its market, ever, that are this one


class Prices(NamedTuple):
    """`away` rests and is reached by nobody, `crossing` buys at once."""

    away: Ticks
    crossing: Ticks
    lots: Lots
    tiny: Lots  # less than the venue takes
    huge: Lots  # more than the account can pay


class Kit(Protocol):
    """One venue's way of doing what the scenarios ask for; lives as long as its simulator."""

    name: str
    pause_s: float  # for so long it is to be left alone after a 429 with Retry-After 3
    prices: Prices

    def open(self) -> AbstractAsyncContextManager["Bench"]:
        """A connected gateway of its own."""
        ...

    def truth(self, bench: "Bench", order: Order) -> Truth: ...
    def trade(self, bench: "Bench", price: Ticks, lots: Lots) -> None:
        """Somebody sells `lots` down to `price`."""
        ...

    def fault(self, bench: "Bench", kind: str, what: str, **options: float) -> None:
        """`what` is broken: place, cancel, question, account (the stream of reports), market (the feed), any."""
        ...

    def heal(self, bench: "Bench") -> None: ...
    def move_clock(self, bench: "Bench", seconds: int) -> None: ...
    def lock(self, bench: "Bench", seconds: float) -> None: ...
    def revoke_key(self, bench: "Bench") -> None: ...
    def requests(self, bench: "Bench") -> int:
        """How many requests have come since the first call of this."""
        ...

    def feed(self, bench: "Bench", on_tick: OnTick) -> Feed: ...


async def nothing() -> None:
    """A venue without upkeep, or a disk that is always done."""


@dataclass
class Bench:
    kit: Kit
    ids: OrderIds
    log: list[AnyEvent] = field(default_factory=list)
    connections: list[bool] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    mismatches: int = 0
    anomalies: list[Anomaly] = field(default_factory=list)
    named: dict[str, OrderId] = field(default_factory=dict)
    budget: Budget = field(default_factory=lambda: Budget(Fraction(1000), 1000, 300))
    orders: Orders = field(default_factory=Orders)
    ticks: list[object] = field(default_factory=list)
    printed: int = 0  # trades that others made
    gateway: Gateway = field(init=False)
    instrument: Instrument = field(init=False)

    # -- what a gateway is given ---------------------------------------------------------------------------------

    def ports(self) -> GatewayPorts:
        return GatewayPorts(
            on_event=lambda _, event: self.hear(event),
            on_connected=lambda connected, _: self.connections.append(connected),
            on_refused=lambda reason, message: self.refusals.append(f"{reason}: {message}"),
            budget=self.budget,
            durable=nothing,
            is_fenced=lambda: False,
            on_mismatch=self._doubt_balances,
        )

    def _doubt_balances(self) -> None:
        self.mismatches += 1

    def hear(self, event: AnyEvent) -> None:
        self.log.append(event)
        if isinstance(event, OrderEvent) and event.order_id in self.named.values():
            _, anomaly = self.orders.apply(event)
            if anomaly is not None:
                self.anomalies.append(anomaly)

    # -- what a scenario does ------------------------------------------------------------------------------------

    def new(self, name: str) -> OrderId:
        order_id = self.ids.ahead(0)
        self.ids.use(order_id)
        self.named[name] = order_id
        return order_id

    def place(self, name: str, price: Ticks, lots: Lots, *, post_only: bool = True) -> None:
        order_id = self.new(name)
        command = Place(order_id=order_id, side=Side.BUY, price=price, quantity=lots, post_only=post_only)
        self.orders.place(command)
        self._send(command)

    def replace(self, old: str, new: str, price: Ticks) -> None:
        before = self.order(old)
        command = Replace(order_id=self.new(new), replaces=before.id, side=before.side, price=price,
                          quantity=before.quantity)  # fmt: skip
        self.orders.replace(command)
        self._send(command)

    def cancel(self, *names: str) -> None:
        order_ids = tuple(self.named[name] for name in names)
        for order_id in order_ids:
            self.orders.cancel_sent(order_id)
        self._send(
            Cancel(order_id=order_ids[0]) if len(names) == 1 else CancelAll(order_id=order_ids[0], order_ids=order_ids)
        )

    def _send(self, command: AnyCommand) -> None:
        self.gateway.send(self.instrument, Approved(command))

    async def ask(self, name: str) -> OrderReported:
        """As reconciliation does it: its fills first; absence proves nothing yet. Raises VenueError."""
        report = await self.gateway.order(self.instrument, self.named[name])
        if report.executed > self.order(name).filled:
            for fill in await self.gateway.fills(self.instrument, self.named[name], report.venue_order_id):
                self.hear(fill)
        if report.status not in NOT_IN_THE_MARKET:
            self.hear(report)
        return report

    async def read_trades(self, cursor: TradeCursor) -> tuple[list[str], TradeCursor]:
        """Trade ids from the cursor on, as often as they are listed; the cursor after them."""
        found, more = [], True
        while more:
            page = await self.gateway.trades(self.instrument, cursor)
            found += [trade.fill.trade_id for trade in page.trades]
            for trade in page.trades:
                order = self.orders.named(trade.venue_order_id)
                if order is not None:
                    self.hear(replace(trade.fill, order_id=order.id))
            cursor, more = page.cursor, page.more
        return found, cursor

    def order(self, name: str) -> Order:
        order = self.orders.get(self.named[name])
        assert order is not None, name
        return order

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """AssertionError tells what there was instead."""
        await met(
            condition, what, lambda: f"{ {name: self.order(name).state for name in self.named} }; {self.log[-8:]}"
        )

    async def resolve(self, name: str, *states: OrderState) -> None:
        """Ask until the order is in one of `states`; a failed question proves nothing, absence only by repetition."""
        clock = asyncio.get_running_loop().time
        absent, since_s = 0, clock()
        try:
            async with asyncio.timeout(WITHIN_S):
                while self.order(name).state not in states:
                    with suppress(VenueError):
                        report = await self.ask(name)
                        absent = absent + 1 if report.status in NOT_IN_THE_MARKET else 0
                        if absent >= ABSENT_PROOFS and clock() - since_s >= SETTLE_S:
                            self.hear(replace(report, status=OrderStatus.ABSENT))
                        elif report.status is OrderStatus.OPEN and self.order(name).state in PENDING:
                            await self.withdraw(self.order(name))
                    await asyncio.sleep(UPKEEP_S)
        except TimeoutError:
            raise AssertionError(f"{name} is {self.order(name)}; {self.log[-8:]}") from None

    # -- what must be true at the end of each --------------------------------------------------------------------

    def differences(self) -> list[str]:
        """Where our orders and the venue's are not the same."""
        found = []
        for name in self.named:
            order = self.order(name)
            truth = self.kit.truth(self, order)
            if truth.copies > 1:
                found.append(f"{name} is {truth.copies} times at the venue")
            if truth.is_open == order.is_closed:
                found.append(f"{name} is {order.state}, and the venue says that it is open: {truth.is_open}")
            if truth.executed != order.filled:
                found.append(f"{name} has {order.filled} lots, and the venue says {truth.executed}")
        found += [f"{a.reason}: {a.message}" for a in self.anomalies if a.reason in WRONG]
        return found

    async def agree(self) -> None:
        await met(lambda: not self.differences(), "the venue agrees", lambda: f"{self.differences()}; {self.log}")

    async def empty(self) -> None:
        """Leave nothing behind for the next scenario."""
        for order in list(self.orders):
            await self.withdraw(order)

    async def withdraw(self, order: Order) -> None:
        name = order.venue_order_id if self.gateway.exclusive else ""
        await self.gateway.cancel(self.instrument, order.id, name)

    def tick(self, event: object) -> None:
        self.ticks.append(event)

    @property
    def books(self) -> list[ReferenceTicked]:
        return [tick for tick in self.ticks if isinstance(tick, ReferenceTicked)]


@asynccontextmanager
async def running(bench: Bench, upkeep: Callable[[], Awaitable[object]]) -> AsyncIterator[Bench]:
    """Run the bench's gateway until the end; what it failed with is raised there."""

    async def watch() -> None:
        while True:
            await asyncio.sleep(UPKEEP_S)
            bench.gateway.expire()
            await upkeep()

    bench.orders.first_state = OrderState.INTENT if bench.gateway.two_phase else OrderState.SUBMITTING
    tasks = [asyncio.ensure_future(bench.gateway.run()), asyncio.ensure_future(watch())]
    try:
        await bench.until(lambda: bench.gateway.connected or any(t.done() for t in tasks), "connected")
        yield bench
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, BaseException) and not isinstance(ended, asyncio.CancelledError):
                raise ended
