"""An order and a trade as the exchange keeps them."""

from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from tradingbot_runtime.model import Lots, Side, Ticks
from tradingbot_runtime.simulator.instruments import Listing
from tradingbot_runtime.simulator.matching import TimeInForce


class OrderType(StrEnum):
    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"


class OrderStatus(StrEnum):
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"  # taken out by self-trade prevention

    @property
    def open(self) -> bool:
        return self in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was read and is well formed. `quote_atoms`: a market buy for so much of the quote asset."""

    listing: Listing
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    client_id: str
    price: Ticks | None
    lots: Lots
    quote_atoms: int = 0


class Trade(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One fill of one of our orders."""

    trade_id: int
    order_id: int
    listing: Listing
    side: Side
    price: Ticks
    lots: Lots
    commission: int  # atoms of `commission_asset`
    commission_asset: str
    maker: bool
    time_ms: int


@dataclass(slots=True)
class Order:
    """`price` 0 is a market order. `spent` is what its fills were worth, in atoms of the quote asset."""

    order_id: int
    client_id: str
    listing: Listing
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    price: Ticks
    lots: Lots
    quote_atoms: int
    created_ms: int
    updated_ms: int
    status: OrderStatus = OrderStatus.NEW
    executed: Lots = Lots(0)
    spent: int = 0

    @property
    def left(self) -> Lots:
        return Lots(self.lots - self.executed)

    def copy(self) -> "Order":
        return replace(self)
