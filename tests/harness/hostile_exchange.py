"""What is true at a venue: orders, trades and money. Nobody tells it wrong; `hostile_venue` tells it badly."""

from dataclasses import dataclass, field

from harness.engines import BTC
from tradingbot_runtime.model import (
    Instrument,
    Lots,
    Nanos,
    OrderFilled,
    OrderId,
    OrderReported,
    OrderStatus,
    Place,
    Restored,
    Side,
    Ticks,
)

MS = 1_000_000
FEE = 1_000  # a thousandth of what is received
BASE, QUOTE = 10**9, 10**15  # what the account begins with, in 1e-8 of the base asset and in money units


@dataclass
class TrueOrder:
    id: OrderId
    venue_id: str
    side: Side
    price: Ticks
    quantity: Lots
    executed: int = 0
    status: OrderStatus = OrderStatus.OPEN
    changed_ns: int = 0

    @property
    def is_open(self) -> bool:
        return self.status is OrderStatus.OPEN

    @property
    def left(self) -> int:
        return self.quantity - self.executed if self.is_open else 0


@dataclass
class HostileExchange:
    instrument: Instrument = BTC
    orders: dict[OrderId, TrueOrder] = field(default_factory=dict)
    trades: list[OrderFilled] = field(default_factory=list)
    base: int = BASE
    quote: int = QUOTE
    now_ns: int = 1_000_000_000_000
    named: int = 0  # orders ever, those that expired before they were submitted included

    @property
    def stamp(self) -> int:
        """A venue's clock is coarse: several changes happen in one millisecond."""
        return self.now_ns // MS * MS

    @property
    def open_orders(self) -> list[TrueOrder]:
        return [order for order in self.orders.values() if order.is_open]

    @property
    def position(self) -> int:
        return sum(trade.side.sign * trade.quantity for trade in self.trades)

    def build(self, place: Place) -> TrueOrder:
        """Two-phase venues: the order has an id and is not in the market."""
        return self._add(place, OrderStatus.BUILDING)

    def open(self, place: Place) -> TrueOrder:
        built = self.orders.get(place.order_id)
        if built is None:
            return self._add(place, OrderStatus.OPEN)
        built.status, built.changed_ns = OrderStatus.OPEN, self.stamp
        return built

    def _add(self, place: Place, status: OrderStatus) -> TrueOrder:
        self.named += 1
        order = TrueOrder(place.order_id, f"v{self.named}", place.side, place.price, place.quantity,
                          status=status, changed_ns=self.stamp)  # fmt: skip
        self.orders[place.order_id] = order
        return order

    def end(self, order: TrueOrder, status: OrderStatus) -> None:
        order.status, order.changed_ns = status, self.stamp

    def trade(self, order: TrueOrder, lots: int) -> OrderFilled:
        """Somebody takes `lots` of an open order."""
        received_base = order.side is Side.BUY
        value = lots * order.price * self.instrument.tick_lot
        base, quote = lots * self.instrument.lot_units, value // self.instrument.fee_money
        fee = (base if received_base else quote) // FEE
        order.executed += lots
        order.changed_ns = self.stamp
        if order.executed >= order.quantity:
            order.status = OrderStatus.FILLED
        self.base += order.side.sign * base - (fee if received_base else 0)
        self.quote -= order.side.sign * value + (0 if received_base else fee * self.instrument.fee_money)
        asset = self.instrument.base if received_base else self.instrument.quote
        trade = OrderFilled(
            time_ns=Nanos(self.now_ns), order_id=order.id, trade_id=str(len(self.trades) + 1), side=order.side,
            price=order.price, quantity=Lots(lots), fee=fee, fee_asset=asset, venue_time_ns=self.stamp,
        )  # fmt: skip
        self.trades.append(trade)
        return trade

    def report(self, order_id: OrderId) -> OrderReported:
        order = self.orders.get(order_id)
        if order is None:
            return OrderReported(
                time_ns=Nanos(self.now_ns), order_id=order_id, status=OrderStatus.ABSENT, executed=Lots(0)
            )
        return OrderReported(time_ns=Nanos(self.now_ns), order_id=order_id, status=order.status,
                             executed=Lots(order.executed), venue_order_id=order.venue_id,
                             venue_time_ns=order.changed_ns)  # fmt: skip

    def listed(self, order: TrueOrder) -> Restored:
        return Restored(time_ns=Nanos(self.now_ns), order_id=order.id, side=order.side, price=order.price,
                        quantity=order.quantity, executed=Lots(order.executed), venue_order_id=order.venue_id,
                        state="Partial" if order.executed else "Open", seen=True,
                        venue_time_ns=order.changed_ns)  # fmt: skip
