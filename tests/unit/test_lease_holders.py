"""Two pods and one Lease, under everything that a network and two machines do, in virtual time.

The pods run the production `SlotLease`; the API server is a model that does optimistic concurrency and nothing else;
requests and answers are delayed, lost and applied after the client has given up; clocks start anywhere and run up to
one percent fast or slow. At no moment may two pods believe that they may send orders, and there must be the whole
margin between the last moment of one and the first of the next.
"""

import asyncio
import json
import selectors
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tradingbot_runtime.config import LeaseReference
from tradingbot_runtime.lease import LeaseConflict, LeaseRecord, LeaseUnavailable, SlotLease
from tradingbot_runtime.lease.record import MARGIN_NS, parse_lease

SECOND = 1_000_000_000
REFERENCE = LeaseReference(name="bot-0", duration_ns=20 * SECOND, renew_ns=5 * SECOND)
LOOK_S = 0.2  # how often the invariant is looked at
HEALTHY_S = 40.0  # after this long without a fault somebody holds the Lease
T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now_s


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout > 0:
            self._loop.now_s += timeout
        return super().select(0)


class Fate(StrEnum):
    FINE = "fine"
    REQUEST_LOST = "request lost"
    REPLY_LOST = "reply lost"
    APPLIED_LATE = "applied long after the client gave up"
    REFUSED = "500, nothing done"
    REFUSED_AFTER_DOING = "500, but done"
    SLOW = "slow, but in time"


@dataclass
class Server:
    """One Lease with optimistic concurrency."""

    document: dict[str, Any] = field(
        default_factory=lambda: {"metadata": {"uid": "u1", "resourceVersion": "1"}, "spec": {}}
    )

    def read(self) -> LeaseRecord:
        return parse_lease(json.dumps(self.document).encode())

    def replace(self, document: Mapping[str, Any]) -> LeaseRecord:
        have = self.document["metadata"]["resourceVersion"]
        if document["metadata"]["resourceVersion"] != have:
            raise LeaseConflict("409")
        if document != self.document:
            self.document = {**document, "metadata": {**document["metadata"], "resourceVersion": str(int(have) + 1)}}
        return self.read()


@dataclass
class Network:
    """One pod's way to the API server, an implementation of `LeaseApi`."""

    server: Server
    fates: deque[Fate] = field(default_factory=deque)
    down: bool = False
    in_flight: set[asyncio.Task[LeaseRecord]] = field(default_factory=set)

    async def read(self, name: str, timeout_s: float) -> LeaseRecord | None:
        assert name == "bot-0"
        return await self._carry(None, timeout_s)

    async def replace(self, name: str, document: Mapping[str, Any], timeout_s: float) -> LeaseRecord:
        assert name == "bot-0"
        return await self._carry(document, timeout_s)

    async def _carry(self, document: Mapping[str, Any] | None, timeout_s: float) -> LeaseRecord:
        fate = self.fates.popleft() if self.fates else Fate.FINE
        task = asyncio.ensure_future(self._deliver(document, Fate.REQUEST_LOST if self.down else fate))
        self.in_flight.add(task)
        task.add_done_callback(self._arrived)
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(task)
        except TimeoutError as error:
            raise LeaseUnavailable("timeout") from error

    def _arrived(self, task: asyncio.Task[LeaseRecord]) -> None:
        self.in_flight.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be waiting for it any more

    async def _deliver(self, document: Mapping[str, Any] | None, fate: Fate) -> LeaseRecord:
        before_s = {Fate.REQUEST_LOST: 1000.0, Fate.APPLIED_LATE: 12.0, Fate.SLOW: 2.0}.get(fate, 0.01)
        after_s = {Fate.REPLY_LOST: 1000.0, Fate.APPLIED_LATE: 1.0, Fate.SLOW: 2.5}.get(fate, 0.01)
        await asyncio.sleep(before_s)
        if fate in {Fate.REQUEST_LOST, Fate.REFUSED}:
            raise LeaseUnavailable("500")
        answer = self.server.read() if document is None else self.server.replace(document)
        await asyncio.sleep(after_s)
        if fate is Fate.REFUSED_AFTER_DOING:
            raise LeaseUnavailable("500")
        return answer


@dataclass
class Machine:
    """A node's boot-time clock: it starts anywhere and is up to one percent fast or slow."""

    loop: VirtualLoop
    offset_ns: int
    rate: Fraction

    def clock(self) -> int:
        return self.offset_ns + int(Fraction(self.loop.now_s) * SECOND * self.rate)


class Pod:
    def __init__(self, uid: str, machine: Machine, server: Server) -> None:
        self.uid = uid
        self.machine = machine
        self.network = Network(server)
        self.lease = SlotLease(self.network, REFERENCE, uid, machine.clock)
        self.last_trading_s: float | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def may_trade(self) -> bool:
        return self.machine.clock() < self.lease.fenced_at_ns

    async def run(self) -> None:
        while True:
            await self.lease.acquire(lambda _whom, _seconds: None)
            await self.lease.keep()


PODS = st.integers(0, 1)


class Holders(RuleBasedStateMachine):
    @initialize(
        offsets=st.tuples(st.integers(0, 10**16), st.integers(0, 10**16)),
        percents=st.tuples(st.integers(-10, 10), st.integers(-10, 10)),
    )
    def start(self, offsets: tuple[int, int], percents: tuple[int, int]) -> None:
        self.loop = VirtualLoop()
        self.server = Server()
        self.made = 0
        self.machines = [
            Machine(self.loop, offset, 1 + Fraction(percent, 1000))
            for offset, percent in zip(offsets, percents, strict=True)
        ]
        self.pods: list[Pod | None] = [None, None]
        self._create(0)
        self._create(1)

    def _create(self, index: int, uid: str | None = None) -> None:
        self.made += 1
        pod = Pod(uid or f"pod-{self.made}", self.machines[index], self.server)
        pod.task = self.loop.create_task(pod.run())
        self.pods[index] = pod

    def _stop(self, index: int) -> Pod | None:
        pod = self.pods[index]
        self.pods[index] = None
        if pod is not None and pod.task is not None:
            pod.task.cancel()
            self._run(asyncio.wait([pod.task]))
        return pod

    def _run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(what)

    @rule(tenths=st.integers(1, 300))
    def time_passes(self, tenths: int) -> None:
        end_s = self.loop.now_s + tenths / 10
        while self.loop.now_s < end_s:
            self._run(asyncio.sleep(LOOK_S))
            self.one_trades_and_only_after_the_other_has_long_stopped()

    @rule(index=PODS, fates=st.lists(st.sampled_from(list(Fate)), min_size=1, max_size=6))
    def the_next_requests_fare_badly(self, index: int, fates: list[Fate]) -> None:
        pod = self.pods[index]
        if pod is not None:
            pod.network.fates.extend(fates)

    @rule(index=PODS, down=st.booleans())
    def the_way_to_the_api_server_goes_down_or_up(self, index: int, down: bool) -> None:  # noqa: FBT001 - Hypothesis draws it
        pod = self.pods[index]
        if pod is not None:
            pod.network.down = down

    @rule(index=PODS)
    def the_pod_is_killed_and_another_one_started(self, index: int) -> None:
        self._stop(index)
        self._create(index)

    @rule(index=PODS)
    def the_container_is_killed_and_started_again_in_its_pod(self, index: int) -> None:
        pod = self._stop(index)
        if pod is not None:
            self._create(index, pod.uid)

    @rule(index=PODS)
    def the_pod_ends_in_order(self, index: int) -> None:
        pod = self._stop(index)
        if pod is not None:
            self._run(pod.lease.release())
            assert not pod.may_trade
        self._create(index)

    @rule()
    def everything_heals(self) -> None:
        for pod in self.pods:
            if pod is not None:
                pod.network.fates.clear()
                pod.network.down = False
        self.time_passes(int(HEALTHY_S * 10))
        assert [pod for pod in self.pods if pod is not None and pod.may_trade], "nobody took the Lease"

    @precondition(lambda self: hasattr(self, "pods"))
    @invariant()
    def one_trades_and_only_after_the_other_has_long_stopped(self) -> None:
        living = [pod for pod in self.pods if pod is not None]
        trading = [pod for pod in living if pod.may_trade]
        assert len(trading) <= 1, [pod.uid for pod in trading]
        for pod in trading:
            pod.last_trading_s = self.loop.now_s
            for other in living:
                if other is not pod and other.last_trading_s is not None:
                    # Two looks may lie between the real moments, and a slow clock takes one percent off the duration.
                    apart_s = MARGIN_NS / SECOND - 2 * LOOK_S - 0.02 * REFERENCE.duration_ns / SECOND
                    assert self.loop.now_s - other.last_trading_s >= apart_s

    def teardown(self) -> None:
        if not hasattr(self, "pods"):
            return
        for index in (0, 1):
            self._stop(index)
        pending = asyncio.all_tasks(self.loop)
        for task in pending:
            task.cancel()
        if pending:
            self._run(asyncio.wait(pending))
        self.loop.close()


Holders.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestHolders = Holders.TestCase
