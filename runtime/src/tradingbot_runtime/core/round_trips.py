"""What pings on a feed's own connection prove about the frames on it; no clock but ours is needed.

A pong comes behind all that the venue sent before it. A ping that is not answered for long has a backlog before its
answer: at the venue, on the way, or in our own socket. How long it has been waiting is how late a frame may be that is
received now. When our loop did not run, nothing was read and no ping was sent: from then on the connection counts as
asked, and what is read is as late as the pause was long, until the answer to a ping that was sent after it.

Not seen: what is late before it reaches the venue's end of the connection (`core.lateness` sees that, where frames
have a time), and a pause shorter than PAUSE_NS.

A venue that has never answered one of these pings is not judged by them.
"""

from collections import deque
from dataclasses import dataclass, field

from tradingbot_runtime.model import Nanos

PING_EVERY_NS = 1_000_000_000  # Binance takes five messages a second from a client, pongs and the usual pings included
PAUSE_NS = 500_000_000  # two beats of the feed
MOST_ASKED = 32  # unanswered for so long, the connection is given up


@dataclass(slots=True)
class RoundTrips:
    alive_ns: Nanos = Nanos(0)  # when the loop was last known to run; 0: not told yet
    _trip_ns: int = 0  # of the newest ping that was answered
    _answers: bool = False
    _pinged_ns: Nanos = Nanos(0)
    _asked: deque[Nanos] = field(default_factory=lambda: deque(maxlen=2 * MOST_ASKED))  # unanswered since, oldest first

    def opened(self) -> None:
        """A new connection. What was in doubt is so until the first answer on it; it is asked at the next beat."""
        while len(self._asked) > 1:
            self._asked.pop()
        self._pinged_ns = Nanos(0)

    def beat(self, now_ns: Nanos) -> bool:
        """The loop runs. Returns whether a ping is due."""
        paused = bool(self.alive_ns) and now_ns - self.alive_ns > PAUSE_NS
        if paused:
            self._asked.append(Nanos(self.alive_ns + 1))
        self.alive_ns = now_ns
        return paused or (now_ns - self._pinged_ns >= PING_EVERY_NS and len(self._asked) < MOST_ASKED)

    def asked(self, now_ns: Nanos) -> None:
        """A ping is sent, to be answered with `now_ns`."""
        self._pinged_ns = now_ns
        self._asked.append(now_ns)

    def answered(self, now_ns: Nanos, asked_ns: Nanos) -> None:
        """The ping that was sent at `asked_ns` is answered, and with it all before it."""
        if asked_ns not in self._asked:  # of a former connection
            return
        while self._asked and self._asked[0] <= asked_ns:
            self._asked.popleft()
        self._trip_ns, self._answers = now_ns - asked_ns, True

    def late_ns(self, now_ns: Nanos) -> int:
        """How late a frame may be that is received now, and of which the pings know."""
        if not self._answers:
            return 0
        return max(self._trip_ns, now_ns - self._asked[0]) if self._asked else self._trip_ns
