"""Two pods and one Lease, under everything that a network and two machines do, in virtual time.

The pods run the production `SlotLease`; requests and answers are delayed, lost and applied after the client has given
up; clocks start anywhere and run up to one percent fast or slow. At no moment may two pods believe that they may send
orders, and there must be the whole margin between the last moment of one and the first of the next.
"""

import asyncio
from collections.abc import Coroutine
from fractions import Fraction
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harness.examples import examples
from harness.virtual_lease import SECOND, Fate, Machine, Network, Server, VirtualLoop
from tradingbot_runtime.config import LeaseReference
from tradingbot_runtime.lease import SlotLease
from tradingbot_runtime.lease.record import MARGIN_NS

REFERENCE = LeaseReference(name="bot-0", duration_ns=20 * SECOND, renew_ns=5 * SECOND)
LOOK_S = 0.5  # how often the invariant is looked at
HEALTHY_S = 40.0  # after this long without a fault somebody holds the Lease
T = TypeVar("T")


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


Holders.TestCase.settings = settings(max_examples=examples(30), stateful_step_count=25)
TestHolders = Holders.TestCase
