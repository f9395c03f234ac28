"""Questions to Binance spot and what their answers mean to us."""

from decimal import Decimal
from typing import Any

import msgspec

from tradingbot_runtime.core.order_ids import decode
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.errors import VenueProtocolError, VenueRefused
from tradingbot_runtime.model import (
    BalancesReported,
    Instrument,
    Lots,
    Money,
    Nanos,
    OrderFilled,
    OrderId,
    OrderReported,
    OrderStatus,
    Restored,
    asset_units,
)
from tradingbot_runtime.venues.binance.codec import SIDES
from tradingbot_runtime.venues.binance.outcomes import Code
from tradingbot_runtime.venues.binance.reports import MS
from tradingbot_runtime.venues.binance.rest import BinanceRest
from tradingbot_runtime.venues.binance.usage import RateLimit
from tradingbot_runtime.venues.protocols import Trade, TradeCursor, TradesPage

STATUSES = {
    "NEW": OrderStatus.OPEN,
    "PENDING_NEW": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.OPEN,
    "PENDING_CANCEL": OrderStatus.OPEN,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
    "REJECTED": OrderStatus.REJECTED,
}
NOT_SHOWN = {  # refusals that are the answer to a question about one order; executed is nothing of either
    Code.NO_SUCH_ORDER: OrderStatus.ABSENT,
    Code.ORDER_ARCHIVED: OrderStatus.CANCELED,
}
TRADES_PAGE = 1000
READ_AGAIN = 20  # of the newest trades, at every look: one that became visible late is among them
READ_AGAIN_MS = 60_000  # the same, while there has been no trade yet


class VenueOrder(msgspec.Struct, rename="camel"):
    symbol: str
    order_id: int
    client_order_id: str
    price: str
    orig_qty: str
    executed_qty: str
    status: str
    side: str
    update_time: int = 0


class VenueTrade(msgspec.Struct, rename="camel"):
    id: int
    order_id: int
    price: str
    qty: str
    commission: str
    commission_asset: str
    is_buyer: bool
    is_maker: bool
    time: int = 0


class _Balance(msgspec.Struct):
    asset: str
    free: str
    locked: str


class _Account(msgspec.Struct):
    balances: list[_Balance]
    uid: int = 0


class _Symbol(msgspec.Struct, rename="camel"):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[dict[str, Any]]


class _ExchangeInfo(msgspec.Struct, rename="camel"):
    symbols: list[_Symbol]
    rate_limits: tuple[RateLimit, ...] = ()


class BinanceQueries:
    """Each raises the errors of `BinanceRest`: a failed question is never an empty answer."""

    def __init__(self, venue: str, rest: BinanceRest) -> None:
        self.venue = venue
        self.rest = rest

    async def instrument(self, symbol: str) -> Instrument:
        info = await self.rest.public("exchangeInfo", _ExchangeInfo, {"symbol": symbol})
        self.rest.usage.declared(info.rate_limits, self.rest.timestamp_ms())
        found = next((s for s in info.symbols if s.symbol == symbol), None)
        if found is None:
            raise VenueProtocolError(f"exchangeInfo does not know {symbol}")
        if found.status != "TRADING":
            raise VenueRefused(0, f"{symbol} is not traded now: {found.status}")
        return _instrument(self.venue, found)

    async def account_id(self) -> str:
        """The venue's own number of the account: it stays when the keys are rotated."""
        account = await self.rest.signed("GET", "account", _Account, {"omitZeroBalances": "true"})
        if not account.uid:
            raise VenueProtocolError("the account has no uid")
        return str(account.uid)

    async def balances(self, instrument: Instrument, now_ns: Nanos) -> BalancesReported:
        account = await self.rest.signed("GET", "account", _Account, {"omitZeroBalances": "true"})
        held = {b.asset: Decimal(b.free) + Decimal(b.locked) for b in account.balances}
        return BalancesReported(
            time_ns=now_ns,
            base=asset_units(held.get(instrument.base, Decimal(0))),
            quote=instrument.money(held.get(instrument.quote, Decimal(0))),
        )

    async def open_orders(self, instrument: Instrument, now_ns: Nanos) -> list[Restored]:
        """Every open order of the account at this symbol, whoever's it is."""
        orders = await self.rest.signed("GET", "openOrders", list[VenueOrder], {"symbol": instrument.symbol})
        return [_restored(order, instrument, now_ns) for order in orders]

    async def order(self, instrument: Instrument, order_id: OrderId, now_ns: Nanos) -> OrderReported:
        parameters = {"symbol": instrument.symbol, "origClientOrderId": order_id}
        try:
            order = await self.rest.signed("GET", "order", VenueOrder, parameters)
        except VenueRefused as refused:
            if refused.code not in NOT_SHOWN:
                raise
            return OrderReported(time_ns=now_ns, order_id=order_id, status=NOT_SHOWN[refused.code], executed=Lots(0))
        if order.status not in STATUSES:
            raise VenueProtocolError(f"order status {order.status!r}")
        return OrderReported(
            time_ns=now_ns,
            order_id=order_id,
            status=STATUSES[order.status],
            executed=instrument.lots_floor(order.executed_qty),
            venue_order_id=str(order.order_id),
            venue_time_ns=order.update_time * MS,
        )

    async def order_id(self, instrument: Instrument, venue_order_id: str) -> OrderId | None:
        """Our id of an order that is named by the venue's; None when it is not of our making."""
        parameters = {"symbol": instrument.symbol, "orderId": venue_order_id}
        order = await self.rest.signed("GET", "order", VenueOrder, parameters)
        return OrderId(order.client_order_id) if decode(order.client_order_id) else None

    async def fills(
        self, instrument: Instrument, order_id: OrderId, venue_order_id: str, now_ns: Nanos
    ) -> list[OrderFilled]:
        parameters: dict[str, str | int] = {
            "symbol": instrument.symbol,
            "orderId": venue_order_id,
            "limit": TRADES_PAGE,
        }
        trades = await self.rest.signed("GET", "myTrades", list[VenueTrade], parameters)
        return [filled(trade, order_id, instrument, now_ns) for trade in trades]

    async def trades(self, instrument: Instrument, cursor: TradeCursor, now_ns: Nanos) -> TradesPage:
        """A page of the account's trades: Binance's list names the venue's order id only."""
        parameters: dict[str, str | int] = {"symbol": instrument.symbol, "limit": TRADES_PAGE}
        parameters |= {"fromId": cursor.trade_id} if cursor.trade_id else {"startTime": cursor.since_ms}
        found = await self.rest.signed("GET", "myTrades", list[VenueTrade], parameters)
        trades = tuple(Trade(str(t.order_id), filled(t, OrderId(""), instrument, now_ns)) for t in found)
        more = len(found) == TRADES_PAGE
        behind = 1 if more else READ_AGAIN
        if len(found) >= behind:
            cursor = TradeCursor(cursor.since_ms, str(found[-behind].id))
        elif not found and not cursor.trade_id:
            cursor = TradeCursor(max(cursor.since_ms, self.rest.timestamp_ms() - READ_AGAIN_MS))
        return TradesPage(trades, cursor, more)

    async def cancel(self, instrument: Instrument, order_id: OrderId, venue_order_id: str = "") -> None:
        """Cancel one order and wait for the answer; a venue that does not know it (any more) is an answer too."""
        name = {"orderId": venue_order_id} if venue_order_id else {"origClientOrderId": order_id}
        parameters: dict[str, str | int] = {"symbol": instrument.symbol, **name}
        try:
            await self.rest.signed("DELETE", "order", dict[str, Any], parameters)
        except VenueRefused as refused:
            if refused.code != Code.CANCEL_REJECTED:
                raise


def filled(trade: VenueTrade, order_id: OrderId, instrument: Instrument, now_ns: Nanos) -> OrderFilled:
    return OrderFilled(
        time_ns=now_ns,
        order_id=order_id,
        trade_id=str(trade.id),
        side=SIDES["BUY" if trade.is_buyer else "SELL"],
        price=instrument.ticks(trade.price),
        quantity=instrument.lots(trade.qty),
        fee=asset_units(trade.commission),
        fee_asset=trade.commission_asset,
        maker=trade.is_maker,
        venue_time_ns=trade.time * MS,
    )


def _restored(order: VenueOrder, instrument: Instrument, now_ns: Nanos) -> Restored:
    executed = instrument.lots(order.executed_qty)
    return Restored(
        time_ns=now_ns,
        order_id=OrderId(order.client_order_id),
        side=SIDES[order.side],
        price=instrument.ticks(order.price),
        quantity=instrument.lots(order.orig_qty),
        executed=executed,
        venue_order_id=str(order.order_id),
        state=OrderState.PARTIAL if executed else OrderState.OPEN,
        seen=True,
        venue_time_ns=order.update_time * MS,
    )


def _instrument(venue: str, symbol: _Symbol) -> Instrument:
    filters = {f["filterType"]: f for f in symbol.filters}
    price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {"minNotional": "0"}
    draft = Instrument(
        venue=venue, symbol=symbol.symbol, base=symbol.base_asset, quote=symbol.quote_asset,
        tick_size=Decimal(price["tickSize"]).normalize(), lot_size=Decimal(lot["stepSize"]).normalize(),
        min_lots=Lots(1), max_lots=Lots(1), min_notional=Money(0),
    )  # fmt: skip
    return msgspec.structs.replace(
        draft,
        min_lots=Lots(max(draft.lots_floor(lot["minQty"]), 1)),
        max_lots=draft.lots_floor(lot["maxQty"]),
        min_notional=draft.money(notional["minNotional"]),
    )
