"""One slot tries a change, and it alone proves something: whatever is scaled, halted, mended or made anew meanwhile."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from harness.bot_model import Cluster, bot, spec
from tradingbot_operator.core import names
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import Trouble
from tradingbot_runtime.config import TradingBotSpec
from tradingbot_runtime.model.control import QuotingReport

MANY = tuple(f"{letter * 3}USDT" for letter in "ABCDEFGHIJKL")  # so that every slot has some
CANARY: dict[str, Any] = {"rollout": {"progressDeadline": "5m", "canary": {"duration": "10m"}}}
NEW: dict[str, Any] = {"pod": {"image": "runtime:2"}}


def wanted(replicas: int = 3, **changes: Any) -> TradingBotSpec:  # noqa: ANN401 - fields of the spec
    return spec(MANY, replicas=replicas, **CANARY | changes)


def trying() -> Cluster:
    """Slot 2 has just started with a change."""
    cluster = Cluster(bot(wanted()))
    cluster.settle()
    cluster.respecify(wanted(**NEW))
    cluster.settle()
    assert on_new(cluster) == [2]
    return cluster


def later(cluster: Cluster, by_s: float) -> None:
    cluster.pods = {n: replace(pod, age_s=pod.age_s + by_s) for n, pod in cluster.pods.items()}


def inputs(cluster: Cluster) -> str:
    return str(cluster.children[("StatefulSet", "maker")]["metadata"]["annotations"][names.TEMPLATE_INPUTS])


def on_new(cluster: Cluster) -> list[int]:
    return [n for n, pod in sorted(cluster.pods.items()) if pod.inputs == inputs(cluster)]


def uids(cluster: Cluster) -> dict[int, str]:
    return {n: pod.uid for n, pod in cluster.pods.items()}


def reason(cluster: Cluster) -> str:
    (ready,) = [c for c in cluster.bot.status.conditions if c.type == "Ready"]
    return ready.reason


def pending(cluster: Cluster) -> str:
    waits = cluster.bot.status.pending_change
    return waits.message if waits else ""


def traded(cluster: Cluster) -> list[str]:
    return sorted(market for markets in cluster.traded().values() for market in markets)


@pytest.mark.parametrize("replicas", [4, 6])
def test_slots_that_a_scaling_adds_prove_nothing_and_are_made_as_the_others_are(replicas: int) -> None:
    cluster = trying()
    later(cluster, 300)
    before = uids(cluster)

    cluster.respecify(wanted(replicas, **NEW))
    cluster.settle()

    assert (len(cluster.pods), on_new(cluster)) == (replicas, [2])
    assert {n: uids(cluster)[n] for n in (0, 1, 2)} == before, "nor is the one that tries it begun anew"
    assert (reason(cluster), traded(cluster)) == ("CanaryRunning", [symbol.lower() for symbol in MANY])
    assert pending(cluster) == "slot 2 runs the change alone for 600 s from its start"

    later(cluster, 299)
    cluster.settle()
    assert on_new(cluster) == [2]
    later(cluster, 2)
    cluster.settle(100)

    assert (on_new(cluster), reason(cluster)) == (list(range(replicas)), "Trading")
    assert traded(cluster) == [symbol.lower() for symbol in MANY]


def test_no_sequence_of_scalings_reaches_the_others_or_begins_the_first_one_anew() -> None:
    """A slot that comes without a market is made as the partition has it, and trades nothing."""
    cluster = trying()
    before = uids(cluster)
    for replicas in (4, 3, 5, 4, 6, 3):
        cluster.respecify(wanted(replicas, **NEW))
        cluster.settle()
        assert {n: uids(cluster)[n] for n in (0, 1, 2)} == before
        assert [n for n in on_new(cluster) if cluster.traded()[n]] == [2]
        assert traded(cluster) == [symbol.lower() for symbol in MANY]
        assert pending(cluster) == "slot 2 runs the change alone for 600 s from its start"


def test_a_new_slot_that_has_not_started_yet_is_no_reason_to_go_on() -> None:
    cluster = trying()
    cluster.broken = lambda _: True  # what comes from now on does not start
    cluster.respecify(wanted(4, **NEW))
    cluster.settle()

    assert (cluster.pods[3].started, on_new(cluster)) == (False, [2])


def test_a_change_and_a_scaling_in_one_edit_are_tried_by_a_slot_that_trades() -> None:
    cluster = Cluster(bot(wanted()))
    cluster.settle()
    cluster.respecify(wanted(4, **NEW))
    cluster.settle()

    assert on_new(cluster) == [2, 3]
    first = int(pending(cluster).removeprefix("slot ")[0])
    assert (first in (2, 3), bool(cluster.traded()[first])) == (True, True)
    assert traded(cluster) == [symbol.lower() for symbol in MANY]
    later(cluster, 599)
    cluster.settle()
    assert on_new(cluster) == [2, 3]


def test_one_that_is_mended_with_the_change_proves_nothing_either() -> None:
    cluster = trying()
    broken = Trouble(Reason.IMAGE_PULL_FAILED, "no such image", hopeless=True)
    cluster.pods[1] = replace(cluster.pods[1], started=False, trouble=broken)
    cluster.settle()

    assert (on_new(cluster), reason(cluster)) == ([1, 2], "CanaryRunning")
    assert pending(cluster).startswith("slot 2 runs the change alone")


def test_one_that_is_evicted_begins_anew() -> None:
    cluster = trying()
    later(cluster, 599)
    del cluster.pods[2]
    cluster.settle()
    later(cluster, 599)
    cluster.settle()
    assert on_new(cluster) == [2]

    later(cluster, 1)
    cluster.settle()

    assert on_new(cluster) == [0, 1, 2]


def test_one_that_loses_the_change_gives_way_to_another() -> None:
    """The partition is above it since the scaling, so that an eviction gives it the old template."""
    cluster = trying()
    cluster.respecify(wanted(4, **NEW))
    cluster.settle()
    later(cluster, 599)
    del cluster.pods[2]
    cluster.settle()

    assert on_new(cluster) == [3], "which has a market of it now"
    assert pending(cluster) == "slot 3 runs the change alone for 600 s from its start"
    assert traded(cluster) == [symbol.lower() for symbol in MANY]
    later(cluster, 599)
    cluster.settle()
    assert on_new(cluster) == [3]


def test_before_a_new_slot_has_a_pod_nothing_is_restarted() -> None:
    cluster = trying()
    cluster.respecify(wanted(4, **NEW))
    cluster.step()
    del cluster.pods[3]  # its controller has not got round to it

    outcome = cluster.decide()

    assert (outcome.commands, [child["kind"] for child in outcome.apply if child["kind"] == "StatefulSet"]) == ((), [])


BEFORE_TIME, AFTER_TIME = "1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"  # by a node's clock that is wrong


def tells_time(cluster: Cluster, slot: int, halt_id: str, at: str) -> None:
    pod = cluster.pods[slot]
    cluster.pods[slot] = replace(pod, stream=replace(pod.stream, halt_times={halt_id: at}))


@pytest.mark.parametrize("clock", [BEFORE_TIME, AFTER_TIME])
def test_a_limit_that_it_breaks_takes_the_change_back_whatever_its_nodes_clock_says(clock: str) -> None:
    cluster = trying()
    later(cluster, 60)
    tells_time(cluster, 2, "maker-2-1", clock)
    cluster.breach(2, "maker-2-1")
    cluster.settle()

    assert cluster.bot.status.rolled_back


def test_a_limit_that_it_breaks_before_a_leader_has_seen_the_pod_takes_the_change_back() -> None:
    cluster = Cluster(bot(wanted()))
    cluster.settle()
    cluster.respecify(wanted(**NEW))
    cluster.step()
    while 2 not in on_new(cluster):
        cluster.step()
    cluster.breach(2, "maker-2-1")
    cluster.settle()

    assert cluster.bot.status.rolled_back


@pytest.mark.parametrize("why", ["RiskBreachMaxLoss", "ManualHalt"])
def test_one_that_is_halted_proves_nothing_until_it_has_run_for_its_time_from_the_resume(why: str) -> None:
    cluster = Cluster(bot(wanted()))
    cluster.settle()
    cluster.breach(2, "maker-2-1", why)  # before the change: it is not what has broken the limit
    cluster.settle()
    cluster.respecify(wanted(**NEW))
    cluster.settle()
    tells_time(cluster, 2, "maker-2-1", AFTER_TIME)
    later(cluster, 60)
    cluster.settle()
    assert "slot 2, which runs the change before the others, is halted" in pending(cluster)
    later(cluster, 3600)
    cluster.settle()
    assert (on_new(cluster), cluster.bot.status.rolled_back) == ([2], None)

    metadata = cluster.bot.metadata.model_copy(update={"annotations": {names.RESUME: "maker-2-1"}})
    cluster.bot = replace(cluster.bot, metadata=metadata)
    cluster.settle()
    assert not cluster.bot.status.halts
    assert pending(cluster) == "slot 2 runs the change alone for 600 s from its resume"
    later(cluster, 599)
    cluster.settle()
    assert on_new(cluster) == [2]
    later(cluster, 1)
    cluster.settle()

    assert on_new(cluster) == [0, 1, 2]


def test_one_that_is_made_anew_after_a_resume_has_its_time_from_its_start() -> None:
    cluster = trying()
    cluster.breach(2, "maker-2-1", "ManualHalt")
    later(cluster, 3600)
    cluster.settle()
    metadata = cluster.bot.metadata.model_copy(update={"annotations": {names.RESUME: "maker-2-1"}})
    cluster.bot = replace(cluster.bot, metadata=metadata)
    cluster.settle()
    cluster.pods[2] = replace(cluster.pods[2], uid="another", age_s=0.0)
    cluster.settle()
    assert pending(cluster) == "slot 2 runs the change alone for 600 s from its start"

    later(cluster, 600)
    cluster.settle()

    assert on_new(cluster) == [0, 1, 2]


def test_a_limit_that_it_breaks_takes_the_change_back_from_a_bot_that_was_scaled_meanwhile() -> None:
    cluster = trying()
    cluster.respecify(wanted(4, **NEW))
    cluster.settle()
    cluster.breach(2, "maker-2-1")
    cluster.settle()

    back = cluster.bot.status.rolled_back
    assert back
    assert "slot 2, the first to run it, has halted: RiskBreachMaxLoss" in back.message
    assert len({pod.inputs for pod in cluster.pods.values()}) == 1
    assert len(cluster.pods) == 4


def tell(cluster: Cluster, slot: int, markout: str) -> None:
    quoting = QuotingReport(orders=200, refused=0, fills=100, turnover="10000", profit="0", marked=100,
                            marked_turnover="10000", markout=markout)  # fmt: skip
    pod = cluster.pods[slot]
    assert pod.stream.report
    markets = tuple(msgspec.structs.replace(market, quoting=quoting) for market in pod.stream.report.markets)
    report = msgspec.structs.replace(pod.stream.report, markets=markets)
    cluster.pods[slot] = replace(pod, stream=replace(pod.stream, report=report))


def test_its_quoting_is_compared_with_the_slots_without_the_change() -> None:
    cluster = trying()
    broken = Trouble(Reason.IMAGE_PULL_FAILED, "no such image", hopeless=True)
    cluster.pods[1] = replace(cluster.pods[1], started=False, trouble=broken)
    cluster.settle()
    assert on_new(cluster) == [1, 2]
    tell(cluster, 0, "1")
    tell(cluster, 1, "-900")  # has the change as well, and is not what is looked at
    tell(cluster, 2, "1")
    cluster.settle()
    assert cluster.bot.status.rolled_back is None

    tell(cluster, 2, "-5")
    cluster.settle()

    back = cluster.bot.status.rolled_back
    assert back
    assert "slot 2, the first to run it: its markout after 10s in bps is -5, the other slots' 1" in back.message


def test_who_wants_no_more_proof_takes_it_out_of_the_spec() -> None:
    cluster = trying()
    cluster.respecify(wanted(rollout={}, **NEW))
    cluster.settle()

    assert (on_new(cluster), reason(cluster)) == ([0, 1, 2], "Trading")
