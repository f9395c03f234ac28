"""Every order from its build on, bounded: the oldest that can no longer trade are forgotten."""

import hashlib
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from tradingbot_runtime.simulator.deltadefi.transactions import BuiltTransaction
from tradingbot_runtime.simulator.orders import NewOrder, Order, OrderStatus, Trade


class Life(StrEnum):
    """Where an order stands; the values are the SDK's words, where it has one."""

    BUILDING = "building"
    PROCESSING = "processing"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "fully_filled"
    CANCELLED = "cancelled"
    PARTIALLY_CANCELLED = "partially_cancelled"
    FAILED = "failed"


_LIFE = {
    OrderStatus.NEW: Life.OPEN,
    OrderStatus.PARTIALLY_FILLED: Life.PARTIALLY_FILLED,
    OrderStatus.FILLED: Life.FILLED,
}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A build request that was read and is well formed. `limit`: of a market order that has one."""

    new_order: NewOrder
    market: bool
    slippage_bp: int | None = None


@dataclass(slots=True)
class Entry:
    """`order` is None until it is submitted; `processing` until it has reached the market."""

    order_id: str
    wanted: Wanted
    transaction: BuiltTransaction
    built_ms: int
    order: Order | None = None
    processing: bool = False
    failed: bool = False
    trades: list[Trade] = field(default_factory=list)

    def life(self, order: Order | None) -> Life:
        """Where it stands when `order` is what the exchange has of it."""
        if self.failed:
            return Life.FAILED
        if order is None:
            return Life.BUILDING
        if self.processing:
            return Life.PROCESSING
        closed = Life.PARTIALLY_CANCELLED if order.executed else Life.CANCELLED
        return _LIFE.get(order.status, closed)

    @property
    def closed(self) -> bool:
        return self.order is not None and not self.order.status.open


class Register:
    """`first_id`: ids are made from here on, so that a restarted simulator repeats none of them."""

    def __init__(self, first_id: int, limit: int) -> None:
        self._first_id = first_id
        self._built = 0
        self._limit = limit
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._by_number: dict[int, Entry] = {}

    def next_id(self) -> str:
        self._built += 1
        return identity(f"order/{self._first_id}/{self._built}")

    def add(self, entry: Entry) -> None:
        self._entries[entry.order_id] = entry
        if len(self._entries) > self._limit:
            self._forget()

    def submitted(self, entry: Entry, order: Order) -> None:
        entry.order = order
        self._by_number[order.order_id] = entry

    def get(self, order_id: str) -> Entry | None:
        return self._entries.get(order_id)

    def of(self, order: Order) -> Entry:
        """The entry of one of the exchange's orders."""
        return self._by_number[order.order_id]

    def newest_first(self) -> Iterator[Entry]:
        return reversed(self._entries.values())

    def _forget(self) -> None:
        """The oldest that is not in the market: closed, or never submitted."""
        oldest = next((e for e in self._entries.values() if e.order is None or e.closed), None)
        if oldest is not None:
            del self._entries[oldest.order_id]
            if oldest.order is not None:
                del self._by_number[oldest.order.order_id]


def identity(name: str) -> str:
    """A UUID made of `name`."""
    return str(uuid.UUID(bytes=hashlib.blake2b(name.encode(), digest_size=16).digest(), version=4))
