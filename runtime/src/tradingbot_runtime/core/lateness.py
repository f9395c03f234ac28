"""How late a source's news is, by the time that the venue wrote into it, without trusting two clocks to agree.

Of each piece of news only the distance is looked at: when it was received, by our clock that never jumps, less when it
was made, by the venue's. It is the time on the way and how far the clocks are apart; the smallest one is what is usual,
and what is above it is lateness. The usual distance

- falls at once when news is nearer (after three in a row: one wrong time stamp from the future makes nothing late),
- rises no faster than two clocks drift apart, so that news which is late for hours does not become the usual,
- is held to the venue's clock where that is measured (`measured`): a process that starts while its feed is late knows
  what is usual then, and a venue's clock that was set is forgiven.

News without a time in it is as late as what had one before it; when that is long ago, it was made at some time since,
and may be as old as that: after a silence nothing is believed before a time is told.

Where the venue's clock is not measured, a process that starts while the feed is late takes that for the usual until
the feed has caught up, and a venue's clock that was set back looks like lateness, until it drifts away or the process
is started anew.
"""

from dataclasses import dataclass

from tradingbot_runtime.model import Nanos

DRIFT = 5_000  # clocks drift apart by less than one part in so many: 200 ppm, 0.7 s in an hour
UNTOLD_NS = 250_000_000  # some times more than passes between two times in a busy market
CLOCK_ERROR_NS = 250_000_000  # of a measured clock, and what the news may take on its way without being late


@dataclass(slots=True)
class Lateness:
    latest_ns: int = 0  # how late the latest news was that had a time in it; 0 before there was any
    _told_ns: Nanos = Nanos(0)  # when that was; 0: never
    _usual_ns: int | None = None
    _since_ns: Nanos = Nanos(0)  # when the usual distance was right
    _one_before_ns: int | None = None  # distances of the news before
    _two_before_ns: int = 0

    def late_ns(self, now_ns: Nanos) -> int:
        """How late news may be that is received now."""
        untold_ns = now_ns - self._told_ns if self._told_ns else 0
        return self.latest_ns + untold_ns if untold_ns > UNTOLD_NS else self.latest_ns

    def told(self, now_ns: Nanos, made_ns: int) -> None:
        """News that the venue made at `made_ns`, by its clock, is received now."""
        distance_ns = now_ns - made_ns
        one = distance_ns if self._one_before_ns is None else self._one_before_ns
        two = distance_ns if self._one_before_ns is None else self._two_before_ns
        self._one_before_ns, self._two_before_ns = distance_ns, one
        confirmed_ns = max(distance_ns, one, two)
        drifted_ns = confirmed_ns if self._usual_ns is None else self._usual_ns + (now_ns - self._since_ns) // DRIFT
        if self._usual_ns is None or drifted_ns > self._usual_ns or confirmed_ns < drifted_ns:
            self._usual_ns, self._since_ns = min(confirmed_ns, drifted_ns), now_ns
        self.latest_ns, self._told_ns = max(distance_ns - self._usual_ns, 0), now_ns

    def measured(self, now_ns: Nanos, ahead_ns: int) -> None:
        """The venue's clock is `ahead_ns` ahead of the one that `now_ns` is of."""
        least_ns, most_ns = -ahead_ns - CLOCK_ERROR_NS, -ahead_ns + CLOCK_ERROR_NS
        usual_ns = most_ns if self._usual_ns is None else self._usual_ns
        self._usual_ns, self._since_ns = max(least_ns, min(usual_ns, most_ns)), now_ns
