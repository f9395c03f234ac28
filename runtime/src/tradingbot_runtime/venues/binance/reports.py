"""`executionReport` frames of the user data stream -> order events.

Source: Binance spot API documentation, "User data streams", order update. `c` is the client id of the request that
the report is about, `C` the original one when that request was a cancel.
"""

import msgspec

from tradingbot_runtime.core.order_ids import OrderKey, decode
from tradingbot_runtime.model import (
    Instrument,
    Nanos,
    OrderAccepted,
    OrderEvent,
    OrderFilled,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    asset_units,
)
from tradingbot_runtime.venues.binance.codec import SIDES

MS = 1_000_000  # nanoseconds


class ExecutionReport(msgspec.Struct, frozen=True, gc=False):
    s: str
    c: str
    C: str
    S: str
    x: str
    X: str
    r: str
    i: int
    l: str  # noqa: E741 - the wire's name: quantity of this fill
    z: str
    L: str
    n: str
    N: str | None
    t: int
    m: bool
    T: int = 0  # when it happened, by the venue's clock, in milliseconds


_ENDS = {"CANCELED": OrderStatus.CANCELED, "EXPIRED": OrderStatus.EXPIRED, "TRADE_PREVENTION": OrderStatus.EXPIRED}


def order_id_of(report: ExecutionReport) -> tuple[OrderId, OrderKey] | None:
    """Our order that the report is about; None for a foreign one."""
    for text in (report.C, report.c):
        key = decode(text)
        if key is not None:
            return OrderId(text), key
    return None


def order_event(report: ExecutionReport, order_id: OrderId, instrument: Instrument, now_ns: Nanos) -> OrderEvent | None:
    """What the report says; None for what changes nothing. Raises ValueError for numbers off the grid."""
    venue_order_id, venue_time_ns = str(report.i), report.T * MS
    if report.x == "NEW":
        return OrderAccepted(
            time_ns=now_ns, order_id=order_id, venue_order_id=venue_order_id, venue_time_ns=venue_time_ns
        )
    if report.x == "TRADE":
        return OrderFilled(
            time_ns=now_ns,
            order_id=order_id,
            trade_id=str(report.t),
            side=SIDES[report.S],
            price=instrument.ticks(report.L),
            quantity=instrument.lots(report.l),
            fee=asset_units(report.n),
            fee_asset=report.N or "",
            maker=report.m,
            venue_time_ns=venue_time_ns,
        )
    if report.x == "REJECTED":
        return OrderRejected(time_ns=now_ns, order_id=order_id, reason=report.r)
    if report.x in _ENDS:
        executed = instrument.lots(report.z)
        return OrderReported(
            time_ns=now_ns,
            order_id=order_id,
            status=_ENDS[report.x],
            executed=executed,
            venue_order_id=venue_order_id,
            venue_time_ns=venue_time_ns,
        )
    return None
