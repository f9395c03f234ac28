"""What all protocols of one simulator share: its clock, its latency, and the faults."""

import time
from collections.abc import Callable

import structlog

from tradingbot_runtime.simulator.faults import Faults
from tradingbot_runtime.simulator.stream_faults import StreamFaults

log = structlog.get_logger("simulator")


class ExchangeClock:
    """Wall clock in milliseconds; `step` moves it, for tests of clients."""

    def __init__(self) -> None:
        self.offset_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset_ms

    def step(self, by_ms: int) -> None:
        self.offset_ms += by_ms
        log.warning("ClockStepped", by_ms=by_ms)


class Conditions:
    """`lock_trading` locks DeltaDeFi's trading for so many seconds; ValueError where that is not spoken."""

    def __init__(self, latency_ms: int = 0) -> None:
        self.latency_s = latency_ms / 1000
        self.clock = ExchangeClock()
        self.faults = Faults()
        self.stream_faults = StreamFaults(self.faults)
        self.lock_trading: Callable[[float], None] = _no_lock


def _no_lock(_seconds: float) -> None:
    raise ValueError("only DeltaDeFi has a trading lock: start with --venue deltadefi")
