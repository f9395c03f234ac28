"""Our commands as requests of Binance's websocket API; REST takes the same parameters. Pure.

Source: Binance spot API documentation, "WebSocket API", trading requests: `order.place`, `order.cancel`,
`order.cancelReplace`.
"""

from typing import NamedTuple, assert_never

from tradingbot_runtime.model import AnyCommand, Cancel, CancelAll, Instrument, OrderId, Place, Replace

Parameters = dict[str, str | int]


class Request(NamedTuple):
    """`command` is what its answer is about."""

    id: str
    method: str
    parameters: Parameters
    command: Place | Cancel | Replace


def requests(instrument: Instrument, command: AnyCommand) -> list[Request]:
    """The requests that carry `command` out; the account is shared, so that all of our orders are one request each."""
    symbol: Parameters = {"symbol": instrument.symbol}
    match command:
        case Place():
            return [Request(f"{command.order_id}p", "order.place", symbol | _order(instrument, command), command)]
        case Cancel():
            return [_cancel(symbol, command)]
        case CancelAll():
            return [_cancel(symbol, Cancel(order_id=order_id)) for order_id in command.order_ids]
        case Replace():
            old: Parameters = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": command.replaces}
            parameters = symbol | old | _order(instrument, command.new_order())
            return [Request(f"{command.order_id}r", "order.cancelReplace", parameters, command)]
        case _:
            assert_never(command)


def orders_of(command: Place | Cancel | Replace) -> tuple[OrderId, ...]:
    """Whose fate the answer decides."""
    return (command.replaces, command.order_id) if isinstance(command, Replace) else (command.order_id,)


def _cancel(symbol: Parameters, cancel: Cancel) -> Request:
    return Request(f"{cancel.order_id}c", "order.cancel", symbol | {"origClientOrderId": cancel.order_id}, cancel)


def _order(instrument: Instrument, place: Place) -> Parameters:
    kind: Parameters = {"type": "LIMIT_MAKER"} if place.post_only else {"type": "LIMIT", "timeInForce": "IOC"}
    return {
        "side": place.side.upper(),
        **kind,
        "price": instrument.price_text(place.price),
        "quantity": instrument.quantity_text(place.quantity),
        "newClientOrderId": place.order_id,
        "newOrderRespType": "ACK",
    }
