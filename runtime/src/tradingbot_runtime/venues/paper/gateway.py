"""The paper venue: orders are matched inside the process against the venue's real market data, behind the same OMS.

It is the simulator's exchange without its wire. Orders take a while to arrive, post-only orders that would take are
refused, fills come from what the market shows and trades, and never more than that. Nothing here survives the process:
after a restart every earlier order is reported as cancelled.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

import msgspec

from tradingbot_runtime.config.paper import Paper
from tradingbot_runtime.core.risk import Approved
from tradingbot_runtime.model import (
    WOULD_TAKE,
    BalancesReported,
    Cancel,
    CancelAll,
    CancelRejected,
    Instrument,
    Lots,
    Nanos,
    OrderFilled,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OutcomeLost,
    Place,
    ReferenceTicked,
    Replace,
    Restored,
)
from tradingbot_runtime.simulator.binance_json import account_event
from tradingbot_runtime.simulator.exchange import Exchange
from tradingbot_runtime.simulator.orders import Trade as ExchangeTrade
from tradingbot_runtime.simulator.refusals import Reason, Refusal
from tradingbot_runtime.venues.binance.reports import MS, ExecutionReport, order_event
from tradingbot_runtime.venues.link import VenueLink
from tradingbot_runtime.venues.paper.exchange import new_order, paper_exchange, printed, top_of
from tradingbot_runtime.venues.protocols import GatewayHealth, OnConnected, OnEvent, Trade, TradeCursor, TradesPage
from tradingbot_runtime.venues.tape import PublicTrade

OPENED_EVERY_S = 0.02
ONE_OF_TWO = 0.5
FORGOTTEN_KEPT = 1_000


@dataclass(slots=True)
class PaperGateway:
    link: VenueLink
    now_ns: Callable[[], Nanos]
    on_event: OnEvent
    on_connected: OnConnected
    paper: Paper = field(default_factory=Paper)
    connected: bool = False
    health: GatewayHealth = field(default_factory=GatewayHealth)
    exchanges: dict[str, Exchange] = field(default_factory=dict)  # by symbol
    two_phase: bool = False
    exclusive: bool = False
    locked: str = ""
    absent: dict[OrderId, None] = field(default_factory=dict)  # on their way, or lost on it
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.paper.seed)  # noqa: S311 - the same every time, on purpose

    def remember(self, order_id: OrderId, venue_order_id: str) -> None:
        """Nothing to remember: orders of an earlier process are over."""

    async def run(self) -> None:
        """There is no connection to lose."""
        self.connected = True
        self.on_connected(True, "")  # noqa: FBT003 - the callback's own meaning
        await asyncio.Event().wait()

    def expire(self) -> None:
        """Nothing is ever overdue here."""

    def on_tick(self, instrument: Instrument, tick: ReferenceTicked) -> None:
        """The market moved: the first tick with a price opens the account, later ones may fill orders."""
        exchange = self.exchanges.get(instrument.symbol)
        if exchange is None:
            if tick.bid is None and tick.ask is None:
                return
            exchange = self.exchanges[instrument.symbol] = paper_exchange(instrument, tick, self.paper)
        exchange.on_market(top_of(instrument, tick), self._time_ms())
        self._tell(instrument, exchange)

    def on_trade(self, instrument: Instrument, trade: PublicTrade) -> None:
        """Somebody traded: our orders at that price move up, and may fill."""
        exchange = self.exchanges.get(instrument.symbol)
        if exchange is not None:
            exchange.on_market(printed(instrument, trade, self.now_ns()), self._time_ms())
            self._tell(instrument, exchange)

    def send(self, instrument: Instrument, approved: Approved) -> None:
        if isinstance(approved.command, Place | Replace):
            self.absent[approved.command.order_id] = None
            while len(self.absent) > FORGOTTEN_KEPT:
                del self.absent[next(iter(self.absent))]
        delay_ns = self.paper.latency_ns + int(self.paper.jitter_ns * self.random.random())
        asyncio.get_running_loop().call_later(delay_ns / 1e9, self._arrive, instrument, approved)

    def _arrive(self, instrument: Instrument, approved: Approved) -> None:
        match command := approved.command:
            case Place() if instrument.symbol not in self.exchanges:  # nobody decides on a quote before a price
                self.absent.pop(command.order_id, None)
                self._reject(instrument, command.order_id, "NoMarket", "no price has been seen yet")
            case Place() if self.random.random() < self.paper.lost_answers:
                self._lose(instrument, command)
            case Place():
                self._place(instrument, command)
            case Cancel():
                self._cancel(instrument, command.order_id)
            case CancelAll():
                for order_id in command.order_ids:
                    self._cancel(instrument, order_id)
            case Replace() if self._cancel(instrument, command.replaces):
                self._place(instrument, command.new_order())
            case Replace():
                self.absent.pop(command.order_id, None)
                self._reject(instrument, command.order_id, "NotAttempted", "the old order could not be cancelled")
        if (exchange := self.exchanges.get(instrument.symbol)) is not None:
            self._tell(instrument, exchange)

    def _place(self, instrument: Instrument, place: Place) -> None:
        exchange = self.exchanges[instrument.symbol]
        try:
            self.absent.pop(place.order_id, None)
            exchange.place(new_order(exchange.listing(instrument.symbol), place), self._time_ms())
        except Refusal as refusal:
            reason = WOULD_TAKE if refusal.reason is Reason.WOULD_TAKE else str(refusal.code)
            self._reject(instrument, place.order_id, reason, refusal.message)

    def _cancel(self, instrument: Instrument, order_id: OrderId) -> bool:
        """Before the first price the exchange is not open: an order of an earlier life is gone with that life."""
        exchange = self.exchanges.get(instrument.symbol)
        order = exchange.history.by_client_id(instrument.symbol, order_id) if exchange else None
        if exchange is None or order is None or not order.status.open:
            event = CancelRejected(time_ns=self.now_ns(), order_id=order_id, gone=True, reason="Gone")
            self.on_event(instrument.symbol, event)
            return False
        exchange.cancel(order, f"{order_id}c", self._time_ms())
        return True

    def _lose(self, instrument: Instrument, place: Place) -> None:
        """Nobody answers: of every two of these orders one is in the market."""
        if self.random.random() < ONE_OF_TWO:
            self._place(instrument, place)
            self.exchanges[instrument.symbol].drain_events()
        lost = OutcomeLost(time_ns=self.now_ns(), order_id=place.order_id, message="no answer, as asked for")
        self.on_event(instrument.symbol, lost)

    def _reject(self, instrument: Instrument, order_id: OrderId, reason: str, message: str) -> None:
        rejected = OrderRejected(time_ns=self.now_ns(), order_id=order_id, reason=reason, message=message)
        self.on_event(instrument.symbol, rejected)

    def _tell(self, instrument: Instrument, exchange: Exchange) -> None:
        for report in map(account_event, exchange.drain_events()):
            if report["e"] == "executionReport":
                parsed = msgspec.convert(report, ExecutionReport)
                event = order_event(parsed, OrderId(parsed.C or parsed.c), instrument, self.now_ns())
                if event is not None:
                    self.on_event(instrument.symbol, event)

    def _time_ms(self) -> int:
        return self.now_ns() // 1_000_000

    # -- questions -----------------------------------------------------------------------------------------------

    async def instrument(self, symbol: str) -> Instrument:
        return await self.link.instrument(symbol)

    async def balances(self, instrument: Instrument) -> BalancesReported:
        while instrument.symbol not in self.exchanges:  # noqa: ASYNC110 - the first tick opens the account
            await asyncio.sleep(OPENED_EVERY_S)
        account = self.exchanges[instrument.symbol].account
        base, quote = account.balance(instrument.base), account.balance(instrument.quote)
        return BalancesReported(
            time_ns=self.now_ns(),
            base=base.free + base.locked,
            quote=instrument.money(Decimal(quote.free + quote.locked).scaleb(-8)),
        )

    async def open_orders(self, instrument: Instrument) -> list[Restored]:
        exchange = self.exchanges.get(instrument.symbol)
        return [
            Restored(time_ns=self.now_ns(), order_id=OrderId(o.client_id), side=o.side, price=o.price, quantity=o.lots,
                     executed=o.executed, venue_order_id=str(o.order_id), state="Open")
            for o in (exchange.history.open_orders() if exchange else [])
        ]  # fmt: skip

    async def order(self, instrument: Instrument, order_id: OrderId) -> OrderReported:
        exchange = self.exchanges.get(instrument.symbol)
        order = exchange.history.by_client_id(instrument.symbol, order_id) if exchange else None
        if order is None:  # not here, or of an earlier process: a paper order ends with its process
            over = OrderStatus.ABSENT if order_id in self.absent else OrderStatus.CANCELED
            return OrderReported(time_ns=self.now_ns(), order_id=order_id, status=over, executed=Lots(0))
        status = OrderStatus.OPEN if order.status.open else OrderStatus(order.status.value.capitalize())
        return OrderReported(time_ns=self.now_ns(), order_id=order_id, status=status, executed=order.executed,
                             venue_order_id=str(order.order_id), venue_time_ns=order.updated_ms * MS)  # fmt: skip

    async def order_id(self, instrument: Instrument, venue_order_id: str) -> OrderId | None:
        exchange = self.exchanges.get(instrument.symbol)
        order = exchange.history.get(int(venue_order_id)) if exchange else None
        return OrderId(order.client_id) if order else None

    async def fills(self, instrument: Instrument, order_id: OrderId, venue_order_id: str) -> list[OrderFilled]:
        trades = self.exchanges[instrument.symbol].history.trades
        return [self._filled(t, order_id) for t in trades if str(t.order_id) == venue_order_id]

    async def trades(self, instrument: Instrument, cursor: TradeCursor) -> TradesPage:
        exchange, after = self.exchanges.get(instrument.symbol), int(cursor.trade_id or 0)
        found = [t for t in exchange.history.trades if t.trade_id > after] if exchange else []
        newest = TradeCursor(cursor.since_ms, str(found[-1].trade_id)) if found else cursor
        return TradesPage(
            tuple(Trade(str(t.order_id), self._filled(t, OrderId(""))) for t in found), newest, more=False
        )

    def _filled(self, trade: ExchangeTrade, order_id: OrderId) -> OrderFilled:
        return OrderFilled(
            time_ns=self.now_ns(), order_id=order_id, trade_id=str(trade.trade_id), side=trade.side, price=trade.price,
            quantity=trade.lots, fee=trade.commission, fee_asset=trade.commission_asset, maker=trade.maker,
            venue_time_ns=trade.time_ms * MS,
        )  # fmt: skip

    async def cancel(self, instrument: Instrument, order_id: OrderId, venue_order_id: str = "") -> None:  # noqa: ARG002 - by our own id always
        exchange = self.exchanges.get(instrument.symbol)
        order = exchange.history.by_client_id(instrument.symbol, order_id) if exchange else None
        if exchange and order and order.status.open:
            exchange.cancel(order, f"{order_id}c", self._time_ms())
            self._tell(instrument, exchange)
