"""Metrics of both programs, read at scrape time: how a metric is declared, what it is read from, and its text.

What is on a hot path counts in plain integers of its own, or in a `Histogram`; nothing else here runs until a scrape.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import islice

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

MOST_SERIES = 500  # of one family: labels come from enums and manifests, so more is a bug, not a reason to fill a disk
_SECOND_NS = 1_000_000_000
# 20 us to 1 s: a tick takes tens of microseconds, a commit hundreds, and a full disk seconds. Each bound is a series.
TICK_BOUNDS_NS = (*(step * 10**power for power in (4, 5, 6) for step in (2, 5, 10)), 10**8, _SECOND_NS)


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    most_series: int = MOST_SERIES


class Histogram:
    """Durations in nanoseconds, counted between `bounds_ns`, which rise; `observe` is for hot paths."""

    __slots__ = ("bounds_ns", "counts", "sum_ns")

    def __init__(self, bounds_ns: tuple[int, ...] = TICK_BOUNDS_NS) -> None:
        self.bounds_ns = bounds_ns
        self.counts = [0] * (len(bounds_ns) + 1)
        self.sum_ns = 0

    def observe(self, duration_ns: int) -> None:
        self.counts[bisect_left(self.bounds_ns, duration_ns)] += 1
        self.sum_ns += duration_ns

    def observe_s(self, duration_s: float) -> None:
        self.observe(round(duration_s * _SECOND_NS))

    @classmethod
    def sum_of(cls, parts: "Iterable[Histogram]") -> "Histogram":
        """One over all of `parts`, which have the usual bounds."""
        whole = cls()
        for part in parts:
            whole.counts = [one + other for one, other in zip(whole.counts, part.counts, strict=True)]
            whole.sum_ns += part.sum_ns
        return whole

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound in seconds, as Prometheus wants them."""
        total = 0
        found: list[tuple[str, float]] = []
        for bound, number in zip((*self.bounds_ns, None), self.counts, strict=True):
            total += number
            found.append(("+Inf" if bound is None else str(bound / _SECOND_NS), total))
        return found


# The values of a family by its labels' values, in the order of `Family.labels`; `()` is the key where it has none.
Values = Mapping[tuple[str, ...], int | float | Decimal | Histogram]
Readings = Mapping[Family, Values]


def registry_of(families: Sequence[Family], read: Callable[[], Readings]) -> CollectorRegistry:
    """A registry of its own that asks `read` at every scrape, and reports the process' memory and descriptors too."""
    own = CollectorRegistry()
    own.register(_Reader(families, read))
    ProcessCollector(registry=own)
    return own


class _Reader(Collector):
    def __init__(self, families: Sequence[Family], read: Callable[[], Readings]) -> None:
        self._families = families
        self._read = read

    def collect(self) -> Iterator[Metric]:
        for family, values in self._read().items():
            yield _metric(family, values)

    def describe(self) -> list[Metric]:
        """Names only: registering must not read counters of what is not composed yet."""
        return [_metric(family, {}) for family in self._families]


def _metric(family: Family, values: Values) -> Metric:
    few = sorted(islice(values.items(), family.most_series), key=lambda pair: pair[0])
    match family.kind:
        case Kind.HISTOGRAM:
            histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
            for labels, value in few:
                if not isinstance(value, Histogram):
                    raise TypeError(f"{family.name} is read from a Histogram")
                histogram.add_metric(labels, value.buckets(), value.sum_ns / _SECOND_NS)
            return histogram
        case Kind.COUNTER | Kind.GAUGE:
            made = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
            single = made(family.name, family.help, labels=family.labels)
            for labels, value in few:
                single.add_metric(labels, _number(family, value))
            return single


def _number(family: Family, value: float | Decimal | Histogram) -> float:
    """Prometheus knows only floats; this is the last step out, and nothing is computed with them."""
    if isinstance(value, Histogram):
        raise TypeError(f"{family.name} is no histogram")
    return float(value)
