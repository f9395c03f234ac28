"""What one pod does with its Lease, case by case, in virtual time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from fractions import Fraction
from itertools import count, pairwise
from pathlib import Path

import pytest

from harness.virtual_lease import SECOND, Fate, Machine, Network, Server, VirtualLoop
from tradingbot_runtime.config import LeaseReference
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.lease import LeaseGone, LeaseLost, ReleaseOutcome, SlotLease, boot_time_ns

REFERENCE = LeaseReference(name="bot-0")  # 120 s, renewed every 30 s: fenced 110 s after the last renewal
FENCE_S, DEADLINE_S = 110.0, 109.0
LONG_S = 1000.0  # virtual seconds


class World:
    """One API server in virtual time, and the machine of the pods."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.server = Server()

        self.machine = Machine(self.loop, 77_777 * SECOND, Fraction(1))

    def pod(self, uid: str) -> tuple[SlotLease, Network]:
        network = Network(self.server)
        return SlotLease(network, REFERENCE, uid, self.machine.clock), network

    def fenced_in_s(self, lease: SlotLease) -> float:
        return (lease.fenced_at_ns - self.machine.clock()) / SECOND

    def is_fenced(self, lease: SlotLease) -> bool:
        return self.machine.clock() >= lease.fenced_at_ns


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    for task in (pending := asyncio.all_tasks(world.loop)):
        task.cancel()
    if pending:
        world.loop.run_until_complete(asyncio.wait(pending))
    world.loop.close()


def nobody_waits(whom: str, _seconds: float) -> None:
    raise AssertionError(f"waits for {whom}")


def in_virtual_time(test: Callable[[World], Awaitable[None]]) -> Callable[[World], None]:
    def run(world: World) -> None:
        async def body() -> None:
            async with asyncio.timeout(LONG_S):
                await test(world)

        world.loop.run_until_complete(body())

    run.__name__ = getattr(test, "__name__", "run")
    return run


@in_virtual_time
async def test_a_free_lease_is_taken_at_once_and_counts_one_more_transition(world: World) -> None:
    lease, _ = world.pod("a")
    assert lease.fenced_at_ns == 0
    await lease.acquire(nobody_waits)
    assert lease.transitions == 1
    assert world.loop.now_s < 0.1
    assert world.server.read().holder == "a"


@in_virtual_time
async def test_a_restarted_container_of_the_same_pod_retakes_at_once_and_nothing_changes_hands(world: World) -> None:
    for _ in range(2):
        lease, _ = world.pod("a")
        await lease.acquire(nobody_waits)
    assert lease.transitions == 1
    assert world.loop.now_s < 0.2


@in_virtual_time
async def test_another_pod_waits_for_the_whole_duration_and_says_for_whom(world: World) -> None:
    first, _ = world.pod("a")
    await first.acquire(nobody_waits)
    second, _ = world.pod("b")
    said: list[tuple[str, float]] = []
    await second.acquire(lambda whom, seconds: said.append((whom, seconds)))
    assert 120 <= world.loop.now_s < 122
    assert {whom for whom, _ in said} == {"a"}
    assert said[0][1] == pytest.approx(120, abs=0.1)
    assert all(later[1] < earlier[1] for earlier, later in pairwise(said))
    assert second.transitions == 2


@in_virtual_time
async def test_a_missing_lease_is_not_created(world: World) -> None:
    world.server.document = None
    lease, _ = world.pod("a")
    with pytest.raises(LeaseGone, match="bot-0 does not exist"):
        await lease.acquire(nobody_waits)
    assert world.server.document is None


@in_virtual_time
async def test_a_released_lease_is_taken_by_the_next_pod_without_waiting(world: World) -> None:
    first, _ = world.pod("a")
    await first.acquire(nobody_waits)
    assert await first.release() is ReleaseOutcome.RELEASED
    assert first.fenced_at_ns == 0
    second, _ = world.pod("b")
    await second.acquire(nobody_waits)
    assert second.transitions == 2
    assert world.loop.now_s < 0.2


@in_virtual_time
async def test_a_renewal_counts_from_its_start_not_from_its_answer(world: World) -> None:
    lease, network = world.pod("a")
    network.fates.extend([Fate.FINE, Fate.SLOW])
    await lease.acquire(nobody_waits)
    assert world.loop.now_s > 4.5
    assert world.fenced_in_s(lease) == pytest.approx(FENCE_S - 4.7, abs=0.1)


@in_virtual_time
async def test_the_api_server_away_for_a_minute_stops_nothing(world: World) -> None:
    lease, network = world.pod("a")
    await lease.acquire(nobody_waits)
    keeping = asyncio.ensure_future(lease.keep())
    await asyncio.sleep(29)
    network.down = True
    await asyncio.sleep(60)
    assert world.fenced_in_s(lease) > 10
    network.down = False
    await asyncio.sleep(10)
    assert not keeping.done()
    assert world.fenced_in_s(lease) > 90


@in_virtual_time
async def test_the_api_server_away_for_good_fences_at_the_deadline(world: World) -> None:
    lease, network = world.pod("a")
    await lease.acquire(nobody_waits)
    network.down = True
    assert await lease.keep() is LeaseLost.RENEW_DEADLINE_PASSED
    assert world.loop.now_s == pytest.approx(DEADLINE_S, abs=0.1)
    assert world.is_fenced(lease)


@pytest.mark.parametrize("fate", list(Fate))
def test_one_bad_renewal_of_any_kind_loses_nothing(world: World, fate: Fate) -> None:
    async def body() -> None:
        lease, network = world.pod("a")
        await lease.acquire(nobody_waits)
        network.fates.append(fate)
        keeping = asyncio.ensure_future(lease.keep())
        await asyncio.sleep(300)
        assert not keeping.done()
        assert world.fenced_in_s(lease) > 70

    world.loop.run_until_complete(body())


@in_virtual_time
async def test_a_deleted_lease_fences_at_the_next_renewal(world: World) -> None:
    lease, _ = world.pod("a")
    await lease.acquire(nobody_waits)
    world.server.document = None
    assert await lease.keep() is LeaseLost.DELETED
    assert world.loop.now_s < 31
    assert world.is_fenced(lease)


@in_virtual_time
async def test_a_lease_deleted_and_made_again_counts_as_deleted(world: World) -> None:
    lease, _ = world.pod("a")
    await lease.acquire(nobody_waits)
    world.server.document = {"metadata": {"uid": "u2", "resourceVersion": "900"}, "spec": {"holderIdentity": "a"}}
    assert await lease.keep() is LeaseLost.DELETED


@in_virtual_time
async def test_a_lease_given_to_another_by_hand_fences_and_is_not_fought_for(world: World) -> None:
    lease, _ = world.pod("a")
    await lease.acquire(nobody_waits)
    world.server.edit(holderIdentity="b")
    assert await lease.keep() is LeaseLost.TAKEN_BY_OTHER
    assert world.is_fenced(lease)
    assert await lease.release() is ReleaseOutcome.NOT_OURS
    assert world.server.read().holder == "b"


@in_virtual_time
async def test_an_edit_that_leaves_the_holder_alone_is_renewed_over(world: World) -> None:
    lease, _ = world.pod("a")
    await lease.acquire(nobody_waits)
    world.server.edit(note="by hand")
    keeping = asyncio.ensure_future(lease.keep())
    await asyncio.sleep(100)
    assert not keeping.done()
    assert world.server.read().document["spec"]["note"] == "by hand"


@in_virtual_time
async def test_a_release_that_cannot_reach_the_api_server_says_so_in_time(world: World) -> None:
    lease, network = world.pod("a")
    await lease.acquire(nobody_waits)
    network.down = True
    before_s = world.loop.now_s
    assert await lease.release() is ReleaseOutcome.FAILED
    assert world.loop.now_s - before_s < 3
    assert lease.fenced_at_ns == 0


@in_virtual_time
async def test_a_release_after_a_take_whose_answer_was_lost_still_releases(world: World) -> None:
    lease, network = world.pod("a")
    network.fates.extend([Fate.FINE, Fate.REPLY_LOST])
    acquiring = asyncio.ensure_future(lease.acquire(lambda _whom, _seconds: None))
    await asyncio.sleep(1)
    acquiring.cancel()
    assert world.server.read().holder == "a"
    assert await lease.release() is ReleaseOutcome.RELEASED
    assert world.server.read().holder == ""


@in_virtual_time
async def test_a_write_that_changed_nothing_at_the_server_is_no_renewal(world: World) -> None:
    lease, network = world.pod("a")
    await lease.acquire(nobody_waits)
    world.server.keeps_everything = True
    assert await lease.keep() is LeaseLost.RENEW_DEADLINE_PASSED
    assert network.in_flight == set()


@in_virtual_time
async def test_the_lease_can_be_taken_again_after_it_was_lost(world: World) -> None:
    lease, network = world.pod("a")
    await lease.acquire(nobody_waits)
    network.down = True
    await lease.keep()
    network.down = False
    await lease.acquire(lambda _whom, _seconds: None)
    assert world.fenced_in_s(lease) > 100


@pytest.mark.parametrize("step_s", [-86_400, 0, 86_400])
def test_a_wall_clock_that_is_set_or_stands_still_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, step_s: int
) -> None:
    wall = count(1_700_000_000 * SECOND, step_s * SECOND)
    monkeypatch.setattr(time, "time_ns", lambda: next(wall))

    async def body() -> None:
        holder, _ = world.pod("a")
        await holder.acquire(nobody_waits)
        keeping = asyncio.ensure_future(holder.keep())
        other, _ = world.pod("b")
        waiting = asyncio.ensure_future(other.acquire(lambda _whom, _seconds: None))
        await asyncio.sleep(500)
        assert not keeping.done()
        assert not waiting.done()
        assert world.fenced_in_s(holder) > 70

    world.loop.run_until_complete(body())


def test_the_clock_of_the_fence_is_the_machines_uptime() -> None:
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    assert boot_time_ns() / SECOND == pytest.approx(uptime_s, abs=5)


def test_a_lease_too_short_for_cancelling_is_refused_with_the_numbers(world: World) -> None:
    reference = LeaseReference(name="bot-0", duration_ns=15 * SECOND, renew_ns=5 * SECOND)
    with pytest.raises(ConfigError, match="renew 5 s, duration 15 s: the duration must exceed renew \\+ 10 s"):
        SlotLease(Network(world.server), reference, "a")
