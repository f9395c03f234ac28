"""Orders: build, submit, cancel. Each call takes what the request says, and answers JSON or raises Refusal."""

from typing import TypeVar

import msgspec

from tradingbot_runtime.simulator.deltadefi import order_entry, wire
from tradingbot_runtime.simulator.deltadefi.calls import Asked
from tradingbot_runtime.simulator.deltadefi.refusals import Reason, Refusal
from tradingbot_runtime.simulator.deltadefi.venue import DeltaDeFiVenue

Request = TypeVar("Request", bound=msgspec.Struct)


class _Submit(msgspec.Struct, frozen=True):
    order_id: str
    signed_tx: str


class _CancelAll(msgspec.Struct, frozen=True):
    symbol: str


def build(venue: DeltaDeFiVenue, asked: Asked) -> object:
    venue.require_open()
    request = order_entry.build_request(asked.body)
    entry = venue.desk.build(request, venue.market(request.symbol).pair, venue.now_ms())
    venue.tell_order(entry)
    return {"order_id": entry.order_id, "tx_hex": entry.transaction.tx_hex}


def submit(venue: DeltaDeFiVenue, asked: Asked) -> object:
    venue.require_open()
    request = _decoded(asked.body, _Submit)
    entry = venue.desk.submit(request.order_id, request.signed_tx, venue.now_ms())
    venue.submitted(entry)
    return wire.order(entry, entry.order, venue.manner.rest_words)


def cancel(venue: DeltaDeFiVenue, asked: Asked) -> object:
    venue.require_open()
    entry = venue.desk.cancel(asked.path["id"], venue.now_ms())
    venue.tell()
    return {"order_id": entry.order_id}


def cancel_all(venue: DeltaDeFiVenue, asked: Asked) -> object:
    venue.require_open()
    pair = venue.market(_decoded(asked.body, _CancelAll).symbol).pair
    cancelled = venue.desk.cancel_all(pair, venue.now_ms())
    venue.tell()
    return {"symbol": pair.symbol, "order_ids": [entry.order_id for entry in cancelled]}


def _decoded(body: bytes, kind: type[Request]) -> Request:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as wrong:
        raise Refusal(Reason.INVALID) from wrong
