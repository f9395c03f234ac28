"""The account's requests, whichever way they come (REST or websocket API): parameters in, Binance's answer out."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from tradingbot_runtime.simulator import binance_json, order_entry
from tradingbot_runtime.simulator.binance_json import Json
from tradingbot_runtime.simulator.order_entry import Parameters
from tradingbot_runtime.simulator.orders import Order, Trade
from tradingbot_runtime.simulator.refusals import Reason, Refusal
from tradingbot_runtime.simulator.venue import SimulatedVenue

Answer = Json | list[Json]
MAX_ROWS = 1000
DEFAULT_ROWS = 500
Row = TypeVar("Row", Order, Trade)


class PrivateApi:
    def __init__(self, venue: SimulatedVenue) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._cancels = 0

    def place(self, parameters: Parameters) -> Answer:
        listing = self._exchange.listing(order_entry.symbol(parameters))
        request = order_entry.new_order(parameters, listing)
        detail = order_entry.response_type(parameters, request.type)
        now_ms = self._venue.clock.now_ms()
        self._venue.limits.order(now_ms)
        order, trades = self._exchange.place(request, now_ms)
        self._venue.tell_account()
        return binance_json.order_placed(order, trades, detail)

    def replace(self, parameters: Parameters) -> Answer:
        """Cancel one order and place another, `cancelReplaceMode` STOP_ON_FAILURE.

        What is wrong with the new one's parameters is found before anything happens; a cancel that fails leaves the
        new one unattempted.
        """
        mode = order_entry.mandatory(parameters, "cancelReplaceMode")
        if mode != "STOP_ON_FAILURE":
            raise Refusal(Reason.MALFORMED, "cancelReplaceMode")
        listing = self._exchange.listing(order_entry.symbol(parameters))
        order_entry.new_order(parameters, listing)
        old = {"symbol": listing.symbol, "orderId": parameters.get("cancelOrderId", ""),
               "origClientOrderId": parameters.get("cancelOrigClientOrderId", ""),
               "newClientOrderId": parameters.get("cancelNewClientOrderId", "")}  # fmt: skip
        if not old["orderId"] and not old["origClientOrderId"]:
            raise Refusal(Reason.EITHER_MANDATORY, "cancelOrigClientOrderId", "cancelOrderId")
        try:
            canceled = self.cancel(old)
        except Refusal as refusal:
            raise binance_json.replace_failed(refusal) from refusal
        try:
            placed = self.place(parameters)
        except Refusal as refusal:
            raise binance_json.replace_failed(refusal, canceled) from refusal
        return binance_json.replaced(canceled, placed)

    def cancel(self, parameters: Parameters) -> Answer:
        order = self._named(parameters, Reason.UNKNOWN_ORDER)
        answer = self._cancel(order, order_entry.text(parameters, "newClientOrderId", order_entry.CLIENT_ID))
        self._venue.tell_account()
        return answer

    def cancel_all(self, parameters: Parameters) -> Answer:
        """Binance refuses this with -2011 where no order is open."""
        listing = self._exchange.listing(order_entry.symbol(parameters))
        found = self._exchange.history.open_orders(listing.symbol)
        if not found:
            raise Refusal(Reason.UNKNOWN_ORDER)
        answers = [self._cancel(order, None) for order in found]
        self._venue.tell_account()
        return answers

    def status(self, parameters: Parameters) -> Answer:
        return binance_json.order_status(self._named(parameters, Reason.NO_SUCH_ORDER))

    def open_orders(self, parameters: Parameters) -> Answer:
        symbol = order_entry.text(parameters, "symbol", order_entry.SYMBOL)
        if symbol is not None:
            self._exchange.listing(symbol)
        return [binance_json.order_status(order) for order in self._exchange.history.open_orders(symbol)]

    def all_orders(self, parameters: Parameters) -> Answer:
        listing = self._exchange.listing(order_entry.symbol(parameters))
        found = [
            order
            for order in self._exchange.history
            if order.listing is listing and _within(parameters, order.created_ms)
        ]
        from_id = order_entry.number(parameters, "orderId")
        if from_id is not None:
            found = [order for order in found if order.order_id >= from_id]
        return [binance_json.order_status(order) for order in _page(parameters, found, from_id)]

    def my_trades(self, parameters: Parameters) -> Answer:
        """Ascending by trade id: from `fromId` or `startTime` on, else the newest."""
        listing = self._exchange.listing(order_entry.symbol(parameters))
        from_id = order_entry.number(parameters, "fromId")
        order_id = order_entry.number(parameters, "orderId")
        wanted: tuple[Callable[[Trade], bool], ...] = (
            lambda trade: trade.listing is listing,
            lambda trade: order_id is None or trade.order_id == order_id,
            lambda trade: from_id is None or trade.trade_id >= from_id,
            lambda trade: _within(parameters, trade.time_ms),
        )
        found = [trade for trade in self._exchange.history.trades if all(test(trade) for test in wanted)]
        return [binance_json.my_trade(trade) for trade in _page(parameters, found, from_id)]

    def account(self, parameters: Parameters) -> Answer:
        venue = self._venue
        answer = binance_json.account_status(self._exchange.account, venue.clock.now_ms(), venue.account_number)
        if parameters.get("omitZeroBalances") == "true":
            answer["balances"] = binance_json.balances(self._exchange.account, omit_zero=True)
        return answer

    def _named(self, parameters: Parameters, absent: Reason) -> Order:
        """The order that `orderId` or `origClientOrderId` names."""
        listing = self._exchange.listing(order_entry.symbol(parameters))
        order_id = order_entry.number(parameters, "orderId")
        client_id = order_entry.text(parameters, "origClientOrderId", order_entry.CLIENT_ID)
        if order_id is None and client_id is None:
            raise Refusal(Reason.EITHER_MANDATORY, "origClientOrderId", "orderId")
        order = self._exchange.find(listing, order_id, client_id)
        if order is None:
            raise Refusal(absent)
        return order

    def _cancel(self, order: Order, cancel_id: str | None) -> Json:
        self._cancels += 1
        name = cancel_id or f"cancel{self._cancels}"
        self._exchange.cancel(order, name, self._venue.clock.now_ms())
        return binance_json.order_canceled(order, name)


def _within(parameters: Parameters, time_ms: int) -> bool:
    start, end = order_entry.number(parameters, "startTime"), order_entry.number(parameters, "endTime")
    return (start is None or time_ms >= start) and (end is None or time_ms <= end)


def _page(parameters: Parameters, found: list[Row], from_id: int | None) -> list[Row]:
    rows = order_entry.limit(parameters, DEFAULT_ROWS, MAX_ROWS)
    forward = from_id is not None or bool(parameters.get("startTime"))
    return found[:rows] if forward else found[-rows:]


class PrivateCall(msgspec.Struct, frozen=True):
    """One request of the account: its two names, its weight, and what answers it."""

    http: tuple[str, str]
    websocket: str
    weight: int
    answer: Callable[[PrivateApi, Parameters], Answer]


PRIVATE_CALLS: tuple[PrivateCall, ...] = (
    PrivateCall(("POST", "/order"), "order.place", 1, PrivateApi.place),
    PrivateCall(("DELETE", "/order"), "order.cancel", 1, PrivateApi.cancel),
    PrivateCall(("POST", "/order/cancelReplace"), "order.cancelReplace", 1, PrivateApi.replace),
    PrivateCall(("GET", "/order"), "order.status", 4, PrivateApi.status),
    PrivateCall(("GET", "/openOrders"), "openOrders.status", 6, PrivateApi.open_orders),
    PrivateCall(("DELETE", "/openOrders"), "openOrders.cancelAll", 1, PrivateApi.cancel_all),
    PrivateCall(("GET", "/allOrders"), "allOrders", 20, PrivateApi.all_orders),
    PrivateCall(("GET", "/myTrades"), "myTrades", 20, PrivateApi.my_trades),
    PrivateCall(("GET", "/account"), "account.status", 20, PrivateApi.account),
)
