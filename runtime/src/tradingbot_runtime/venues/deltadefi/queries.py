"""Questions to DeltaDeFi and what their answers mean to us. A failed question is never an empty answer."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from tradingbot_runtime.errors import ConfigError, OutcomeUnknown, VenueProtocolError, VenueRefused
from tradingbot_runtime.model import (
    BalancesReported,
    Instrument,
    Lots,
    Nanos,
    OrderFilled,
    OrderId,
    OrderReported,
    OrderStatus,
    Restored,
)
from tradingbot_runtime.venues.deltadefi import reports
from tradingbot_runtime.venues.deltadefi.codec import (
    EncryptedKey,
    HydraCycle,
    MarketConfig,
    SpotAccount,
    WireBalance,
    WireExecution,
    WireOrder,
    page,
    time_ns,
    trading_locked,
)
from tradingbot_runtime.venues.deltadefi.credentials import DeltaDefiCredentials
from tradingbot_runtime.venues.deltadefi.known_orders import KnownOrders, LostBuild
from tradingbot_runtime.venues.deltadefi.market import Market
from tradingbot_runtime.venues.deltadefi.operation_key import KeyRefused, OperationKey, operation_key
from tradingbot_runtime.venues.deltadefi.outcomes import NO_SUCH_ORDER
from tradingbot_runtime.venues.deltadefi.rest import DeltaDefiRest
from tradingbot_runtime.venues.protocols import Trade, TradeCursor, TradesPage

PAGE = 250  # the venue's most
PAGES_MOST = 40  # 10,000 of anything
MS = 1_000_000
ORDERS_READ_MOST = 2_000  # whose trades are remembered
READ_AGAIN_NS = 60_000_000_000  # trades this much older than the cursor are read again: none may slip through
T = TypeVar("T")


@dataclass(slots=True)
class DeltaDefiQueries:
    """Each raises the errors of `DeltaDefiRest.question`."""

    venue: str
    rest: DeltaDefiRest
    credentials: Callable[[], DeltaDefiCredentials] | None
    known: KnownOrders = field(default_factory=KnownOrders)
    markets: dict[str, Market] = field(default_factory=dict)  # by symbol
    _key: tuple[DeltaDefiCredentials, OperationKey] | None = None
    _read: OrderedDict[str, list[Trade]] = field(default_factory=OrderedDict)  # trades by the venue's order id

    # -- the venue and the account -------------------------------------------------------------------------------

    async def identity(self) -> str:
        """The simulator's name, or nothing when this is no simulator."""
        return (await self.rest.question("/app/market-config")).headers.get("X-Simulator", "")

    async def account_id(self) -> str:
        """The venue's own number of the account: it stays when keys and password are changed."""
        return (await self.rest.get("/accounts/spot-account", SpotAccount)).account_id

    async def instrument(self, symbol: str) -> Instrument:
        return (await self.market(symbol)).instrument

    async def market(self, symbol: str) -> Market:
        if symbol not in self.markets:
            config = await self.rest.get("/app/market-config", MarketConfig)
            pair = next((pair for pair in config.trading_pairs if pair.symbol == symbol), None)
            if pair is None:
                raise VenueProtocolError(f"the market configuration does not know {symbol}")
            self.markets[symbol] = Market.of(self.venue, pair)
        return self.markets[symbol]

    async def balances(self, instrument: Instrument, now_ns: Nanos) -> BalancesReported:
        market = await self.market(instrument.symbol)
        held = await self.rest.get("/accounts/balance", list[WireBalance])
        try:
            return market.balances(held, now_ns)
        except ValueError as error:
            raise VenueProtocolError(f"balances: {error}") from error

    async def operation_key(self) -> OperationKey:
        """The account's key, decrypted once for these credentials. Raises ConfigError when it cannot be used."""
        if self.credentials is None:
            raise ConfigError(f"Venue {self.venue}: orders need credentials (credentialsSecretRef)")
        credentials = self.credentials()
        if self._key is None or self._key[0] != credentials:
            sealed = await self.rest.get("/accounts/operation-key", EncryptedKey)
            try:
                key = await asyncio.to_thread(
                    operation_key, sealed.encrypted_operation_key, credentials.trading_password
                )
            except KeyRefused as refused:
                raise ConfigError(f"Venue {self.venue}: {refused}") from None
            self._key = (credentials, key)
        return self._key[1]

    async def locked(self) -> bool:
        """Whether trading is locked. Raises VenueProtocolError when the answer does not say so."""
        answer = await self.rest.question("/health/trading-lock-status")
        locked = trading_locked(answer.body)
        if locked is None:
            raise VenueProtocolError("the trading lock status says neither locked nor unlocked")
        return locked

    async def hydra_cycle(self) -> HydraCycle:
        return await self.rest.get("/app/hydra-cycle", HydraCycle)

    # -- orders --------------------------------------------------------------------------------------------------

    async def wire_order(self, venue_order_id: str) -> WireOrder | None:
        """None: the venue says that it does not know the order."""
        try:
            return await self.rest.get(f"/accounts/order/{venue_order_id}", WireOrder)
        except VenueRefused as refused:
            if refused.code != NO_SUCH_ORDER:
                raise
            return None

    async def order(self, instrument: Instrument, order_id: OrderId, now_ns: Nanos) -> OrderReported:
        venue_order_id = self.known.venue_id(order_id)
        order = await self.wire_order(venue_order_id) if venue_order_id else None
        if order is None:
            return OrderReported(time_ns=now_ns, order_id=order_id, status=OrderStatus.ABSENT, executed=Lots(0))
        market = await self.market(instrument.symbol)
        report = reports.reported(order, order_id, market, now_ns)
        if reports.is_short(order, instrument):  # asked for by name, and said again: what is left of it is gone
            report = msgspec.structs.replace(report, status=OrderStatus.CANCELED)
        return report

    async def open_orders(self, instrument: Instrument, now_ns: Nanos) -> list[Restored]:
        market = await self.market(instrument.symbol)
        listed = await self._all("/accounts/open-orders", instrument.symbol, WireOrder)
        live = [order for order in listed if reports.status_of(order) in reports.LISTED]
        return [self._restored(order, market, now_ns) for order in live]

    def _restored(self, order: WireOrder, market: Market, now_ns: Nanos) -> Restored:
        found = reports.restored(order, self.known.order_id(order.id) or OrderId(""), market, now_ns)
        if found.order_id:
            return found
        asked_ns = Nanos(time_ns(order.created_at))
        seen = LostBuild(OrderId(""), order.symbol, found.side, found.price, found.quantity, asked_ns)
        return msgspec.structs.replace(found, order_id=self.known.recognise(order.id, seen) or OrderId(""))

    # -- trades --------------------------------------------------------------------------------------------------

    async def fills(
        self, instrument: Instrument, order_id: OrderId, venue_order_id: str, now_ns: Nanos
    ) -> list[OrderFilled]:
        """The trades of one order. Raises VenueProtocolError where the venue lists fewer than the order has."""
        order = await self.wire_order(venue_order_id)
        if order is None:
            raise OutcomeUnknown(f"order {venue_order_id[:40]} has trades, and the venue does not know it now")
        market = await self.market(instrument.symbol)
        found = reports.fills(order, order_id, market, now_ns)
        if sum(fill.quantity for fill in found) < reports.executed(order, instrument):
            listed = await self._all("/accounts/trades", instrument.symbol, WireExecution)
            order.order_execution_records = [trade for trade in listed if trade.order_id == order.id]
            found = reports.fills(order, order_id, market, now_ns)
        return found

    async def trades(self, instrument: Instrument, cursor: TradeCursor, now_ns: Nanos) -> TradesPage:
        """All trades since `cursor`, oldest first; those of its last minute once more."""
        since_ns = cursor.since_ms * MS - READ_AGAIN_NS
        listed = await self._all(
            "/accounts/trades", instrument.symbol, WireExecution, lambda trade: time_ns(trade.created_at) < since_ns
        )
        recent = [trade for trade in listed if not 0 < time_ns(trade.created_at) < since_ns]
        wanted: dict[str, set[str]] = {}  # trades by order
        for trade in recent:
            wanted.setdefault(trade.order_id, set()).add(trade.id)
        read = [await self._trades_of(order_id, ids, instrument, now_ns) for order_id, ids in wanted.items()]
        listed_now = (t for of_order in read for t in of_order if t.fill.trade_id in wanted[t.venue_order_id])
        found = sorted(listed_now, key=lambda trade: trade.fill.venue_time_ns)
        if not found:
            return TradesPage((), cursor, more=False)
        newest = found[-1].fill
        since_ms = max(cursor.since_ms, newest.venue_time_ns // MS)
        return TradesPage(tuple(found), TradeCursor(since_ms, newest.trade_id), more=False)

    async def _trades_of(
        self, venue_order_id: str, wanted: set[str], instrument: Instrument, now_ns: Nanos
    ) -> list[Trade]:
        """By order: which side a trade was on, and what was left of its lots, only the order tells.

        One question for each order: what was answered is remembered, so that a reading that fails on its way goes on
        where it stopped, however many orders have traded, and no order is asked about for trades that were read.
        """
        read = self._read.get(venue_order_id, [])
        if not wanted <= {trade.fill.trade_id for trade in read}:
            order_id = self.known.order_id(venue_order_id) or OrderId("")
            fills = await self.fills(instrument, order_id, venue_order_id, now_ns)
            self._read[venue_order_id] = read = [Trade(venue_order_id, fill) for fill in fills]
            while len(self._read) > ORDERS_READ_MOST:
                self._read.popitem(last=False)
        return read

    async def _all(
        self, path: str, symbol: str, item: type[T], is_old: Callable[[T], bool] = lambda _: False
    ) -> list[T]:
        """The items of every page, or up to the page that is all old. Raises VenueProtocolError for too many."""
        found: list[T] = []
        for number in range(1, PAGES_MOST + 1):
            answer = await self.rest.question(path, {"symbol": symbol, "limit": PAGE, "page": number})
            try:
                items, pages = page(answer.body, item)
            except (msgspec.DecodeError, UnicodeDecodeError) as failure:
                raise VenueProtocolError(f"{path}: {failure}") from failure
            found += items
            is_last = number >= pages and (pages > 1 or len(items) < PAGE)
            if is_last or not items or all(map(is_old, items)):
                return found
        raise VenueProtocolError(f"{path}: more than {PAGES_MOST} pages")
