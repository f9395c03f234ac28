"""What the journal keeps beside events: decisions, with all that went into them."""

import msgspec

from tradingbot_runtime.model import AnyCommand, AnyEvent, Lots, Money, Nanos, OrderId, Side, Ticks
from tradingbot_runtime.model.control import Halt


class WantedQuote(msgspec.Struct, frozen=True, array_like=True, gc=False):
    side: Side
    price: Ticks
    quantity: Lots


class RefusedOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order that was planned beside the commands, and that risk did not let through."""

    side: Side
    price: Ticks
    quantity: Lots
    reason: str
    message: str


class Decided(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Commands were approved: what the market looked like, what was wanted, and what is sent because of it."""

    time_ns: Nanos
    update_id: int  # of the reference frame that was acted on
    reference_bid: Ticks  # in the reference's ticks
    reference_ask: Ticks
    venue_bid: Ticks | None  # None: nobody was on that side, or the book was not known
    venue_ask: Ticks | None
    base: Lots  # what the account held
    quote: Money
    quotes: tuple[WantedQuote, ...]
    commands: tuple[AnyCommand, ...]
    refused: tuple[RefusedOrder, ...] = ()
    venue_known: bool = True  # the venue had said what is in its book, and the feed was there


class ConfigApplied(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A configuration took effect between two ticks."""

    time_ns: Nanos
    config_hash: str
    document: str
    loosened: tuple[str, ...] = ()  # limits that allow more than before
    widened: tuple[str, ...] = ()  # the same with both values, for people
    by: str = ""  # where it came from; empty in a journal of before that was kept
    why: str = ""


class ConfigRefused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A configuration was offered, and the former one goes on."""

    time_ns: Nanos
    by: str  # who offered it
    reason: str  # what was answered: `Rejected` or `RestartRequired`
    message: str
    config_hash: str = ""  # of what was offered; empty: it is none


class CredentialsTaken(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Credentials that were mounted while trading: the venue has taken them, and they are used from now on."""

    time_ns: Nanos
    venue: str
    account: str
    by: str  # the Secret or folder that has changed


class CredentialsNotTaken(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Credentials that were mounted while trading and are of no use: the former ones go on."""

    time_ns: Nanos
    venue: str
    by: str
    message: str


class CancelSent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A cancel that no quote asked for: of an order that should not be there, or at the end of the process."""

    time_ns: Nanos
    order_id: OrderId
    why: str


class Halted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Trading stopped, or was reduced, until a person releases this very halt."""

    time_ns: Nanos
    halt: Halt


class Resumed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person released a halt."""

    time_ns: Nanos
    halt_id: str
    by: str


CredentialsRecord = CredentialsTaken | CredentialsNotTaken
AnyRecord = AnyEvent | Decided | ConfigApplied | ConfigRefused | CredentialsRecord | CancelSent | Halted | Resumed
