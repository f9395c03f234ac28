"""Reading request parameters: text in, values out, Binance's refusal for what is wrong. Pure."""

import re

from tradingbot_runtime.model import Lots, Side, Ticks
from tradingbot_runtime.simulator.amounts import BadAmount, parse_amount
from tradingbot_runtime.simulator.instruments import Listing
from tradingbot_runtime.simulator.matching import TimeInForce
from tradingbot_runtime.simulator.orders import NewOrder, OrderType
from tradingbot_runtime.simulator.refusals import Reason, Refusal

Parameters = dict[str, str]
SYMBOL = r"^[A-Z0-9-_.]{1,20}$"
CLIENT_ID = r"^[a-zA-Z0-9-_.:/]{1,36}$"
NUMBER = r"^[0-9]{1,20}$"
RESPONSE_TYPES = ("ACK", "RESULT", "FULL")
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}


def text(parameters: Parameters, name: str, pattern: str) -> str | None:
    """A parameter that must match `pattern` where it is given; empty counts as not given."""
    value = parameters.get(name)
    if not value:
        return None
    if not re.fullmatch(pattern, value):
        raise Refusal(Reason.ILLEGAL_CHARACTERS, name, pattern)
    return value


def mandatory(parameters: Parameters, name: str) -> str:
    value = parameters.get(name)
    if not value:
        raise Refusal(Reason.MANDATORY, name)
    return value


def symbol(parameters: Parameters) -> str:
    mandatory(parameters, "symbol")
    return text(parameters, "symbol", SYMBOL) or ""


def number(parameters: Parameters, name: str) -> int | None:
    found = text(parameters, name, NUMBER)
    return None if found is None else int(found)


def limit(parameters: Parameters, default: int, most: int) -> int:
    """`limit`, cut to what is allowed."""
    found = number(parameters, "limit")
    if found == 0:
        raise Refusal(Reason.MALFORMED, "limit")
    return min(default if found is None else found, most)


def new_order(parameters: Parameters, listing: Listing) -> NewOrder:
    """A new order's parameters. Raises Refusal with Binance's code for the first thing that is wrong."""
    side = _SIDES.get(mandatory(parameters, "side"))
    if side is None:
        raise Refusal(Reason.SIDE)
    order_type = _order_type(mandatory(parameters, "type"))
    client_id = text(parameters, "newClientOrderId", CLIENT_ID) or ""
    if order_type is OrderType.MARKET:
        return _market_order(parameters, listing, side, client_id)
    if order_type is OrderType.LIMIT_MAKER and parameters.get("timeInForce"):
        raise Refusal(Reason.NOT_REQUIRED, "timeInForce")
    return NewOrder(
        listing=listing, side=side, type=order_type, client_id=client_id,
        time_in_force=_time_in_force(parameters) if order_type is OrderType.LIMIT else TimeInForce.GTC,
        price=_price(parameters, listing), lots=_lots(parameters, listing),
    )  # fmt: skip


def response_type(parameters: Parameters, order_type: OrderType) -> str:
    """newOrderRespType: MARKET and LIMIT answer FULL where nothing is said, the rest ACK."""
    asked = parameters.get("newOrderRespType")
    if not asked:
        return "ACK" if order_type is OrderType.LIMIT_MAKER else "FULL"
    if asked not in RESPONSE_TYPES:
        raise Refusal(Reason.MALFORMED, "newOrderRespType")
    return asked


def _market_order(parameters: Parameters, listing: Listing, side: Side, client_id: str) -> NewOrder:
    for name in ("price", "timeInForce"):
        if parameters.get(name):
            raise Refusal(Reason.NOT_REQUIRED, name)
    quote = parameters.get("quoteOrderQty")
    if quote and parameters.get("quantity"):
        raise Refusal(Reason.NOT_REQUIRED, "quoteOrderQty")
    if quote and side is Side.SELL:
        raise Refusal(Reason.NOT_REQUIRED, "quoteOrderQty")  # the simulator sells by quantity only
    if not quote and not parameters.get("quantity"):
        raise Refusal(Reason.EITHER_MANDATORY, "origQty", "quoteOrderQty")
    return NewOrder(
        listing=listing, side=side, type=OrderType.MARKET, time_in_force=TimeInForce.GTC, client_id=client_id,
        price=None, lots=Lots(0) if quote else _lots(parameters, listing),
        quote_atoms=_amount(parameters, "quoteOrderQty") if quote else 0,
    )  # fmt: skip


def _order_type(value: str) -> OrderType:
    if value not in OrderType.__members__:
        raise Refusal(Reason.ORDER_TYPE)
    return OrderType(value)


def _time_in_force(parameters: Parameters) -> TimeInForce:
    value = mandatory(parameters, "timeInForce")
    if value not in TimeInForce.__members__:
        raise Refusal(Reason.TIME_IN_FORCE)
    return TimeInForce(value)


def _amount(parameters: Parameters, name: str) -> int:
    value = mandatory(parameters, name)
    try:
        return parse_amount(value)
    except BadAmount as bad:
        if bad.too_precise:
            raise Refusal(Reason.PRECISION, name) from bad
        raise Refusal(Reason.ILLEGAL_CHARACTERS, name, r"^([0-9]{1,20})(\.[0-9]{1,20})?$") from bad


def _price(parameters: Parameters, listing: Listing) -> Ticks:
    ticks, rest = divmod(_amount(parameters, "price"), listing.tick_atoms)
    if rest or not ticks:
        raise Refusal(Reason.FILTER, "PRICE_FILTER")
    return Ticks(ticks)


def _lots(parameters: Parameters, listing: Listing) -> Lots:
    lots, rest = divmod(_amount(parameters, "quantity"), listing.lot_atoms)
    if rest:
        raise Refusal(Reason.FILTER, "LOT_SIZE")
    return Lots(lots)
