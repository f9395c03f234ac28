"""The simulator's counters for Prometheus; `/simulator/state` has the same for people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from tradingbot_runtime.metric_families import Family, Kind, Readings, registry_of

LINES = Family("simulator_recording_lines_total", Kind.COUNTER, (), "Lines of the recording that were read.")
SKIPPED = Family("simulator_recording_skipped_lines_total", Kind.COUNTER, ("reason",),
                 "Lines that could not be played; each is in the log.")  # fmt: skip
CLOCK_BACK = Family("simulator_recording_clock_back_total", Kind.COUNTER, (),
                    "Times that the recording's clock went back; what follows is played at once.")  # fmt: skip
EVENTS = Family("simulator_market_events_total", Kind.COUNTER, (), "Changes of a book, and trades.")
FAULTS = Family("simulator_faults_injected_total", Kind.COUNTER, ("kind",), "Faults that came true.")
FAMILIES = (LINES, SKIPPED, CLOCK_BACK, EVENTS, FAULTS)


@dataclass(frozen=True, slots=True)
class Counters:
    """What `/simulator/state` and Prometheus are told alike."""

    lines_read: int
    skipped_lines: Mapping[str, int]  # by reason
    clock_back: int
    market_events: int
    faults_injected: Mapping[str, int]  # by kind

    def readings(self) -> Readings:
        return {
            LINES: {(): self.lines_read},
            SKIPPED: {(reason,): count for reason, count in self.skipped_lines.items()},
            CLOCK_BACK: {(): self.clock_back},
            EVENTS: {(): self.market_events},
            FAULTS: {(kind,): count for kind, count in self.faults_injected.items()},
        }


def registry(counters: Callable[[], Counters]) -> CollectorRegistry:
    return registry_of(FAMILIES, lambda: counters().readings())
