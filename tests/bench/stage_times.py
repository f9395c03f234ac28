"""Where the time of an acting tick goes inside our process: clocks around the methods of one bot's own objects.

Only for the profiled run: the measured runs have none of this in them.
"""

from collections.abc import Callable
from functools import lru_cache
from statistics import median
from time import perf_counter_ns
from typing import ParamSpec, TypeVar

from tradingbot_runtime.engine import Engine
from tradingbot_runtime.venues.binance.signing import Credentials

P = ParamSpec("P")
R = TypeVar("R")
TICK, ENGINE, JOURNAL, SEND, KEYS, SIGN = "tick", "engine", "journal", "send", "keys", "sign"


class MeasurableEngine(Engine):
    """An Engine with a `__dict__`: its `handle` can be replaced by one that measures."""


class MeasurableCredentials(Credentials):
    """Credentials with a `__dict__`."""


class Stages:
    """Durations of the tick being handled; those of the ticks that sent something are kept."""

    def __init__(self) -> None:
        self._tick: dict[str, tuple[int, int]] = {}  # stage -> (start, end), of its first call
        self._acting: list[dict[str, tuple[int, int]]] = []

    def timed(self, stage: str, function: Callable[P, R]) -> Callable[P, R]:
        """`function`, measured as `stage`."""

        def measured(*args: P.args, **kwargs: P.kwargs) -> R:
            start = perf_counter_ns()
            try:
                return function(*args, **kwargs)
            finally:
                self._tick.setdefault(stage, (start, perf_counter_ns()))

        return measured

    def measure(self, owner: object, method: str, stage: str) -> None:
        """Replace a method of this very object by one that measures."""
        vars(owner)[method] = self.timed(stage, getattr(owner, method))

    def measure_ticks(self, owner: object, method: str) -> None:
        """The same for the method that a tick begins and ends with."""
        handle = self.timed(TICK, getattr(owner, method))

        def tick(*args: object, **kwargs: object) -> None:
            self._tick = {}
            handle(*args, **kwargs)
            if SEND in self._tick:
                self._acting.append(self._tick)

        vars(owner)[method] = tick

    def credentials(self, current: Callable[[], Credentials]) -> Callable[[], Credentials]:
        """`current`, measured as KEYS, with its signing measured as SIGN."""

        @lru_cache(maxsize=1)
        def measurable(found: Credentials) -> Credentials:
            ours = MeasurableCredentials(found.api_key, found.signer)
            self.measure(ours, "parameters", SIGN)
            return ours

        read = self.timed(KEYS, current)
        return lambda: measurable(read())

    def report(self) -> dict[str, float]:
        """Median microseconds of each part of an acting tick, up to the first message's write, and of the whole."""
        parts = [_parts(tick) for tick in self._acting]
        return {name: round(median(p[name] for p in parts) / 1000, 1) for name in (parts[0] if parts else {})}


def _parts(tick: dict[str, tuple[int, int]]) -> dict[str, int]:
    """Durations that add up to the time from the frame's arrival in Python to the end of the first write."""
    lasted = {stage: end - start for stage, (start, end) in tick.items()}
    parts = {
        "decode": tick[ENGINE][0] - tick[TICK][0],
        "engine": lasted[ENGINE],
        "journal commit": lasted[JOURNAL],
        "read the keys": lasted[KEYS],
        "sign": lasted[SIGN],
        "encode, write": lasted[SEND] - lasted[KEYS] - lasted[SIGN],
    }
    whole = tick[SEND][1] - tick[TICK][0]
    return {**parts, "the rest": whole - sum(parts.values()), "in process": whole}
