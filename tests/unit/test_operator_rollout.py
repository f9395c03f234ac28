"""A restart takes a slot out of the market before its pod ends, and leaves none out of it."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.bot_model import INSTALLATION, KEYED, Cluster, bot, spec
from harness.examples import examples
from harness.live_risk import LIVE_RISK
from tradingbot_operator.core.outcome import DrainSlot, Outcome
from tradingbot_operator.core.rollout import DRAIN_FOR_RESTART
from tradingbot_runtime.model.control import ConfigAnswered
from tradingbot_runtime.model.events import TradingState

FOUR = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")
NEW = {"pod": {"image": "runtime:2"}}


def settled(**changes: Any) -> Cluster:  # noqa: ANN401 - fields of the spec
    cluster = Cluster(bot(spec(FOUR, replicas=3, **changes)))
    cluster.settle()
    return cluster


def uids(cluster: Cluster) -> dict[int, str]:
    return {n: pod.uid for n, pod in cluster.pods.items()}


def drained(outcome: Outcome) -> list[tuple[str, str]]:
    return [(command.pod, command.reason) for command in outcome.commands if isinstance(command, DrainSlot)]


def partition(cluster: Cluster) -> int:
    found: int = cluster.children[("StatefulSet", "maker")]["spec"]["updateStrategy"]["rollingUpdate"]["partition"]
    return found


def until_drain(cluster: Cluster) -> Outcome:
    for _ in range(5):
        if drained(outcome := cluster.decide()):
            return outcome
        cluster.step()
    raise AssertionError("no slot is drained")


def changed(cluster: Cluster, slot: int, **changes: Any) -> None:  # noqa: ANN401 - fields of the stream
    pod = cluster.pods[slot]
    cluster.pods[slot] = replace(pod, stream=replace(pod.stream, **changes))


def test_each_slot_is_drained_before_the_partition_reaches_it() -> None:
    cluster = settled()
    cluster.respecify(spec(FOUR, replicas=3, **NEW))

    for slot in (2, 1, 0):
        assert drained(until_drain(cluster)) == [(f"maker-{slot}", DRAIN_FOR_RESTART)]
        before = uids(cluster)
        assert partition(cluster) == slot + 1
        cluster.step()
        assert (cluster.pods[slot].stream.drained, partition(cluster), uids(cluster)) == (True, slot + 1, before)

    cluster.settle()
    assert {n: pod.stream.report and pod.stream.report.state for n, pod in cluster.pods.items()} == dict.fromkeys(
        range(3), TradingState.ACTIVE)  # fmt: skip


def test_a_slot_that_does_not_get_its_orders_out_goes_when_its_time_is_over() -> None:
    cluster = settled()
    cluster.respecify(spec(FOUR, replicas=3, **NEW))
    before = uids(cluster)
    until_drain(cluster)
    told = {"drain_reason": DRAIN_FOR_RESTART, "reported_since_drain": True}

    changed(cluster, 2, **told, draining_for_s=INSTALLATION.drain_timeout_s - 1)
    waiting = cluster.step()
    assert (partition(cluster), drained(waiting), uids(cluster)) == (3, [], before)
    assert waiting.requeue_after_s is not None
    assert waiting.requeue_after_s <= INSTALLATION.drain_timeout_s

    changed(cluster, 2, **told, draining_for_s=INSTALLATION.drain_timeout_s + 1)
    cluster.step()
    assert cluster.pods[2].uid != before[2]


@pytest.mark.parametrize("state", ["silent", "fenced"])
def test_a_slot_that_cannot_be_told_or_has_nothing_to_withdraw_is_not_waited_for(state: str) -> None:
    cluster = settled()
    cluster.respecify(spec(FOUR, replicas=3, **NEW))
    until_drain(cluster)
    before = uids(cluster)
    report = cluster.pods[2].stream.report
    assert report

    if state == "silent":
        changed(cluster, 2, connected=False)
    else:
        changed(cluster, 2, report=msgspec.structs.replace(report, state=TradingState.FENCED))
    outcome = cluster.step()

    assert drained(outcome) == []
    assert cluster.pods[2].uid != before[2]


def test_the_next_leader_drains_anew_what_the_one_before_it_was_draining() -> None:
    """What a slot said before it was asked is no proof."""
    cluster = settled()
    cluster.respecify(spec(FOUR, replicas=3, **NEW))
    until_drain(cluster)
    before = uids(cluster)
    cluster._obey(cluster.decide())  # noqa: SLF001 - and the leader dies
    changed(cluster, 2, drain_reason="", draining_for_s=None, reported_since_drain=False)

    assert drained(cluster.decide()) == [("maker-2", DRAIN_FOR_RESTART)]
    assert uids(cluster) == before


def test_a_slot_that_was_drained_for_a_template_that_is_taken_back_trades_again() -> None:
    cluster = settled()
    cluster.respecify(spec(FOUR, replicas=3, **NEW))
    before = uids(cluster)
    until_drain(cluster)
    cluster._obey(cluster.decide())  # noqa: SLF001 - drained, and not yet restarted
    cluster.respecify(spec(FOUR, replicas=3))

    cluster.settle()

    assert {n: uid == before[n] for n, uid in uids(cluster).items()} == {0: True, 1: True, 2: False}
    assert cluster.traded()[2]


@settings(max_examples=examples(60))
@given(st.lists(st.tuples(st.sampled_from(["runtime:1", "runtime:2", "runtime:3"]), st.integers(0, 3),
                          st.integers(1, 4)), min_size=1, max_size=5))  # fmt: skip
def test_whatever_is_changed_and_taken_back_every_slot_trades_in_the_end(history: list[tuple[str, int, int]]) -> None:
    cluster = settled()
    for image, replicas, steps in history:
        cluster.respecify(spec(FOUR, replicas=replicas, pod={"image": image}))
        for _ in range(steps):
            cluster.step()
    cluster.settle(80)

    _, replicas, _ = history[-1]
    assert sorted(cluster.pods) == list(range(replicas))
    assert {pod.stream.report and pod.stream.report.state for pod in cluster.pods.values()} <= {TradingState.ACTIVE}
    wanted = {symbol.lower() for symbol in FOUR} if replicas else set()
    assert {market for markets in cluster.traded().values() for market in markets} == wanted


def test_only_a_deletion_closes_positions_and_only_where_the_bot_says_so() -> None:
    """Also of a slot that is drained for its restart just then."""
    for on_stop in ("CancelAll", "Flatten"):
        live: dict[str, Any] = {"mode": "Live", "risk": LIVE_RISK, "replicas": 3, "onStop": on_stop}
        cluster = Cluster(bot(spec(FOUR, **live)), venues={"venue": KEYED})
        cluster.settle()
        cluster.respecify(spec(FOUR, **live, **NEW))
        restarted = until_drain(cluster)
        assert [command.flatten for command in restarted.commands if isinstance(command, DrainSlot)] == [False]
        cluster._obey(restarted)  # noqa: SLF001 - drained, and not yet restarted

        deleted = cluster.bot.metadata.model_copy(update={"deletion_timestamp": "2026-01-02T00:00:00Z"})
        cluster.bot = replace(cluster.bot, metadata=deleted)
        asked = {c.pod: c.flatten for c in cluster.decide().commands if isinstance(c, DrainSlot)}
        everyone = {f"maker-{slot}": True for slot in range(3)}
        assert asked == (everyone if on_stop == "Flatten" else {"maker-0": False, "maker-1": False})


def test_a_process_that_cannot_take_what_its_template_is_for_is_drained_and_made_anew() -> None:
    """It started with another configuration, of a change that was taken back before a pod was made for it."""
    cluster = Cluster(bot(spec(("AAAUSDT", "BBBUSDT"))))
    cluster.settle()
    pod, wanted = cluster.pods[0], cluster.config(0)
    assert pod.stream.report
    other = msgspec.structs.replace(pod.stream.report, config_hash="of another one")
    answer = ConfigAnswered(config_hash=wanted.config_hash(), outcome="RestartRequired", message="needs a restart")
    stream = replace(pod.stream, report=other, sent_hash=wanted.config_hash(), answer=answer)
    cluster.pods[0] = replace(pod, stream=stream)

    assert drained(cluster.step()) == [("maker-0", DRAIN_FOR_RESTART)]
    cluster.settle()

    report = cluster.pods[0].stream.report
    assert report
    assert (cluster.pods[0].uid != pod.uid, report.config_hash) == (True, wanted.config_hash())
