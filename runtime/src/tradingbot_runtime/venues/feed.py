"""The market-data feed of one symbol: best bid and offer, conflated to the newest in what was received.

Frames may come steadily and be old all the same. Each tick says how late it is, by the larger of two proofs: the time
that the venue wrote into its frames (`core.lateness`; where there is one), and pings on this very connection, whose
answers come behind whatever waits there (`core.round_trips`; also what waited in our own socket while this process did
not run). Whoever judges the age of what is known adds it: a tick that is late by 15 s is 15 s old.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
from msgspec.structs import replace
from picows import WSTransport

from tradingbot_runtime.core.lateness import Lateness
from tradingbot_runtime.core.round_trips import PAUSE_NS, RoundTrips
from tradingbot_runtime.model import FeedLost, Instrument, Nanos, ReferenceTicked
from tradingbot_runtime.venues.connection import Backoff, Connection, Upkeep, Url
from tradingbot_runtime.venues.protocols import FeedHealth

log = structlog.get_logger("feed")
LOGGED_EVERY = 1_000
BEAT_S = 0.25
ORDINARY_NS = 100_000_000  # the shortest `staleAfter` there is: nothing follows from being less late
FIRST_MS = 10**11  # a smaller number is no time in milliseconds

OnTick = Callable[[ReferenceTicked | FeedLost], object]


class FrameRefused(Exception):
    """A frame that cannot be used; `reason` is a code for metrics."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class VenueLeaving(Exception):
    """The venue is about to close the connection: a new one is to be made before it does."""


class TopCodec(Protocol):
    """A venue's frames of one symbol.

    `made_ms`: when the venue made the latest frame, by its clock; 0 where it does not say. The reader sets it back.
    """

    made_ms: int

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
    quotes away, because what we would quote around is not a market. What is old is delivered, and says so.
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
        self._lateness = Lateness()
        self._trips = RoundTrips()
        upkeep = Upkeep(source.lives_s, on_pong=self._on_pong)
        self._connection = Connection(self.health.name, source.url, self, backoff, upkeep)

    async def run(self) -> None:
        beating = asyncio.create_task(self._beat())
        try:
            await self._connection.run()
        finally:
            beating.cancel()

    def clock_measured(self, ahead_ns: int) -> None:
        """The venue's clock is so far ahead of this process' time line."""
        self._lateness.measured(self._now_ns(), ahead_ns)

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
        now_ns = self._now_ns()
        self.health.last_frame_ns = now_ns
        self._trips.opened()
        self._look(now_ns)
        log.info("FeedConnected", feed=self.health.name)

    def on_text(self, payload: memoryview, *, last: bool) -> None:
        now_ns = self._now_ns()
        self.health.frames += 1
        if now_ns - self._trips.alive_ns > PAUSE_NS:
            self._look(now_ns)
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
        if made_ms := self._codec.made_ms:
            self._codec.made_ms = 0
            if made_ms >= FIRST_MS:
                self._lateness.told(now_ns, made_ms * 1_000_000)
        if tick is not None and tick.update_id < self._newest:
            self._refuse(FrameRefused("OutOfOrder", f"update {tick.update_id} after {self._newest}"), payload)
            tick = None
        if tick is not None:
            self._newest = tick.update_id
            self.health.last_frame_ns = now_ns
            late_ns = max(self._lateness.late_ns(now_ns), self._trips.late_ns(now_ns))
            self._pending = tick if late_ns < ORDINARY_NS else replace(tick, late_ns=late_ns)
        if last and self._pending is not None:
            pending, self._pending = self._pending, None
            self._on_tick(pending)

    def on_lost(self, reason: str) -> None:
        self._pending = None
        if self.health.connected:
            self.health.reconnects += 1
        self.health.connected, self.health.lost = False, reason
        self._on_tick(FeedLost(time_ns=self._now_ns(), feed="reference", reason=reason))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self._look(self._now_ns())

    def _look(self, now_ns: Nanos) -> None:
        """Several times a second, and before a frame that came when this has not been done for long."""
        if self._trips.beat(now_ns) and self.health.connected:
            self._trips.asked(now_ns)
            self._connection.ping(now_ns.to_bytes(8, "big"))
        self.health.late_ns = max(self._lateness.latest_ns, self._trips.late_ns(now_ns))

    def _on_pong(self, payload: bytes) -> None:
        self._trips.answered(self._now_ns(), Nanos(int.from_bytes(payload, "big")))

    def _refuse(self, refused: FrameRefused, payload: memoryview) -> None:
        count = self.health.refuse(refused.reason)
        if count == 1 or count % LOGGED_EVERY == 0:
            log.warning("FrameRefused", feed=self.health.name, reason=refused.reason, message=str(refused),
                        count=count, frame=bytes(payload[:200]).decode("utf-8", "replace"))  # fmt: skip
