"""DeltaDeFi's JSON <-> our vocabulary. Pure; no number goes through a float.

Source: DeltaDeFi API documentation (order records, balances, market config, account and market streams) and the
responses of its official SDK 1.1.1. The same number may be a string (REST) or a JSON number (streams), and a list may
come bare (SDK) or as a page (documentation): both are read.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

import msgspec

ZERO = msgspec.Raw(b'"0"')
NOTHING = msgspec.Raw(b"")
# Digits enough for every asset there is, and an exponent that cannot make a number of a million digits.
_NUMBER = re.compile(r"-?[0-9]{1,24}(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
T = TypeVar("T")


def number(raw: msgspec.Raw) -> Decimal:
    """The number in a JSON number or string, exactly. Raises ValueError."""
    text = bytes(raw)
    digits = text.strip(b'"').decode("ascii", "replace")
    if _NUMBER.fullmatch(digits):
        return Decimal(digits)
    raise ValueError(f"{text[:40]!r} is no number")


class Token(msgspec.Struct):
    symbol: str
    unit: str = ""
    decimals: int = 6
    max_qty_dp: int = 0


class TradingPair(msgspec.Struct):
    symbol: str
    base_token: Token
    quote_token: Token
    price_max_dp: int


class MarketConfig(msgspec.Struct):
    trading_pairs: list[TradingPair]


class WireExecution(msgspec.Struct):
    """One trade of one order; `id` is what makes it unique."""

    id: str
    order_id: str
    execution_price: msgspec.Raw
    filled_base_qty: msgspec.Raw
    commission: msgspec.Raw = ZERO
    commission_unit: str = ""
    role: str = "maker"
    created_at: str = ""


class WireOrder(msgspec.Struct):
    """An order as it is now; every report of one is the whole order."""

    id: str
    status: str
    symbol: str
    side: str
    base_qty: msgspec.Raw = ZERO
    price: msgspec.Raw = ZERO
    executed_base_qty: msgspec.Raw = ZERO
    created_at: str = ""
    updated_at: str = ""
    order_execution_records: list[WireExecution] | None = None


class WireBalance(msgspec.Struct):
    asset: str
    asset_unit: str = ""
    free: msgspec.Raw = ZERO
    locked: msgspec.Raw = ZERO


class Built(msgspec.Struct):
    order_id: str
    tx_hex: str


class CanceledOrders(msgspec.Struct):
    order_ids: list[str] = []


class EncryptedKey(msgspec.Struct):
    encrypted_operation_key: str


class SpotAccount(msgspec.Struct):
    account_id: str


class HydraCycle(msgspec.Struct):
    """When the Hydra head was opened and when it is to be closed."""

    start: str = ""
    end: str = ""


class AccountMessage(msgspec.Struct):
    """A frame of the account stream: `order_info`, `balance` or `dlta_points`."""

    sub_type: str = ""
    order: msgspec.Raw = NOTHING


class Level(msgspec.Struct):
    price: msgspec.Raw
    quantity: msgspec.Raw


class Depth(msgspec.Struct):
    """A whole book; `timestamp` in milliseconds."""

    timestamp: int
    bids: list[Level]
    asks: list[Level]


class _Page(msgspec.Struct):
    data: msgspec.Raw
    total_page: int = 1


def page(body: bytes, item: type[T]) -> tuple[list[T], int]:
    """The items of a list or of a page, and how many pages there are (1 where the venue does not say).

    Raises msgspec.DecodeError.
    """
    if body.lstrip()[:1] == b"[":
        return msgspec.json.decode(body, type=list[item]), 1  # type: ignore[valid-type]  # a type that is made here
    found = msgspec.json.decode(body, type=_Page)
    data = found.data if bytes(found.data) != b"null" else b"[]"
    return msgspec.json.decode(data, type=list[item]), found.total_page  # type: ignore[valid-type]  # as above


def time_ns(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time; 0 where there is none that can be read."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


_IS_LOCKED = {b"true": True, b'"locked"': True, b"false": False, b'"unlocked"': False, b'"active"': False}


def trading_locked(body: bytes) -> bool | None:
    """Whether trading is locked, as the lock status says; None when it does not say so in words that are known.

    The documentation names the address and not the answer's fields: a flag or a word under any usual name is read.
    """
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return None
    said = {
        _IS_LOCKED.get(bytes(value).lower()) for name, value in fields.items() if "lock" in name or name == "status"
    }
    return True if True in said else (False if False in said else None)
