"""A listing of a thousand bots' objects is spread over its time; the first one, which everybody waits for, is not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from tradingbot_operator.cluster import CHUNK
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.queue import WorkQueue
from tradingbot_operator.resync import Resync
from tradingbot_operator.spread import wait_while
from tradingbot_operator.store import Store
from tradingbot_operator.watches import Watches

OVER_S = 60.0
PODS = 250


@dataclass(slots=True)
class Time:
    """Passes where somebody waits."""

    now_s: float = 0.0
    waited: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now_s += seconds


@dataclass(slots=True)
class ManyPods:
    time: Time
    page_s: float = 0.0  # how long the API server takes for one

    async def list(self, kind: str, selector: str, *, metadata_only: bool) -> AsyncIterator[Manifest]:
        assert (bool(selector), metadata_only) in {(True, False), (False, False), (True, True)}
        for n in range(PODS if kind == "Pod" else 0):
            if n % CHUNK == 0:
                self.time.now_s += self.page_s
            yield {"metadata": {"namespace": "n", "name": f"p-{n}", "uid": str(n), "resourceVersion": "1",
                                "labels": names.labels("maker")}}  # fmt: skip


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(asyncio, "sleep", made.sleep)
    return made


def resync(time: Time, page_s: float = 0.0) -> Resync:
    cluster = ManyPods(time, page_s)
    return Resync(cluster, Store(), WorkQueue(time, lambda: 0.5), time)  # type: ignore[arg-type]  # in the place of a Cluster


def test_the_first_listing_waits_for_nothing(time: Time) -> None:
    asyncio.run(resync(time).sweep())

    assert time.now_s == 0


def test_the_next_ones_take_their_time_between_pages(time: Time) -> None:
    made = resync(time)
    asyncio.run(made.sweep())
    time.waited.clear()

    asyncio.run(made.sweep(OVER_S))

    assert time.waited == [pytest.approx(OVER_S * CHUNK / PODS)] * 2
    assert (made.counters["missed"], made.counters["ghosts"]) == (PODS, 0), "all in the first, none in the second"


def test_a_listing_that_is_late_does_not_wait(time: Time) -> None:
    made = resync(time, page_s=OVER_S)
    asyncio.run(made.sweep())
    time.waited.clear()

    asyncio.run(made.sweep(OVER_S))

    assert time.waited == [0, 0]


def test_what_is_not_urgent_waits_for_what_is_and_not_for_ever(time: Time) -> None:
    asyncio.run(wait_while(lambda: time.now_s < 0.5, 1.0))
    assert time.now_s == pytest.approx(0.6)

    asyncio.run(wait_while(lambda: True, 1.0))
    assert time.now_s == pytest.approx(1.6)


def test_kinds_that_are_listed_again_are_no_sweep(time: Time) -> None:
    made = resync(time)
    asyncio.run(made.again(("Pod",)))

    assert made.store.count("Pod") == PODS
    assert (made.last_success, time.now_s) == (None, 0)


def test_a_watch_is_silent_that_has_told_nothing_for_a_while_and_not_all(time: Time) -> None:
    made = resync(time)
    asyncio.run(made.sweep())
    made.store.put("Service", {"metadata": {"namespace": "n", "name": "s", "uid": "s", "resourceVersion": "1"}})
    watches = Watches(time, made.store)
    watches.expect(("Pod", "Service", "Venue"))
    time.now_s = 6
    watches.hear("Pod", ("n", "p-0"))

    assert (watches.silent(10), watches.silent(6)) == ((), ("Service",))
    time.now_s = 15.9
    assert watches.silent(10) == ("Service",)
    time.now_s = 16
    assert watches.silent(10) == ("Pod", "Service")
    watches.hear("Service", ("n", "s"))
    assert watches.silent(10) == ("Pod",), "it has told all"
