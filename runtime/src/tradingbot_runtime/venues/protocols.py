"""What a venue must offer. Everything below this line is network; above it, none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tradingbot_runtime.core.risk import Approved
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
    last_pong_ns: Nanos = Nanos(0)
    connected: bool = False
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


class Gateway(Protocol):
    """Orders out, reports in. Reports come through the `OnEvent` that the gateway was made with."""

    def send(self, instrument: Instrument, approved: Approved) -> None:
        """Send at once, never wait. What becomes of it comes back as an event, at the latest after a deadline."""
        ...

    async def run(self) -> None:
        """Hold the connection; reconnects by itself, telling the listener of `connected`."""
        ...

    @property
    def connected(self) -> bool:
        """Orders can be sent and the account stream is live."""
        ...

    async def instrument(self, symbol: str) -> Instrument: ...
    async def balances(self, instrument: Instrument) -> BalancesReported: ...
    async def open_orders(self, instrument: Instrument) -> list[Restored]:
        """Open orders whose ids are of our making, whoever's bot it is."""
        ...

    async def order(self, instrument: Instrument, order_id: OrderId) -> OrderReported: ...
    async def fills(self, instrument: Instrument, order_id: OrderId, venue_order_id: str) -> list[OrderFilled]: ...
    async def cancel(self, instrument: Instrument, order_id: OrderId) -> None:
        """Cancel and wait for the answer; an order that the venue does not know is an answer too."""
        ...
