"""Somebody deletes a slot's Lease: a manual halt, and another Lease only when that very halt is released."""

from dataclasses import replace

import msgspec
import pytest

from harness.bot_model import Cluster, bot, spec
from tradingbot_operator.core import names
from tradingbot_operator.core.outcome import Outcome
from tradingbot_runtime.model.events import TradingState


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster(bot(spec(("AAAUSDT", "BBBUSDT"), replicas=2)))
    made.settle()
    return made


def fence(cluster: Cluster, slot: int) -> None:
    """Its runtime finds no Lease."""
    pod = cluster.pods[slot]
    assert pod.stream.report
    report = msgspec.structs.replace(pod.stream.report, state=TradingState.FENCED, reason="LeaseNotHeld")
    cluster.pods[slot] = replace(pod, stream=replace(pod.stream, report=report))


def delete_lease(cluster: Cluster, slot: int) -> None:
    fence(cluster, slot)
    see(cluster, slot, None)


def see(cluster: Cluster, slot: int, uid: str | None) -> None:
    """What the API server answers when it is asked for the Lease."""
    cluster.observed = replace(cluster.observed, leases={slot: uid})


def lease_uid(cluster: Cluster, slot: int) -> str:
    return next(s.lease_uid for s in cluster.bot.status.slots if s.ordinal == slot)


def resume(cluster: Cluster, *ids: str) -> None:
    metadata = cluster.bot.metadata.model_copy(update={"annotations": {names.RESUME: ",".join(ids)}})
    cluster.bot = replace(cluster.bot, metadata=metadata)


def made(outcome: Outcome) -> list[str]:
    return [lease["metadata"]["name"] for lease in outcome.leases]


def halts(cluster: Cluster) -> list[tuple[str, int, str]]:
    return [(halt.id, halt.slot, halt.reason) for halt in cluster.bot.status.halts]


def test_a_deleted_lease_is_a_manual_halt_and_stays_deleted(cluster: Cluster) -> None:
    uid = lease_uid(cluster, 1)
    delete_lease(cluster, 1)
    outcomes = [cluster.step() for _ in range(5)]

    assert [lease for outcome in outcomes for lease in made(outcome)] == []
    assert halts(cluster) == [(f"lease-1-{uid[:8]}", 1, "ManualHalt")]
    told = next(c for c in cluster.bot.status.conditions if c.type == "Halted")
    assert (told.status, told.reason) == ("True", "ManualHalt")
    assert "deletion of Lease/maker-1" in told.message
    assert [latch.id for latch in cluster.config(1).halts] == [f"lease-1-{uid[:8]}"], "a fresh pod starts halted"
    assert cluster.config(0).halts == []


def test_its_release_makes_another_lease_once(cluster: Cluster) -> None:
    before = lease_uid(cluster, 1)
    delete_lease(cluster, 1)
    cluster.step()
    resume(cluster, *(halt.id for halt in cluster.bot.status.halts))

    assert made(cluster.step()) == ["maker-1"]
    after = lease_uid(cluster, 1)
    assert after != before
    see(cluster, 1, after)
    assert [made(cluster.step()) for _ in range(3)] == [[], [], []]
    cluster.settle()
    assert halts(cluster) == []


def test_the_release_of_one_deletion_does_not_release_the_next(cluster: Cluster) -> None:
    delete_lease(cluster, 1)
    cluster.step()
    resume(cluster, *(halt.id for halt in cluster.bot.status.halts))
    cluster.step()
    see(cluster, 1, lease_uid(cluster, 1))
    cluster.settle()

    delete_lease(cluster, 1)
    assert [made(cluster.step()) for _ in range(3)] == [[], [], []]
    assert len(halts(cluster)) == 1


def test_a_lease_whose_making_was_not_recorded_is_taken_up_and_no_halt(cluster: Cluster) -> None:
    """The operator died between the two: the next deletion must not be taken for this one."""
    fence(cluster, 1)
    see(cluster, 1, "made-by-us")

    assert made(cluster.step()) == ["maker-1"], "which finds that it is there"
    assert halts(cluster) == []


def test_a_slot_that_is_fenced_by_another_holder_keeps_its_lease(cluster: Cluster) -> None:
    fence(cluster, 1)
    see(cluster, 1, lease_uid(cluster, 1))

    assert made(cluster.step()) == []
    assert halts(cluster) == []


def test_a_lease_that_nobody_asked_for_is_not_called_deleted(cluster: Cluster) -> None:
    fence(cluster, 1)
    cluster.observed = replace(cluster.observed, leases={})

    cluster.step()
    assert halts(cluster) == []
