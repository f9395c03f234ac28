"""What we ask of a venue. Imperative, frozen."""

import msgspec

from tradingbot_runtime.model.units import Lots, OrderId, Side, Ticks


class Command(msgspec.Struct, frozen=True, tag=True, kw_only=True, gc=False):
    order_id: OrderId


class Place(Command, frozen=True, kw_only=True, gc=False):
    """A post-only limit order: it never takes liquidity."""

    side: Side
    price: Ticks
    quantity: Lots


class Cancel(Command, frozen=True, kw_only=True, gc=False):
    pass


AnyCommand = Place | Cancel
