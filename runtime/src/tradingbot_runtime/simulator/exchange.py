"""The exchange's core: orders, matching, money, and what the account is told. Pure; time is an input.

Every change appends the account's events to `events` in the order in which they happened; the shell drains them.
"""

from collections.abc import Iterable

import msgspec

from tradingbot_runtime.model import Lots, Side, Ticks
from tradingbot_runtime.simulator.account_events import (
    AccountEvent,
    BalancesChanged,
    Change,
    Deposited,
    Holding,
    OrderChanged,
)
from tradingbot_runtime.simulator.accounts import Account
from tradingbot_runtime.simulator.book import Book
from tradingbot_runtime.simulator.history import History
from tradingbot_runtime.simulator.instruments import Listing
from tradingbot_runtime.simulator.market_events import AnyMarketEvent, DepthChanged, TopChanged, TradePrinted
from tradingbot_runtime.simulator.matching import Executed, Execution, Expired, MatchingEngine, Submission
from tradingbot_runtime.simulator.order_rules import Situation, refusal
from tradingbot_runtime.simulator.orders import NewOrder, Order, OrderStatus, OrderType, Trade
from tradingbot_runtime.simulator.refusals import Reason, Refusal

HISTORY = 20_000  # closed orders, and trades


class Exchange:
    """`first_id`: order and trade ids count up from here, so that a restarted simulator repeats none of them."""

    def __init__(self, listings: Iterable[Listing], account: Account, first_id: int, history: int = HISTORY) -> None:
        self.listings = {listing.symbol: listing for listing in listings}
        self.engines = {symbol: MatchingEngine(Book()) for symbol in self.listings}
        self.account = account
        self.history = History(history)
        self.events: list[AccountEvent] = []
        self._next_order = first_id
        self._next_trade = first_id

    def listing(self, symbol: str) -> Listing:
        if symbol not in self.listings:
            raise Refusal(Reason.SYMBOL)
        return self.listings[symbol]

    def book(self, symbol: str) -> Book:
        return self.engines[symbol].book

    def place(self, request: NewOrder, time_ms: int) -> tuple[Order, list[Trade]]:
        """Accept an order by Binance's rules and match it. Raises Refusal (nothing has happened then)."""
        engine = self.engines[request.listing.symbol]
        if request.quote_atoms:
            request = msgspec.structs.replace(request, lots=affordable(engine, request))
        objection = refusal(Situation(request, engine, self.account, self.history))
        if objection is not None:
            raise objection
        order = self.accept(request, time_ms)
        return order, self.match(order, time_ms)

    def accept(self, request: NewOrder, time_ms: int) -> Order:
        """Take an order on, and set its money aside. It is not in the market yet: `match` does that.

        Whether it may be taken on, the protocol's own rules have seen. ValueError when the money is not there.
        """
        order = self._order(request, time_ms)
        if order.price and not self.account.lock(order):
            raise ValueError(f"order {order.order_id} needs more than there is")
        self.history.add(order)
        self.events.append(OrderChanged(order=order.copy(), change=Change.NEW, time_ms=time_ms))
        if order.price:
            self._report_balances(_assets([order.listing]), time_ms)
        return order

    def match(self, order: Order, time_ms: int) -> list[Trade]:
        """Bring an accepted order into the market; its own trades. ValueError where it is post-only and would take."""
        engine = self.engines[order.listing.symbol]
        trades = self._settle(engine.place(_submission(order)), time_ms)
        return [trade for trade in trades if trade.order_id == order.order_id]

    def cancel(self, order: Order, cancel_id: str, time_ms: int) -> None:
        """Take an open order out of the market. Raises Refusal when it is not open."""
        if not order.status.open:
            raise Refusal(Reason.UNKNOWN_ORDER)
        self.engines[order.listing.symbol].cancel(order.order_id)
        self._close(order, OrderStatus.CANCELED, Change.CANCELED, time_ms, cancel_id)
        self._report_balances(_assets([order.listing]), time_ms)

    def find(self, listing: Listing, order_id: int | None, client_id: str | None) -> Order | None:
        """By the exchange's id or, without one, the newest of that client id."""
        if order_id is not None:
            order = self.history.get(order_id)
            return order if order is not None and order.listing is listing else None
        return self.history.by_client_id(listing.symbol, client_id) if client_id else None

    def on_market(self, event: AnyMarketEvent, time_ms: int) -> None:
        """The market moved: our resting orders may trade."""
        engine = self.engines[event.symbol]
        if isinstance(event, TradePrinted):
            executions = engine.on_trade(event)
        else:
            if isinstance(event, TopChanged):
                engine.book.apply_top(event)
            elif isinstance(event, DepthChanged):
                engine.book.apply_depth(event)
            else:
                engine.book.apply_snapshot(event)
            executions = engine.on_book()
        self._settle(executions, time_ms)

    def deposit(self, asset: str, atoms: int, time_ms: int) -> None:
        """Add to (or, negative, take from) the free balance. Raises Refusal when that is not there."""
        balance = self.account.balance(asset)
        if balance.free + atoms < 0:
            raise Refusal(Reason.BALANCE)
        balance.free += atoms
        self.events.append(Deposited(asset=asset, atoms=atoms, time_ms=time_ms))
        self._report_balances([asset], time_ms)

    def drain_events(self) -> list[AccountEvent]:
        events, self.events = self.events, []
        return events

    def _order(self, request: NewOrder, time_ms: int) -> Order:
        order_id, self._next_order = self._next_order, self._next_order + 1
        return Order(
            order_id=order_id, client_id=request.client_id or f"sim{order_id}", listing=request.listing,
            side=request.side, type=request.type, time_in_force=request.time_in_force,
            price=request.price or Ticks(0), lots=request.lots, quote_atoms=request.quote_atoms,
            created_ms=time_ms, updated_ms=time_ms,
        )  # fmt: skip

    def _settle(self, executions: list[Execution], time_ms: int) -> list[Trade]:
        trades = []
        touched: dict[str, Listing] = {}
        for execution in executions:
            order = self.history.get(execution.order_id)
            if order is None:
                raise LookupError(f"the matching engine knows order {execution.order_id}, the history does not")
            touched[order.listing.symbol] = order.listing
            if isinstance(execution, Executed):
                trades.append(self._fill(order, execution, time_ms))
            else:
                self._expire(order, execution, time_ms)
        if touched:
            self._report_balances(_assets(touched.values()), time_ms)
        return trades

    def _fill(self, order: Order, execution: Executed, time_ms: int) -> Trade:
        trade = self._trade(order, execution, time_ms)
        self.account.settle(order, trade, locked=bool(order.price))
        order.executed = Lots(order.executed + trade.lots)
        order.spent += trade.price * trade.lots * order.listing.instrument.tick_lot
        order.updated_ms = time_ms
        order.status = OrderStatus.PARTIALLY_FILLED if order.left else OrderStatus.FILLED
        self.history.add_trade(trade)
        if not order.left:
            self.history.close(order)
        self.events.append(OrderChanged(order=order.copy(), change=Change.TRADE, time_ms=time_ms, trade=trade))
        return trade

    def _trade(self, order: Order, execution: Executed, time_ms: int) -> Trade:
        listing = order.listing
        amount = execution.lots * listing.lot_atoms
        value = execution.price * execution.lots * listing.instrument.tick_lot
        received, asset = (
            (amount, listing.instrument.base) if order.side is Side.BUY else (value, listing.instrument.quote)
        )
        trade_id, self._next_trade = self._next_trade, self._next_trade + 1
        return Trade(
            trade_id=trade_id, order_id=order.order_id, listing=listing, side=order.side, price=execution.price,
            lots=execution.lots, commission=self.account.commission.of(received, maker=execution.maker),
            commission_asset=asset, maker=execution.maker, time_ms=time_ms,
        )  # fmt: skip

    def _expire(self, order: Order, execution: Expired, time_ms: int) -> None:
        if execution.self_trade:
            self._close(order, OrderStatus.EXPIRED_IN_MATCH, Change.PREVENTED, time_ms)
        else:
            self._close(order, OrderStatus.EXPIRED, Change.EXPIRED, time_ms)

    def _close(self, order: Order, status: OrderStatus, change: Change, time_ms: int, cancel_id: str = "") -> None:
        if order.price:
            self.account.release(order)
        order.status = status
        order.updated_ms = time_ms
        self.history.close(order)
        self.events.append(OrderChanged(order=order.copy(), change=change, time_ms=time_ms, cancel_id=cancel_id))

    def _report_balances(self, assets: Iterable[str], time_ms: int) -> None:
        held = ((asset, self.account.balance(asset)) for asset in assets)
        holdings = tuple(Holding(asset, balance.free, balance.locked) for asset, balance in held)
        self.events.append(BalancesChanged(holdings=holdings, time_ms=time_ms))


def _assets(listings: Iterable[Listing]) -> Iterable[str]:
    return dict.fromkeys(asset for entry in listings for asset in (entry.instrument.base, entry.instrument.quote))


def _submission(order: Order) -> Submission:
    return Submission(
        order_id=order.order_id, side=order.side, price=order.price or None, lots=order.lots,
        time_in_force=order.time_in_force, post_only=order.type is OrderType.LIMIT_MAKER,
    )  # fmt: skip


def affordable(engine: MatchingEngine, request: NewOrder) -> Lots:
    """How much a market buy for `quote_atoms` can take."""
    instrument = request.listing.instrument
    budget, wanted = request.quote_atoms // instrument.tick_lot, 0
    for price, lots in engine.levels(request.side):
        taken = min(lots, budget // price)
        wanted, budget = wanted + taken, budget - taken * price
        if taken < lots:
            break
    return Lots(wanted)
