"""The market-data feed of one symbol: best bid and offer, conflated to the newest in what was received."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
from picows import WSTransport

from tradingbot_runtime.model import FeedLost, Instrument, Nanos, ReferenceTicked
from tradingbot_runtime.venues.connection import Backoff, Connection, Upkeep, Url
from tradingbot_runtime.venues.protocols import FeedHealth

log = structlog.get_logger("feed")
LOGGED_EVERY = 1_000

OnTick = Callable[[ReferenceTicked | FeedLost], object]


class FrameRefused(Exception):
    """A frame that cannot be used; `reason` is a code for metrics."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class VenueLeaving(Exception):
    """The venue is about to close the connection: a new one is to be made before it does."""


class TopCodec(Protocol):
    """A venue's frames of one symbol."""

    def top(self, payload: memoryview, time_ns: Nanos) -> ReferenceTicked | None:
        """The best bid and offer in `payload`; None for what is no market data.

        Raises FrameRefused, and VenueLeaving.
        """
        ...


@dataclass(frozen=True, slots=True)
class Source:
    url: Url
    codec: TopCodec
    lives_s: float | None = None  # how long a connection may live


class BookFeed:
    """Calls `on_tick` with a ReferenceTicked, or a FeedLost, in the event loop.

    A frame that cannot be used is logged with its reason, counted, and passed over; a crossed book also takes the
    quotes away, because what we would quote around is not a market.
    """

    def __init__(
        self,
        instrument: Instrument,
        source: Source,
        on_tick: OnTick,
        now_ns: Callable[[], Nanos],
        backoff: Backoff,
    ) -> None:
        self.health = FeedHealth(f"{instrument.venue}/{instrument.symbol}")
        self._codec = source.codec
        self._on_tick = on_tick
        self._now_ns = now_ns
        self._pending: ReferenceTicked | None = None
        self._newest = 0  # update id, of this connection and of those that it has taken over from
        self._connection = Connection(self.health.name, source.url, self, backoff, Upkeep(source.lives_s))

    async def run(self) -> None:
        await self._connection.run()

    def check(self, now_ns: Nanos, dead_after_ns: int) -> None:
        """Force a new connection when nothing has come for so long that the old one must be dead."""
        health = self.health
        if health.connected and now_ns - health.last_frame_ns > dead_after_ns:
            health.last_frame_ns = now_ns
            log.warning("FeedSilent", feed=health.name, silent_for_s=dead_after_ns / 1e9)
            self._connection.reconnect()

    def on_open(self, _: WSTransport) -> None:
        if not self.health.connected:
            self._newest = 0
        self.health.connected, self.health.lost = True, ""
        self.health.last_frame_ns = self._now_ns()
        log.info("FeedConnected", feed=self.health.name)

    def on_text(self, payload: memoryview, *, last: bool) -> None:
        now_ns = self._now_ns()
        self.health.frames += 1
        try:
            tick = self._codec.top(payload, now_ns)
        except VenueLeaving:
            self._connection.renew()
            tick = None
        except FrameRefused as refused:
            self._refuse(refused, payload)
            if refused.reason == "Crossed":
                self._pending = None
                self._on_tick(FeedLost(time_ns=now_ns, feed="reference", reason="Crossed"))
            tick = None
        if tick is not None and tick.update_id < self._newest:
            self._refuse(FrameRefused("OutOfOrder", f"update {tick.update_id} after {self._newest}"), payload)
            tick = None
        if tick is not None:
            self._newest = tick.update_id
            self.health.last_frame_ns = now_ns
            self._pending = tick
        if last and self._pending is not None:
            pending, self._pending = self._pending, None
            self._on_tick(pending)

    def on_lost(self, reason: str) -> None:
        self._pending = None
        if self.health.connected:
            self.health.reconnects += 1
        self.health.connected, self.health.lost = False, reason
        self._on_tick(FeedLost(time_ns=self._now_ns(), feed="reference", reason=reason))

    def _refuse(self, refused: FrameRefused, payload: memoryview) -> None:
        count = self.health.refuse(refused.reason)
        if count == 1 or count % LOGGED_EVERY == 0:
            log.warning("FrameRefused", feed=self.health.name, reason=refused.reason, message=str(refused),
                        count=count, frame=bytes(payload[:200]).decode("utf-8", "replace"))  # fmt: skip
