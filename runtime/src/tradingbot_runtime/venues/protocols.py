"""What a venue must offer. Everything below this line is network; above it, none."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.risk import Approved
from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.model import (
    AnyEvent,
    BalancesReported,
    Instrument,
    Nanos,
    OrderFilled,
    OrderId,
    OrderReported,
    Restored,
)

OnEvent = Callable[[str, AnyEvent], None]  # (symbol, event)
OnConnected = Callable[[bool, str], None]  # (connected, reason)


@dataclass(slots=True)
class FeedHealth:
    """Counters of one feed; plain integers, because they are on the tick path. Metrics read them when scraped."""

    name: str
    frames: int = 0
    reconnects: int = 0
    last_frame_ns: Nanos = Nanos(0)
    late_ns: int = 0  # how late the frames are, as far as that is known
    connected: bool = False
    lost: str = "not connected yet"  # why there is no connection; empty: there is one
    bad: dict[str, int] | None = None  # reason -> count

    def refuse(self, reason: str) -> int:
        """Count a bad frame; returns how many there were of this reason."""
        self.bad = self.bad or {}
        self.bad[reason] = self.bad.get(reason, 0) + 1
        return self.bad[reason]


class Feed(Protocol):
    health: FeedHealth

    async def run(self) -> None:
        """Deliver events until cancelled; reconnects by itself."""
        ...


@dataclass(slots=True)
class GatewayHealth:
    """Counters; metrics read them when scraped."""

    connected: bool = False
    foreign_reports: int = 0
    errors: dict[str, int] = field(default_factory=dict)

    def count(self, kind: str) -> None:
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def question_failed(self, error: VenueError) -> None:
        """A question, that is: what is known stays as it was, and it is asked again."""
        self.count(f"Question{error.kind}")


@dataclass(frozen=True, slots=True)
class GatewayPorts:
    """What a gateway needs of whoever makes it."""

    on_event: OnEvent
    on_connected: OnConnected
    on_refused: Callable[[str, str], None]  # (reason, message): the venue does not take us as we are; a person must act
    budget: Budget  # of the account, the engine's: the venue's own word on the pace goes there
    durable: Callable[[], Awaitable[None]]  # returns when all that is committed survives the node
    is_fenced: Callable[[], bool]  # the slot's Lease is not ours any more
    on_mismatch: Callable[[], None] = lambda: None  # the account holds less than we think: compare balances soon


class TradeCursor(msgspec.Struct, frozen=True):
    """How far the account's trades have been read; it is kept in the journal."""

    since_ms: int  # the venue's clock: where the reading begins that has no trade to go on from
    trade_id: str = ""  # the newest trade read


class Trade(msgspec.Struct, frozen=True):
    """A trade as the venue lists it; `fill.order_id` is empty where the list does not name our own id."""

    venue_order_id: str
    fill: OrderFilled


class TradesPage(msgspec.Struct, frozen=True):
    trades: tuple[Trade, ...]  # oldest first; those of other orders of the account too
    cursor: TradeCursor  # where the next page begins
    more: bool  # the venue has more at once


class Gateway(Protocol):
    """Orders out, reports in. Reports come through the `OnEvent` that the gateway was made with.

    A question raises VenueError when it fails: an empty answer is one that the venue gave.
    """

    @property
    def two_phase(self) -> bool:
        """An order is built first and then submitted: it begins as INTENT, and the gateway tells the steps."""
        ...

    @property
    def exclusive(self) -> bool:
        """The venue has no client ids: one (account, symbol) belongs to one bot, every order there is its own."""
        ...

    @property
    def locked(self) -> str:
        """Why the venue answers nobody now (maintenance, trading lock); empty: it does. No question is asked then."""
        ...

    @property
    def health(self) -> GatewayHealth: ...

    def remember(self, order_id: OrderId, venue_order_id: str) -> None:
        """An order of an earlier life. Venues with client ids need not know."""
        ...

    def send(self, instrument: Instrument, approved: Approved) -> None:
        """Send at once, never wait. What becomes of it comes back as an event, at the latest after a deadline."""
        ...

    async def run(self) -> None:
        """Hold the connection; reconnects by itself, telling the listener of `connected`."""
        ...

    def expire(self) -> None:
        """Give up on what is overdue: replies, silent streams. Called by a timer."""
        ...

    @property
    def connected(self) -> bool:
        """Orders can be sent and the account stream is live."""
        ...

    async def instrument(self, symbol: str) -> Instrument: ...
    async def balances(self, instrument: Instrument) -> BalancesReported: ...
    async def open_orders(self, instrument: Instrument) -> list[Restored]:
        """Every open order of the account at this symbol.

        `order_id` is the client id as the venue has it, whoever's it is, or, where the venue has none, ours for an
        order that is known and empty for one that is not.
        """
        ...

    async def order(self, instrument: Instrument, order_id: OrderId) -> OrderReported:
        """ABSENT: the venue is healthy and does not know it. BUILDING: it was built and is not submitted."""
        ...

    async def order_id(self, instrument: Instrument, venue_order_id: str) -> OrderId | None:
        """The client id of an order that the venue names by its own; None when it has none."""
        ...

    async def fills(self, instrument: Instrument, order_id: OrderId, venue_order_id: str) -> list[OrderFilled]: ...
    async def trades(self, instrument: Instrument, cursor: TradeCursor) -> TradesPage:
        """The account's trades from `cursor` on, with some that were read before: none may slip through."""
        ...

    async def cancel(self, instrument: Instrument, order_id: OrderId, venue_order_id: str = "") -> None:
        """Cancel and wait for the answer; an order that the venue does not know is an answer too.

        By `venue_order_id` where `order_id` is not of our making.
        """
        ...
