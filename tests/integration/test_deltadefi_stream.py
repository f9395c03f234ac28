"""The account stream's own watch over real sockets: silence is not trusted, and every connection is a new one."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from harness.deltadefi_venue import ScriptedVenue, scripted_venue
from harness.deltadefi_wire import ORDER
from harness.waiting import met
from tradingbot_runtime.model import Nanos
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.deltadefi.account_stream import (
    LONGEST_SILENCE_NS,
    SHOWN_WITHIN_NS,
    AccountStream,
    StreamListener,
)


@dataclass
class Watched:
    """A stream whose clock is the test's."""

    venue: ScriptedVenue
    api_key: str
    now: int = 10**18
    log: list[str] = field(default_factory=list)
    stream: AccountStream = field(init=False)

    def __post_init__(self) -> None:
        listener = StreamListener(
            on_order=lambda order: self.log.append(order.id),
            on_open=lambda: self.log.append("open"),
            on_lost=lambda _: self.log.append("lost"),
            on_bad_frame=self.log.append,
        )
        self.stream = AccountStream("venue", self._url, listener, lambda: Nanos(self.now), Backoff(lambda: 0.0))

    def _url(self) -> str:
        return f"{self.venue.stream}/accounts/stream?api_key={self.api_key}"

    async def until(self, log: list[str]) -> None:
        await met(lambda: self.log == log, str(log), lambda: str(self.log))


def watched(scenario: Callable[[Watched], Awaitable[None]]) -> None:
    async def run() -> None:
        api_key = secrets.token_hex(8)
        async with scripted_venue(api_key, "") as venue:
            made = Watched(venue, api_key)
            running = asyncio.ensure_future(made.stream.run())
            try:
                await made.until(["open"])
                await scenario(made)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())


def test_what_was_acknowledged_and_does_not_show_is_a_reason_for_a_new_connection() -> None:
    async def scenario(made: Watched) -> None:
        made.stream.expect()
        made.now += SHOWN_WITHIN_NS
        made.stream.check()
        assert made.stream.connected
        made.now += 1
        made.stream.check()
        await made.until(["open", "lost", "open"])

    watched(scenario)


def test_what_shows_in_time_is_no_reason() -> None:
    async def scenario(made: Watched) -> None:
        made.stream.expect()
        made.venue.tell(ORDER)
        await made.until(["open", str(ORDER["id"])])
        made.now += SHOWN_WITHIN_NS + 1
        made.stream.check()
        made.now += LONGEST_SILENCE_NS // 2
        made.stream.check()
        made.venue.push({"type": "Account", "sub_type": "balance", "balance": []})
        made.venue.tell(ORDER)
        await made.until(["open", str(ORDER["id"]), str(ORDER["id"])])

    watched(scenario)


def test_a_silence_that_is_too_long_is_a_reason_whatever_was_expected() -> None:
    async def scenario(made: Watched) -> None:
        made.now += LONGEST_SILENCE_NS + 1
        made.stream.check()
        await made.until(["open", "lost", "open"])
        made.stream.check()  # the new connection has its own time
        assert made.stream.connected

    watched(scenario)


def test_a_stream_that_the_venue_closes_politely_comes_back_with_the_key_of_the_day() -> None:
    async def scenario(made: Watched) -> None:
        made.api_key = made.venue.api_key = "another-key"
        for socket in list(made.venue.sockets):
            await socket.close(code=1001)
        await made.until(["open", "lost", "open"])

    watched(scenario)
