"""What a record of the journal says of orders, in words. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.journal.records import AnyRecord, CancelSent, Decided
from tradingbot_runtime.model import (
    AnyCommand,
    Cancel,
    CancelAll,
    Instrument,
    OrderFilled,
    OrderId,
    Place,
    Replace,
)

TOLD = ("reason", "message", "trade_id", "venue_order_id", "status")  # as in a line of the log
SENT = "Sent"


@dataclass(frozen=True, slots=True)
class Written:
    """One transaction: `ledger` is what the market's rows are filed under."""

    ledger: str
    records: tuple[AnyRecord, ...]
    orders: tuple[Order, ...]  # that it touched, as they were then


@dataclass(frozen=True, slots=True)
class Step:
    order_id: OrderId
    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    begins: bool = False  # it is the order's first


def steps_of(record: AnyRecord, instrument: Instrument | None) -> Iterator[Step]:
    match record:
        case Decided():
            for command in record.commands:
                yield from _sent(command)
        case CancelSent():
            yield Step(record.order_id, type(record).__name__, {"reason": record.why})
        case OrderFilled():
            yield Step(record.order_id, type(record).__name__, _told(record) | _filled(record, instrument))
        case _ if (order_id := getattr(record, "order_id", OrderId(""))) != "":
            yield Step(order_id, type(record).__name__, _told(record))


def _sent(command: AnyCommand) -> Iterator[Step]:
    name = f"{type(command).__name__}{SENT}"
    match command:
        case Place():
            yield Step(command.order_id, name, begins=True)
        case Cancel():
            yield Step(command.order_id, name)
        case CancelAll():
            for order_id in command.order_ids:
                yield Step(order_id, name)
        case Replace():
            yield Step(command.replaces, name, {"replaced_by": command.order_id})
            yield Step(command.order_id, name, {"replaces": command.replaces}, begins=True)


def _told(record: AnyRecord) -> dict[str, str]:
    return {name: str(value) for name in TOLD if (value := getattr(record, name, ""))}


def _filled(fill: OrderFilled, instrument: Instrument | None) -> dict[str, str]:
    if instrument is None:
        return {}
    return {"price": instrument.price_text(fill.price), "quantity": instrument.quantity_text(fill.quantity)}
