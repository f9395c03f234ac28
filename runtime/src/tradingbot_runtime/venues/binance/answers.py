"""What an answer to a request of ours proves, as events: one for each order that the request was about. Pure.

A `cancelReplace` has two halves; -2021 and -2022 say what became of each (Binance spot API documentation, "Cancel an
existing order and send a new order", STOP_ON_FAILURE): the new order is not attempted when the cancel failed.
"""

from typing import NamedTuple

import msgspec

from tradingbot_runtime.model import (
    NOT_ATTEMPTED,
    Cancel,
    CancelRejected,
    Instrument,
    Nanos,
    OrderAccepted,
    OrderDenied,
    OrderEvent,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OutcomeLost,
    Place,
    Replace,
)
from tradingbot_runtime.venues.binance.outcomes import REASONS, Code, Proof, proof
from tradingbot_runtime.venues.binance.replies import Halves, ReplyError, Result
from tradingbot_runtime.venues.binance.reports import MS

NOT_CONNECTED = "NotConnected"


class Asked(NamedTuple):
    """A request and when its answer came."""

    instrument: Instrument
    command: Place | Cancel | Replace
    now_ns: Nanos

    def halves(self) -> tuple["Asked", "Asked"]:
        """The cancel and the order of a replacement."""
        if not isinstance(self.command, Replace):
            raise TypeError(f"{self.command} has no halves")
        cancel = Cancel(order_id=self.command.replaces)
        return self._replace(command=cancel), self._replace(command=self.command.new_order())


def succeeded(asked: Asked, raw: msgspec.Raw) -> list[OrderEvent]:
    """Raises msgspec.DecodeError and ValueError for an answer that makes no sense."""
    if isinstance(asked.command, Replace):
        cancel, place = asked.halves()
        halves = msgspec.json.decode(raw, type=Halves)
        return [*succeeded(cancel, halves.cancel_response), *succeeded(place, halves.new_order_response)]
    result = msgspec.json.decode(raw, type=Result)
    if not result.order_id:
        raise ValueError("a success without an order's number")
    venue_order_id, venue_time_ns = str(result.order_id), result.transact_time * MS
    if isinstance(asked.command, Place):
        return [OrderAccepted(time_ns=asked.now_ns, order_id=asked.command.order_id, venue_order_id=venue_order_id,
                              venue_time_ns=venue_time_ns)]  # fmt: skip
    executed = asked.instrument.lots(result.executed_qty)
    return [OrderReported(time_ns=asked.now_ns, order_id=asked.command.order_id, status=OrderStatus.CANCELED,
                          executed=executed, venue_order_id=venue_order_id, venue_time_ns=venue_time_ns)]  # fmt: skip


def failed(asked: Asked, status: int, error: ReplyError) -> list[OrderEvent]:
    """Raises msgspec.DecodeError for an answer that makes no sense."""
    if isinstance(asked.command, Replace):
        return _failed_in_part(asked, status, error)
    if proof(status, error.code, error.msg) is Proof.UNKNOWN:
        return lost(asked, f"status {status}: {error.msg} ({error.code})")
    now_ns, order_id = asked.now_ns, asked.command.order_id
    if isinstance(asked.command, Cancel):
        gone = error.code == Code.CANCEL_REJECTED
        return [CancelRejected(time_ns=now_ns, order_id=order_id, gone=gone, reason=str(error.code), message=error.msg)]
    reason = REASONS.get(error.msg, str(error.code))
    return [OrderRejected(time_ns=now_ns, order_id=order_id, reason=reason, message=error.msg)]


def _failed_in_part(asked: Asked, status: int, error: ReplyError) -> list[OrderEvent]:
    cancel, place = asked.halves()
    if error.code not in (Code.REPLACE_FAILED_IN_PART, Code.REPLACE_FAILED):  # neither half was attempted
        return [*failed(cancel, status, error), *failed(place, status, error)]
    halves = msgspec.json.decode(error.data, type=Halves)
    return [
        *_half(cancel, halves.cancel_result, halves.cancel_response),
        *_half(place, halves.new_order_result, halves.new_order_response),
    ]


def _half(asked: Asked, outcome: str, response: msgspec.Raw) -> list[OrderEvent]:
    if outcome == "SUCCESS":
        return succeeded(asked, response)
    if outcome == "FAILURE":
        return failed(asked, 400, msgspec.json.decode(response, type=ReplyError))
    if outcome == "NOT_ATTEMPTED":
        return [OrderRejected(time_ns=asked.now_ns, order_id=asked.command.order_id, reason=NOT_ATTEMPTED)]
    return lost(asked, f"half of a replacement is {outcome!r}")


def lost(asked: Asked, message: str) -> list[OrderEvent]:
    """Nothing is proved for any of them."""
    if isinstance(asked.command, Replace):
        return [event for half in asked.halves() for event in lost(half, message)]
    return [OutcomeLost(time_ns=asked.now_ns, order_id=asked.command.order_id, message=message)]


def not_sent(asked: Asked, reason: str = NOT_CONNECTED) -> list[OrderEvent]:
    """The request did not leave: an order is denied; a cancel stays wanted, and is sent again."""
    if isinstance(asked.command, Replace):
        return [event for half in asked.halves() for event in not_sent(half, reason)]
    if isinstance(asked.command, Cancel):
        return lost(asked, f"not sent: {reason}")
    return [OrderDenied(time_ns=asked.now_ns, order_id=asked.command.order_id, reason=reason)]
