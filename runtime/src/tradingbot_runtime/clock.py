"""The process' own time line: nanoseconds since the Unix epoch that never go back, whatever is done to the clock.

The wall clock is read once; from there on monotonic time counts. A step of the wall clock (NTP, a careless hand)
therefore moves no age, no budget and no day boundary.
"""

import time
from dataclasses import dataclass, field

from tradingbot_runtime.model import Nanos


@dataclass(frozen=True, slots=True)
class Clock:
    offset_ns: int = field(default_factory=lambda: time.time_ns() - time.monotonic_ns())

    def now_ns(self) -> Nanos:
        return Nanos(time.monotonic_ns() + self.offset_ns)
