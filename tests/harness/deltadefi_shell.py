"""A gateway to DeltaDeFi with a listener that remembers what it is told, and when."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeVar

from harness.waiting import met
from tradingbot_runtime.clock import Clock
from tradingbot_runtime.config import VenueSpec
from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.risk import Approved
from tradingbot_runtime.model import AnyCommand, AnyEvent, Instrument, Lots, OrderId, Place, Side, Ticks
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.deltadefi.adapter import DeltaDefiAdapter
from tradingbot_runtime.venues.deltadefi.credentials import DeltaDefiCredentials
from tradingbot_runtime.venues.deltadefi.gateway import DeltaDefiGateway
from tradingbot_runtime.venues.protocols import GatewayPorts

SYMBOL = "ADAUSDM"
E = TypeVar("E")


@dataclass
class Shell:
    """`log`: events and what else happened, in order. `wait_for_disk`: what `durable` waits for."""

    log: list[object] = field(default_factory=list)
    budget: Budget = field(default_factory=lambda: Budget(Fraction(1000), 1000, 300))
    wait_for_disk: asyncio.Event = field(default_factory=asyncio.Event)
    fenced: bool = False
    on_durable: Callable[[], None] = lambda: None
    on_told: Callable[[AnyEvent], None] = lambda _: None
    adapter: DeltaDefiAdapter = field(init=False)
    gateway: DeltaDefiGateway = field(init=False)
    instrument: Instrument = field(init=False)

    def events(self, kind: type[E]) -> list[E]:
        return [entry for entry in self.log if isinstance(entry, kind)]

    def kinds(self) -> list[str]:
        return [entry if isinstance(entry, str) else type(entry).__name__ for entry in self.log]

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait for a condition; AssertionError tells what there was instead."""
        await met(condition, what, lambda: f"there was {self.log}")

    async def first(self, kind: type[E]) -> E:
        await self.until(lambda: self.events(kind), kind.__name__)
        return self.events(kind)[0]

    def send(self, command: AnyCommand) -> None:
        self.gateway.send(self.instrument, Approved(command))

    def place(self, number: int = 1, price: int = 9300, lots: int = 1000) -> OrderId:
        order_id = OrderId(f"ours-{number}")
        self.send(Place(order_id=order_id, side=Side.BUY, price=Ticks(price), quantity=Lots(lots)))
        return order_id

    def told(self, _symbol: str, event: AnyEvent) -> None:
        self.log.append(event)
        self.on_told(event)

    def connected(self, connected: bool, _reason: str) -> None:  # noqa: FBT001 - as `OnConnected` says
        self.log.append("connected" if connected else "lost")

    async def durable(self) -> None:
        await self.wait_for_disk.wait()
        self.log.append("durable")
        self.on_durable()

    def ports(self) -> GatewayPorts:
        return GatewayPorts(
            on_event=self.told,
            on_connected=self.connected,
            on_refused=lambda reason, message: self.log.append(f"refused: {reason}: {message}"),
            budget=self.budget,
            durable=self.durable,
            is_fenced=lambda: self.fenced,
            on_mismatch=lambda: self.log.append("mismatch"),
        )


@asynccontextmanager
async def shell(rest: str, stream: str, api_key: str, password: str) -> AsyncIterator[Shell]:
    """A connected gateway; the disk answers at once. Its failure is raised at the end."""
    spec = VenueSpec.model_validate(
        {"environment": "Simulated", "type": "DeltaDeFi", "endpoints": {"rest": rest, "stream": stream}}
    )
    made, now_ns = Shell(), Clock().now_ns
    made.wait_for_disk.set()
    credentials = DeltaDefiCredentials(api_key, password)
    made.adapter = DeltaDefiAdapter(
        "deltadefi", spec, now_ns, Backoff(lambda: 0.0), lambda: credentials, KnownSecrets()
    )
    try:
        made.instrument = await made.adapter.instrument(SYMBOL)
        await made.adapter.account_id()
        made.gateway = made.adapter.gateway(made.ports(), {})
        running = asyncio.ensure_future(made.gateway.run())
        try:
            await made.until(lambda: made.gateway.connected or running.done(), "connected")
            yield made
        finally:
            running.cancel()
            ended = (await asyncio.gather(running, return_exceptions=True))[0]
            if not isinstance(ended, asyncio.CancelledError) and isinstance(ended, BaseException):
                raise ended
    finally:
        await made.adapter.close()
