"""Frames of Binance's websocket API: replies to requests, and events of the account stream.

Source: Binance spot API documentation, "WebSocket API", response format and user data stream.
"""

import msgspec

from tradingbot_runtime.venues.binance.usage import RateLimit

RETRY_AFTER_S = 10  # where the venue does not say
NOTHING = msgspec.Raw(b"")


class ReplyError(msgspec.Struct):
    code: int = 0
    msg: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


class Result(msgspec.Struct, rename="camel"):
    order_id: int = 0
    status: str = ""
    executed_qty: str = "0"
    transact_time: int = 0  # milliseconds of the venue's clock


class Halves(msgspec.Struct, rename="camel"):
    """What became of a replacement: each result is SUCCESS, FAILURE or NOT_ATTEMPTED."""

    cancel_result: str = ""
    new_order_result: str = ""
    cancel_response: msgspec.Raw = msgspec.Raw(b"{}")
    new_order_response: msgspec.Raw = msgspec.Raw(b"{}")


class Frame(msgspec.Struct, rename="camel"):
    """A reply (`id`), or an event of the account stream (`event`)."""

    id: str | int | None = None
    status: int = 0
    result: msgspec.Raw = msgspec.Raw(b"{}")
    error: ReplyError | None = None
    event: msgspec.Raw = NOTHING
    rate_limits: tuple[RateLimit, ...] = ()


class EventType(msgspec.Struct):
    e: str = ""


class RetryAfter(msgspec.Struct, rename="camel"):
    """Both in milliseconds of the venue's clock."""

    server_time: int = 0
    retry_after: int = 0


def retry_after_s(error: ReplyError) -> float:
    """How long the venue wants to be left alone."""
    try:
        told = msgspec.json.decode(error.data, type=RetryAfter)
    except msgspec.DecodeError:
        return RETRY_AFTER_S
    return max((told.retry_after - told.server_time) / 1000, 1) if told.retry_after else RETRY_AFTER_S
