"""What the journal keeps beside events: decisions, with all that went into them."""

import msgspec

from tradingbot_runtime.model import AnyCommand, AnyEvent, Lots, Money, Nanos, Side, Ticks


class WantedQuote(msgspec.Struct, frozen=True, array_like=True, gc=False):
    side: Side
    price: Ticks
    quantity: Lots


class Decided(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Commands were approved: what the market looked like, what was wanted, and what is sent because of it."""

    time_ns: Nanos
    update_id: int  # of the reference frame that was acted on
    reference_bid: Ticks  # in the reference's ticks
    reference_ask: Ticks
    venue_bid: Ticks
    venue_ask: Ticks
    base: Lots  # what the account held
    quote: Money
    quotes: tuple[WantedQuote, ...]
    commands: tuple[AnyCommand, ...]


class ConfigApplied(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A configuration took effect between two ticks."""

    time_ns: Nanos
    config_hash: str
    document: str


AnyRecord = AnyEvent | Decided | ConfigApplied
