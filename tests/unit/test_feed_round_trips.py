"""What pings prove of a connection: how late what is read from it may be, and nothing where nobody answers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engines import BTC
from tradingbot_runtime.core.round_trips import MOST_ASKED, PAUSE_NS, PING_EVERY_NS, RoundTrips
from tradingbot_runtime.model import FeedLost, Nanos, ReferenceTicked
from tradingbot_runtime.venues.binance.codec import MarketCodec
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.feed import BookFeed, Source

SECOND = 1_000_000_000
BEAT_NS = SECOND // 4


class Line:
    """A connection whose answers take `delay_ns`, beaten four times a second."""

    def __init__(self) -> None:
        self.trips, self.now_ns, self.delay_ns = RoundTrips(), 1_700_000_000 * SECOND, 50_000_000
        self._pongs: list[tuple[int, int]] = []  # due, asked
        self.sent = 0

    @property
    def late_ns(self) -> int:
        return self.trips.late_ns(Nanos(self.now_ns))

    def beat(self) -> None:
        if self.trips.beat(Nanos(self.now_ns)):
            self.trips.asked(Nanos(self.now_ns))
            self._pongs.append((self.now_ns + self.delay_ns, self.now_ns))
            self.sent += 1

    def go_on(self, for_ns: int) -> list[int]:
        """How late it is at each beat."""
        found = []
        for _ in range(for_ns // BEAT_NS):
            self.now_ns += BEAT_NS
            self.hear()
            self.beat()
            found.append(self.late_ns)
        return found

    def hear(self) -> None:
        for pong in [pong for pong in self._pongs if pong[0] <= self.now_ns]:
            self._pongs.remove(pong)
            self.trips.answered(Nanos(self.now_ns), Nanos(pong[1]))


def test_answers_that_come_at_once_make_nothing_late_and_a_ping_is_sent_each_second() -> None:
    line = Line()
    assert max(line.go_on(60 * SECOND)) <= BEAT_NS + line.delay_ns
    assert line.sent == 60 * SECOND // PING_EVERY_NS


@given(st.integers(2 * SECOND, 20 * SECOND))
def test_a_backlog_before_the_answers_is_how_late_frames_are_and_gone_with_it(delay_ns: int) -> None:
    line = Line()
    line.go_on(5 * SECOND)
    usual_ns, line.delay_ns = line.delay_ns, delay_ns
    line.go_on(PING_EVERY_NS + delay_ns + BEAT_NS)
    assert min(line.go_on(20 * SECOND)) >= delay_ns

    line.delay_ns = usual_ns
    line.go_on(delay_ns + PING_EVERY_NS + BEAT_NS)
    assert max(line.go_on(5 * SECOND)) <= BEAT_NS + usual_ns


@given(st.integers(PAUSE_NS + 1, 600 * SECOND), st.integers(0, 7))
def test_after_a_pause_of_the_loop_what_is_read_is_as_late_as_that_until_an_answer_to_a_later_ping(
    pause_ns: int, beats: int
) -> None:
    line = Line()
    line.go_on(5 * SECOND + beats * BEAT_NS)
    line.now_ns += pause_ns
    line.hear()  # pongs of before the pause prove nothing
    line.beat()
    assert line.late_ns >= pause_ns - 1
    line.now_ns += line.delay_ns - 1
    assert line.late_ns >= pause_ns - 1

    line.now_ns += 1
    line.hear()
    assert line.late_ns == line.delay_ns


def test_a_new_connection_does_not_end_the_doubt_before_its_first_answer() -> None:
    line = Line()
    line.go_on(5 * SECOND)
    line.now_ns += 12 * SECOND
    line.beat()
    line.trips.opened()
    line.beat()
    assert line.late_ns >= 12 * SECOND - 1

    line.now_ns += line.delay_ns
    line.hear()
    assert line.late_ns == line.delay_ns


def test_a_venue_that_never_answers_is_not_judged_and_not_asked_for_ever() -> None:
    line = Line()
    line.delay_ns = 10**18

    assert max(line.go_on(100 * SECOND)) == 0
    assert line.sent == MOST_ASKED
    line.trips.opened()
    line.go_on(5 * SECOND)
    assert line.sent > MOST_ASKED, "another connection is another chance"


def test_an_answer_to_nothing_that_was_asked_proves_nothing() -> None:
    line = Line()
    line.trips.answered(Nanos(line.now_ns), Nanos(7))

    assert line.late_ns == 0


def test_the_first_frame_after_a_pause_is_late_although_no_timer_has_run_since() -> None:
    now, ticks = [1_700_000_000 * SECOND], list[ReferenceTicked | FeedLost]()
    feed = BookFeed(BTC, Source("", MarketCodec(BTC)), ticks.append, lambda: Nanos(now[0]), Backoff(lambda: 0.5))

    def hear(update_id: int) -> int:
        data = {"u": update_id, "s": "BTCUSDT", "b": "61837.63", "B": "3.7", "a": "61837.64", "A": "1.5"}
        payload = json.dumps({"stream": "btcusdt@bookTicker", "data": data}).encode()
        feed.on_text(memoryview(payload), last=True)
        newest = ticks[-1]
        assert isinstance(newest, ReferenceTicked)
        return newest.late_ns

    def pong(asked_ns: int) -> None:
        feed._on_pong(asked_ns.to_bytes(8, "big"))  # noqa: SLF001 - what the connection calls

    feed.on_open(None)  # type: ignore[arg-type]  # it has no use for the transport
    pong(now[0])
    assert hear(1) == 0
    now[0] += 12 * SECOND
    assert hear(2) == pytest.approx(12 * SECOND)
    asked_ns = now[0]
    now[0] += SECOND // 20
    assert hear(3) == pytest.approx(12 * SECOND, rel=0.01)
    pong(asked_ns)
    assert hear(4) == 0
