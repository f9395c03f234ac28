"""Orders to DeltaDeFi over REST, reports back over the account stream.

Placing takes two calls (`placing`), so orders are on their way in tasks of their own; everything that becomes of them
comes back as an event. What an answer does not prove is told as OutcomeLost and resolved by asking.
"""

import asyncio
from collections.abc import Callable
from urllib.parse import urlencode

import structlog

from tradingbot_runtime.core.risk import Approved
from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.model import (
    BalancesReported,
    Cancel,
    CancelAll,
    Instrument,
    Nanos,
    OrderAccepted,
    OrderFilled,
    OrderId,
    OrderReported,
    OrderStatus,
    Place,
    Restored,
    VenueLocked,
)
from tradingbot_runtime.owned_tasks import OwnedTasks
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.deltadefi import reports
from tradingbot_runtime.venues.deltadefi.account_stream import AccountStream, StreamListener
from tradingbot_runtime.venues.deltadefi.canceling import Canceler
from tradingbot_runtime.venues.deltadefi.codec import WireOrder, time_ns
from tradingbot_runtime.venues.deltadefi.desk import Desk
from tradingbot_runtime.venues.deltadefi.pacing import Pacer
from tradingbot_runtime.venues.deltadefi.placing import Placement, Placer
from tradingbot_runtime.venues.deltadefi.queries import DeltaDefiQueries
from tradingbot_runtime.venues.deltadefi.trading_lock import TradingLock
from tradingbot_runtime.venues.protocols import GatewayHealth, GatewayPorts, TradeCursor, TradesPage

ON_THEIR_WAY_MOST = 200

log = structlog.get_logger("gateway")


class DeltaDefiGateway:
    two_phase = True
    exclusive = True

    def __init__(
        self,
        stream_url: str,
        queries: DeltaDefiQueries,
        ports: GatewayPorts,
        now_ns: Callable[[], Nanos],
        backoff: Backoff,
    ) -> None:
        self._queries = queries
        self._ports = ports
        self._now_ns = now_ns
        self.lock = TradingLock(queries, backoff, self._lock_changed)
        self._desk = Desk(queries, Pacer(ports.budget, now_ns), ports, now_ns, self.lock.found)
        self._placer = Placer(self._desk)
        self._tasks = OwnedTasks()
        self._canceler = Canceler(self._desk, self._expect, self._tasks.spawn)
        self._placements: dict[OrderId, Placement] = {}
        listener = StreamListener(self._on_order, self._on_open, self._on_lost, self._on_bad_frame)
        self._stream = AccountStream(
            queries.venue,
            lambda: f"{stream_url.rstrip('/')}/accounts/stream?{self._api_key()}",
            listener,
            now_ns,
            backoff,
        )
        queries.rest.on_refusal = self._desk.effects

    @property
    def health(self) -> GatewayHealth:
        return self._desk.health

    @property
    def connected(self) -> bool:
        return self._stream.connected

    @property
    def running(self) -> bool:
        """Between the beginning of `run` and its end."""
        return self._tasks.running

    @property
    def locked(self) -> str:
        return self.lock.reason

    def remember(self, order_id: OrderId, venue_order_id: str) -> None:
        if venue_order_id:
            self._queries.known.add(order_id, venue_order_id)

    async def run(self) -> None:
        """Until cancelled, or something fails that must not: a journal that cannot be written, or a bug."""
        await self._tasks.run(self._stream.run(), self.lock.watch())

    def expire(self) -> None:
        """Look for silence where something is due. Called by a timer."""
        self._stream.check()

    # -- orders out ----------------------------------------------------------------------------------------------

    def send(self, instrument: Instrument, approved: Approved) -> None:
        command = approved.command
        if isinstance(command, Place):
            self._place(Placement(instrument, command))
        elif isinstance(command, Cancel):
            if not self._withdrawn(command.order_id):
                self._canceler.cancel(instrument, command.order_id)
        elif isinstance(command, CancelAll):
            left = [order_id for order_id in command.order_ids if not self._withdrawn(order_id)]
            if left:
                self._canceler.cancel_all(instrument, left)
        else:
            raise TypeError(f"{type(command).__name__}: this venue has no such message; its capabilities say so")

    def _place(self, placement: Placement) -> None:
        reason = self._refusal()
        if reason:
            # Later, not now: whoever sends is still deciding, and would decide anew in the middle of it.
            asyncio.get_running_loop().call_soon(self._placer.deny, placement, *reason)
            return
        self._placements[placement.place.order_id] = placement
        placement.task = self._tasks.spawn(self._bring(placement))
        placement.task.add_done_callback(lambda task: self._brought(placement, task))

    def _refusal(self) -> tuple[str, str] | None:
        if self.locked:
            return "VenueLocked", self.locked
        if not self.connected:
            return "NotConnected", "without the account stream nobody would hear of the order"
        if len(self._placements) >= ON_THEIR_WAY_MOST:
            return "TooManyOrders", f"{ON_THEIR_WAY_MOST} orders are on their way already"
        return None

    async def _bring(self, placement: Placement) -> None:
        order = await self._placer.run(placement)
        order_id, symbol = placement.place.order_id, placement.instrument.symbol
        if order is None:
            return
        if reports.STATUSES.get(order.status.lower()) is OrderStatus.OPEN:
            self._stream.expect()
            accepted = OrderAccepted(time_ns=self._now_ns(), order_id=order_id, venue_order_id=order.id,
                                     venue_time_ns=time_ns(order.updated_at))  # fmt: skip
            self._ports.on_event(symbol, accepted)
        try:
            self._tell(order, order_id)
        except VenueError as error:
            self._desk.lose(symbol, order_id, str(error))
        if placement.is_unwanted:
            self._canceler.cancel(placement.instrument, order_id)

    def _brought(self, placement: Placement, task: asyncio.Task[None]) -> None:
        self._placements.pop(placement.place.order_id, None)
        if task.cancelled() and not placement.is_submitted:  # before its first step
            self._placer.deny(placement, "Withdrawn", "not wanted any more")

    def _withdrawn(self, order_id: OrderId) -> bool:
        """Take back an order that is on its way; True when there is nothing to cancel at the venue (yet)."""
        placement = self._placements.get(order_id)
        if placement is None or placement.task is None:
            return False
        if placement.task.done() and placement.is_submitted:  # nobody looks any more at whether it is wanted
            return False
        if placement.is_submitted:
            placement.is_unwanted = True
        else:
            placement.task.cancel()
        return True

    # -- reports in ----------------------------------------------------------------------------------------------

    def _on_order(self, order: WireOrder) -> None:
        """Raises VenueProtocolError for a report that makes no sense: the stream counts it."""
        order_id = self._queries.known.order_id(order.id)
        if order_id is None or order.symbol not in self._queries.markets:
            self.health.foreign_reports += 1  # of an earlier life, or a build that is not answered yet: asked about
            return
        self._tell(order, order_id)

    def _tell(self, order: WireOrder, order_id: OrderId) -> None:
        """The order's trades first, so that it is not closed before they are known."""
        market, now_ns = self._queries.markets[order.symbol], self._now_ns()
        report = reports.reported(order, order_id, market, now_ns)
        for fill in reports.fills(order, order_id, market, now_ns):
            if self._queries.known.is_news(fill.trade_id):
                self._ports.on_event(order.symbol, fill)
        if report.status is OrderStatus.BUILDING:
            return
        if reports.is_short(order, market.instrument):
            self._tasks.spawn(self._ask(market.instrument, order_id))
        else:
            self._ports.on_event(order.symbol, report)

    async def _ask(self, instrument: Instrument, order_id: OrderId) -> None:
        try:
            self._ports.on_event(instrument.symbol, await self.order(instrument, order_id))
        except VenueError as error:
            log.warning("QuestionFailed", order_id=order_id, message=str(error))

    def _expect(self) -> None:
        self._stream.expect()

    def _on_open(self) -> None:
        self.health.connected = True
        self._ports.on_connected(True, "")  # noqa: FBT003 - the callback's own meaning

    def _on_lost(self, reason: str) -> None:
        if self.health.connected:
            self.health.count("Disconnected")
        self.health.connected = False
        self._ports.on_connected(False, reason)  # noqa: FBT003 - as above

    def _on_bad_frame(self, _: str) -> None:
        self.health.count("FrameRefused")

    def _lock_changed(self, locked: bool, reason: str) -> None:  # noqa: FBT001 - the lock's callback
        event = VenueLocked(time_ns=self._now_ns(), venue=self._queries.venue, locked=locked, reason=reason)
        for symbol in self._queries.markets:
            self._ports.on_event(symbol, event)

    # -- questions -----------------------------------------------------------------------------------------------

    async def instrument(self, symbol: str) -> Instrument:
        return await self._queries.instrument(symbol)

    async def balances(self, instrument: Instrument) -> BalancesReported:
        return await self._queries.balances(instrument, self._now_ns())

    async def open_orders(self, instrument: Instrument) -> list[Restored]:
        return await self._queries.open_orders(instrument, self._now_ns())

    async def order(self, instrument: Instrument, order_id: OrderId) -> OrderReported:
        return await self._queries.order(instrument, order_id, self._now_ns())

    async def order_id(self, instrument: Instrument, venue_order_id: str) -> OrderId | None:  # noqa: ARG002 - the protocol's
        return self._queries.known.order_id(venue_order_id)

    async def fills(self, instrument: Instrument, order_id: OrderId, venue_order_id: str) -> list[OrderFilled]:
        return await self._queries.fills(instrument, order_id, venue_order_id, self._now_ns())

    async def trades(self, instrument: Instrument, cursor: TradeCursor) -> TradesPage:
        return await self._queries.trades(instrument, cursor, self._now_ns())

    async def cancel(self, instrument: Instrument, order_id: OrderId, venue_order_id: str = "") -> None:  # noqa: ARG002 - as above
        if self._withdrawn(order_id):
            return
        found = venue_order_id or self._queries.known.venue_id(order_id)
        if found:  # else it was never built
            await self._canceler.confirmed(found)

    def _api_key(self) -> str:
        credentials = self._queries.credentials
        return urlencode({"api_key": credentials().api_key}) if credentials is not None else ""
