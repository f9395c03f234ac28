"""How far the venue's clock is ahead of ours, from a few questions for its time.

A sample's offset is the venue's time less the middle of asking and hearing; it is off by at most half the round trip.
Answers that took far longer than usual are left out, and the median of the rest is taken: one bad answer moves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

SAMPLES = 5
SLOWEST = 3  # times the median round trip; slower answers say nothing


@dataclass(frozen=True, slots=True)
class ClockSample:
    asked_ns: int  # our wall clock
    trip_ns: int  # on a clock that does not jump
    venue_ns: int

    @property
    def offset_ns(self) -> int:
        return self.venue_ns - self.asked_ns - self.trip_ns // 2


def clock_offset_ns(samples: Sequence[ClockSample]) -> int:
    """Raises ValueError without samples."""
    if not samples:
        raise ValueError("no sample of the venue's clock")
    usual = median_low([sample.trip_ns for sample in samples])
    return median_low([s.offset_ns for s in samples if s.trip_ns <= SLOWEST * usual])
