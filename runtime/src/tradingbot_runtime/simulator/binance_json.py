"""The exchange's state in Binance's words. Pure functions from our objects to JSON-ready dictionaries.

Source: Binance spot API documentation (REST, websocket API, user data stream).
"""

from collections.abc import Iterable

from tradingbot_runtime.model import Side
from tradingbot_runtime.simulator.account_events import AccountEvent, BalancesChanged, Deposited, OrderChanged
from tradingbot_runtime.simulator.accounts import Account
from tradingbot_runtime.simulator.amounts import amount_text
from tradingbot_runtime.simulator.orders import Order, Trade
from tradingbot_runtime.simulator.refusals import Reason, Refusal

Json = dict[str, object]
SELF_TRADE_PREVENTION = "EXPIRE_MAKER"
_SIDE = {Side.BUY: "BUY", Side.SELL: "SELL"}


def _quantities(order: Order) -> Json:
    listing = order.listing
    return {
        "price": amount_text(order.price * listing.tick_atoms),
        "origQty": amount_text(order.lots * listing.lot_atoms),
        "executedQty": amount_text(order.executed * listing.lot_atoms),
        "origQuoteOrderQty": amount_text(order.quote_atoms),
        "cummulativeQuoteQty": amount_text(order.spent),
        "status": order.status.value,
        "timeInForce": order.time_in_force.value,
        "type": order.type.value,
        "side": _SIDE[order.side],
    }


def order_status(order: Order) -> Json:
    """Answer to a question about an order."""
    return {
        "symbol": order.listing.symbol, "orderId": order.order_id, "orderListId": -1, "clientOrderId": order.client_id,
        **_quantities(order), "stopPrice": amount_text(0), "icebergQty": amount_text(0), "time": order.created_ms,
        "updateTime": order.updated_ms, "isWorking": True, "workingTime": order.created_ms,
        "selfTradePreventionMode": SELF_TRADE_PREVENTION,
    }  # fmt: skip


def order_placed(order: Order, trades: Iterable[Trade], detail: str) -> Json:
    """Answer to a new order; `detail` is newOrderRespType: ACK, RESULT or FULL."""
    answer: Json = {
        "symbol": order.listing.symbol, "orderId": order.order_id, "orderListId": -1, "clientOrderId": order.client_id,
        "transactTime": order.updated_ms,
    }  # fmt: skip
    if detail != "ACK":
        answer |= _quantities(order)
        answer |= {"workingTime": order.created_ms, "selfTradePreventionMode": SELF_TRADE_PREVENTION}
    if detail == "FULL":
        answer["fills"] = [
            {
                "price": amount_text(trade.price * order.listing.tick_atoms),
                "qty": amount_text(trade.lots * order.listing.lot_atoms),
                "commission": amount_text(trade.commission), "commissionAsset": trade.commission_asset,
                "tradeId": trade.trade_id,
            }
            for trade in trades
        ]  # fmt: skip
    return answer


def order_canceled(order: Order, cancel_id: str) -> Json:
    """Answer to a cancel. Here, as at Binance, `clientOrderId` is the cancel's own id."""
    return {
        "symbol": order.listing.symbol, "origClientOrderId": order.client_id, "orderId": order.order_id,
        "orderListId": -1, "clientOrderId": cancel_id, "transactTime": order.updated_ms, **_quantities(order),
        "selfTradePreventionMode": SELF_TRADE_PREVENTION,
    }  # fmt: skip


def replaced(canceled: object, placed: object) -> Json:
    """Answer to a replacement whose two halves succeeded."""
    return {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS", "cancelResponse": canceled,
            "newOrderResponse": placed}  # fmt: skip


def replace_failed(reason: Refusal, canceled: object = None) -> Refusal:
    """Refusal of a replacement: of its cancel or, where that has succeeded with `canceled`, of its new order."""
    if canceled is None:
        refusal = Refusal(Reason.REPLACE_FAILED)
        refusal.data = {"cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED", "cancelResponse": reason.body(),
                        "newOrderResponse": None}  # fmt: skip
    else:
        refusal = Refusal(Reason.REPLACE_FAILED_IN_PART)
        refusal.data = {"cancelResult": "SUCCESS", "newOrderResult": "FAILURE", "cancelResponse": canceled,
                        "newOrderResponse": reason.body()}  # fmt: skip
    return refusal


def my_trade(trade: Trade) -> Json:
    listing = trade.listing
    return {
        "symbol": listing.symbol, "id": trade.trade_id, "orderId": trade.order_id, "orderListId": -1,
        "price": amount_text(trade.price * listing.tick_atoms), "qty": amount_text(trade.lots * listing.lot_atoms),
        "quoteQty": amount_text(trade.price * trade.lots * listing.instrument.tick_lot),
        "commission": amount_text(trade.commission), "commissionAsset": trade.commission_asset,
        "time": trade.time_ms, "isBuyer": trade.side is Side.BUY, "isMaker": trade.maker, "isBestMatch": True,
    }  # fmt: skip


def _rate(millionths: int) -> str:
    return amount_text(millionths * 100)


def account_status(account: Account, time_ms: int, number: int) -> Json:
    rates = account.commission
    return {
        "makerCommission": rates.maker // 100, "takerCommission": rates.taker // 100, "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": _rate(rates.maker), "taker": _rate(rates.taker), "buyer": _rate(0),
                            "seller": _rate(0)},
        "canTrade": True, "canWithdraw": False, "canDeposit": False, "brokered": False,
        "requireSelfTradePrevention": False, "preventSor": False, "updateTime": account.updated_ms or time_ms,
        "accountType": "SPOT", "balances": balances(account), "permissions": ["SPOT"], "uid": number,
    }  # fmt: skip


def balances(account: Account, *, omit_zero: bool = False) -> list[Json]:
    return [
        {"asset": asset, "free": amount_text(balance.free), "locked": amount_text(balance.locked)}
        for asset, balance in account.balances.items()
        if balance.free or balance.locked or not omit_zero
    ]


def account_event(event: AccountEvent) -> Json:
    """The event of the user data stream that tells of `event`."""
    match event:
        case OrderChanged():
            return _execution_report(event)
        case BalancesChanged():
            return _account_position(event)
        case Deposited():
            return {"e": "balanceUpdate", "E": event.time_ms, "a": event.asset, "d": amount_text(event.atoms),
                    "T": event.time_ms}  # fmt: skip


def _execution_report(changed: OrderChanged) -> Json:
    """In a report of a cancel, `c` is the cancel's own id and `C` the order's, as at Binance."""
    order, trade, cancel_id = changed.order, changed.trade, changed.cancel_id
    listing = order.listing
    last_price, last_lots = (trade.price, trade.lots) if trade else (0, 0)
    return {
        "e": "executionReport", "E": changed.time_ms, "s": listing.symbol, "c": cancel_id or order.client_id,
        "S": _SIDE[order.side], "o": order.type.value, "f": order.time_in_force.value,
        "q": amount_text(order.lots * listing.lot_atoms), "p": amount_text(order.price * listing.tick_atoms),
        "P": amount_text(0), "F": amount_text(0), "g": -1, "C": order.client_id if cancel_id else "",
        "x": changed.change.value, "X": order.status.value, "r": "NONE", "i": order.order_id,
        "l": amount_text(last_lots * listing.lot_atoms),
        "z": amount_text(order.executed * listing.lot_atoms), "L": amount_text(last_price * listing.tick_atoms),
        "n": amount_text(trade.commission if trade else 0), "N": trade.commission_asset if trade else None,
        "T": order.updated_ms, "t": trade.trade_id if trade else -1, "I": order.order_id, "w": order.status.open,
        "m": trade.maker if trade else False, "M": trade is not None, "O": order.created_ms,
        "Z": amount_text(order.spent), "Y": amount_text(last_price * last_lots * listing.instrument.tick_lot),
        "Q": amount_text(order.quote_atoms), "W": order.created_ms, "V": SELF_TRADE_PREVENTION,
    }  # fmt: skip


def _account_position(changed: BalancesChanged) -> Json:
    holdings = [
        {"a": holding.asset, "f": amount_text(holding.free), "l": amount_text(holding.locked)}
        for holding in changed.holdings
    ]
    return {"e": "outboundAccountPosition", "E": changed.time_ms, "u": changed.time_ms, "B": holdings}
