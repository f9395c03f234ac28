"""What the account is told, in nobody's words: each protocol renders these in its own.

An event holds the state as it was when it happened; what it refers to may have moved on when it is rendered.
"""

from enum import StrEnum

import msgspec

from tradingbot_runtime.simulator.orders import Order, Trade


class Change(StrEnum):
    """What happened to an order; the values are Binance's execution types."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    PREVENTED = "TRADE_PREVENTION"  # it rested in the way of an order of the same account


class OrderChanged(msgspec.Struct, frozen=True, kw_only=True):
    """`cancel_id`: the client id of the request that cancelled it, where there was one."""

    order: Order
    change: Change
    time_ms: int
    trade: Trade | None = None
    cancel_id: str = ""


class Holding(msgspec.Struct, frozen=True, gc=False):
    """Atoms of one asset."""

    asset: str
    free: int
    locked: int


class BalancesChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Balances that may have changed, whole."""

    holdings: tuple[Holding, ...]
    time_ms: int


class Deposited(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`atoms` is negative for a withdrawal. The new balance follows as its own event."""

    asset: str
    atoms: int
    time_ms: int


AccountEvent = OrderChanged | BalancesChanged | Deposited
