"""What an order's state at the venue means for our order: its fills first, then where it stands. Pure.

Sources: the status words of the official SDK and of the streams' documentation, which differ; both are known here.
"""

from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise

from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.errors import VenueProtocolError
from tradingbot_runtime.model import (
    Instrument,
    Lots,
    Nanos,
    OrderFilled,
    OrderId,
    OrderReported,
    OrderStatus,
    Restored,
    Side,
    Ticks,
)
from tradingbot_runtime.venues.deltadefi.codec import WireExecution, WireOrder, number, time_ns
from tradingbot_runtime.venues.deltadefi.market import Market

STATUSES = {
    "building": OrderStatus.BUILDING,  # not live: nothing was submitted
    "processing": OrderStatus.OPEN,  # submitted, and on its way to the book
    "open": OrderStatus.OPEN,
    "partially_filled": OrderStatus.OPEN,
    "fully_filled": OrderStatus.FILLED,
    "closed": OrderStatus.FILLED,
    "cancelled": OrderStatus.CANCELED,
    "canceled": OrderStatus.CANCELED,
    "partially_cancelled": OrderStatus.CANCELED,
    "partially_canceled": OrderStatus.CANCELED,
    "failed": OrderStatus.REJECTED,
}
LISTED = frozenset({OrderStatus.OPEN})
_TAKER = "taker"


def status_of(order: WireOrder) -> OrderStatus:
    """Raises VenueProtocolError for a word that is not known: to guess could forget an order."""
    status = STATUSES.get(order.status.lower())
    if status is None:
        raise VenueProtocolError(f"order status {order.status[:40]!r}")
    return status


def reported(order: WireOrder, order_id: OrderId, market: Market, now_ns: Nanos) -> OrderReported:
    """Where the order stands. Raises VenueProtocolError."""
    return OrderReported(
        time_ns=now_ns,
        order_id=order_id,
        status=status_of(order),
        executed=executed(order, market.instrument),
        venue_order_id=order.id,
        venue_time_ns=time_ns(order.updated_at),
    )


def is_short(order: WireOrder, instrument: Instrument) -> bool:
    """Said to be filled, with less than was ordered."""
    return status_of(order) is OrderStatus.FILLED and executed(order, instrument) < _lots(order.base_qty, instrument)


def executed(order: WireOrder, instrument: Instrument) -> Lots:
    return _lots(order.executed_base_qty, instrument)


def fills(order: WireOrder, order_id: OrderId, market: Market, now_ns: Nanos) -> list[OrderFilled]:
    """The order's trades, oldest first. Raises VenueProtocolError.

    A counterparty's order may leave a trade that is no whole number of our lots. Such remainders are carried to the
    order's next trade, so that the fills always add up to what the order has executed, rounded down.
    """
    records = sorted(order.order_execution_records or (), key=lambda r: (time_ns(r.created_at), r.id))
    try:
        found = list(_fills(records, order, order_id, market, now_ns))
    except (ValueError, KeyError) as error:
        raise VenueProtocolError(f"trades of order {order.id[:40]}: {error}") from error
    return [fill for fill in found if fill.quantity]


def _fills(
    records: list[WireExecution], order: WireOrder, order_id: OrderId, market: Market, now_ns: Nanos
) -> Iterator[OrderFilled]:
    side, instrument = Side(order.side.lower()), market.instrument
    sums = [Decimal(0)]
    for record in records:
        sums.append(sums[-1] + number(record.filled_base_qty))
    for record, (before, after) in zip(records, pairwise(sums), strict=True):
        price, quantity = number(record.execution_price), after - before
        traded = quantity * price if market.is_quote(record.commission_unit) else quantity
        fee, fee_asset = market.fee(record.commission, record.commission_unit, traded)
        yield OrderFilled(
            time_ns=now_ns,
            order_id=order_id,
            trade_id=record.id,
            side=side,
            price=_against_us(price, side, instrument),
            quantity=Lots(instrument.lots_floor(after) - instrument.lots_floor(before)),
            fee=fee,
            fee_asset=fee_asset,
            maker=record.role.lower() != _TAKER,
            venue_time_ns=time_ns(record.created_at),
        )


def restored(order: WireOrder, order_id: OrderId, market: Market, now_ns: Nanos) -> Restored:
    """A listed order. Raises VenueProtocolError for a price or a side that is none."""
    instrument = market.instrument
    done = executed(order, instrument)
    try:
        side = Side(order.side.lower())
        price = _against_us(number(order.price), side, instrument)
    except ValueError as error:
        raise VenueProtocolError(f"order {order.id[:40]}: {error}") from error
    return Restored(
        time_ns=now_ns,
        order_id=order_id,
        side=side,
        price=price,
        quantity=_lots(order.base_qty, instrument),
        executed=done,
        venue_order_id=order.id,
        state=OrderState.PARTIAL if done else OrderState.OPEN,
        seen=True,
        venue_time_ns=time_ns(order.updated_at),
    )


def _lots(raw: object, instrument: Instrument) -> Lots:
    try:
        return instrument.lots_floor(number(raw))  # type: ignore[arg-type]  # a Raw of the struct
    except ValueError as error:
        raise VenueProtocolError(str(error)) from error


def _against_us(price: Decimal, side: Side, instrument: Instrument) -> Ticks:
    """Whole ticks; a price between two of them (an average, say) counts as the worse one."""
    ticks = price / instrument.tick_size
    return Ticks(int(ticks.to_integral_value(ROUND_CEILING if side is Side.BUY else ROUND_FLOOR)))
