"""What we ask of a venue. Imperative, frozen."""

import msgspec

from tradingbot_runtime.model.units import Lots, OrderId, Side, Ticks


class Command(msgspec.Struct, frozen=True, tag=True, kw_only=True, gc=False):
    order_id: OrderId

    @property
    def touches(self) -> tuple[OrderId, ...]:
        """Every order that it changes."""
        return (self.order_id,)


class Place(Command, frozen=True, kw_only=True, gc=False):
    """A limit order. It never takes liquidity, unless `post_only` is off: then `price` is how far it may go."""

    side: Side
    price: Ticks
    quantity: Lots
    post_only: bool = True


class Cancel(Command, frozen=True, kw_only=True, gc=False):
    pass


class Replace(Command, frozen=True, kw_only=True, gc=False):
    """One message that cancels `replaces` and, only when that has succeeded, places a new post-only order.

    Both count at their full size until both answers are in.
    """

    replaces: OrderId
    side: Side
    price: Ticks
    quantity: Lots

    @property
    def touches(self) -> tuple[OrderId, ...]:
        return (self.replaces, self.order_id)

    def new_order(self) -> Place:
        return Place(order_id=self.order_id, side=self.side, price=self.price, quantity=self.quantity)


class CancelAll(Command, frozen=True, kw_only=True, gc=False):
    """One message that cancels every order of the symbol; each of `order_ids` is answered for by itself.

    `order_id` is the first of them: it names the request.
    """

    order_ids: tuple[OrderId, ...]

    @property
    def touches(self) -> tuple[OrderId, ...]:
        return self.order_ids


AnyCommand = Place | Cancel | Replace | CancelAll
