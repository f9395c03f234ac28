"""status.pendingChange: what of a change is still to be done, in which slots, and what that waits for."""

from dataclasses import replace
from typing import Any

import msgspec

from harness.bot_model import KEYED, Cluster, bot, spec
from harness.live_risk import LIVE_RISK
from tradingbot_operator.api.v1alpha1 import PendingChange
from tradingbot_operator.core import names
from tradingbot_operator.core.outcome import ConfigureSlot
from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.model.control import ConfigAnswered

FOUR = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")
WIDER = {"marketMaking": {"spreadBps": "12", "sizes": ["1"]}}
NEW_IMAGE = {"pod": {"image": "runtime:2"}}


def settled(**changes: Any) -> Cluster:  # noqa: ANN401 - fields of the spec
    cluster = Cluster(bot(spec(FOUR, **changes)))
    cluster.settle()
    assert cluster.bot.status.pending_change is None
    return cluster


def pending(cluster: Cluster) -> PendingChange:
    """As the next decision says it."""
    found = cluster.decide().status.pending_change
    assert found
    return found


def brief(waits: PendingChange) -> tuple[str, tuple[int, ...], str]:
    return (waits.change, waits.slots, waits.reason)


def test_a_restart_names_the_slots_that_it_has_not_reached_until_there_is_none() -> None:
    cluster = settled(replicas=3)
    cluster.respecify(spec(FOUR, replicas=3, **NEW_IMAGE))
    seen: list[tuple[int, ...]] = []
    for _ in range(15):
        cluster.step()
        waits = cluster.bot.status.pending_change
        if waits is not None and (not seen or waits.slots != seen[-1]):
            assert (waits.change, waits.reason) == (ChangeClass.RESTART, "SlotsUpdating")
            seen.append(waits.slots)

    assert seen == [(0, 1, 2), (0, 1), (0,)]
    assert cluster.bot.status.pending_change is None


def test_a_restart_that_is_held_up_says_by_which_slot_and_no_more_often_than_it_changes() -> None:
    cluster = settled(replicas=3)
    before = {n: pod.uid for n, pod in cluster.pods.items()}
    cluster.respecify(spec(FOUR, replicas=3, **NEW_IMAGE))
    said = []
    for _ in range(10):
        cluster.step()
        said.append(cluster.bot.status)
        for n, pod in cluster.pods.items():
            if pod.uid != before[n] and pod.stream.report:
                broken = msgspec.structs.replace(pod.stream.report, ready=False)
                cluster.pods[n] = replace(pod, stream=replace(pod.stream, report=broken))

    assert brief(pending(cluster)) == ("Restart", (0, 1), "SlotsUpdating")
    assert pending(cluster).message == "slot 2 must be up first: slot 2 is not ready (Running)"
    assert said[-1] == said[-2] == said[-3]


def test_a_pushed_change_waits_for_its_acknowledgement() -> None:
    cluster = settled()
    cluster.respecify(spec(FOUR, strategy=WIDER))

    assert brief(pending(cluster)) == ("HotReload", (0,), "AwaitingAck")
    cluster.settle()
    assert cluster.bot.status.pending_change is None


def test_a_refused_change_says_what_the_runtime_said() -> None:
    cluster = settled()
    cluster.respecify(spec(FOUR, strategy=WIDER))
    sent = next(c for c in cluster.decide().commands if isinstance(c, ConfigureSlot))
    answer = ConfigAnswered(config_hash=sent.config_hash, outcome="Rejected", message="no such tick")
    pod = cluster.pods[0]
    cluster.pods[0] = replace(pod, stream=replace(pod.stream, answer=answer, sent_hash=sent.config_hash))

    assert brief(pending(cluster)) == ("HotReload", (0,), "RejectedByRuntime")
    assert "no such tick" in pending(cluster).message


def test_a_change_for_a_pod_that_does_not_answer_waits_for_it() -> None:
    cluster = settled()
    cluster.respecify(spec(FOUR, strategy=WIDER))
    cluster.pods[0] = replace(cluster.pods[0], stream=replace(cluster.pods[0].stream, connected=False))

    assert brief(pending(cluster)) == ("HotReload", (0,), "RuntimeUnreachable")


def test_a_slot_that_goes_is_named_while_it_drains() -> None:
    cluster = settled(replicas=2)
    cluster.respecify(spec(FOUR, replicas=0))

    assert brief(pending(cluster)) == ("Scale", (0, 1), "Draining")
    cluster.settle()
    assert cluster.bot.status.pending_change is None


def test_whatever_waits_under_a_persons_annotation_waits_for_it() -> None:
    one = ("BTCUSDT",)  # it stays in slot 2
    for change, expected in ((NEW_IMAGE, "Restart"), ({"strategy": WIDER}, "HotReload"), ({"replicas": 4}, "Scale")):
        cluster = Cluster(bot(spec(one, replicas=3)))
        cluster.settle()
        metadata = cluster.bot.metadata.model_copy(update={"annotations": {names.RECONCILE: names.DISABLED}})
        cluster.bot = replace(cluster.bot, metadata=metadata)
        cluster.respecify(spec(one, **{"replicas": 3} | change))
        cluster.settle()

        waits = pending(cluster)
        assert (waits.change, waits.reason) == (expected, "Annotation")
        assert "tradingbot.dev/reconcile=disabled" in waits.message


def test_a_bot_that_is_being_deleted_waits_for_no_change() -> None:
    live = {"mode": "Live", "risk": LIVE_RISK}
    cluster = Cluster(bot(spec(FOUR, **live)), {"venue": KEYED})
    cluster.settle()
    cluster.respecify(spec(FOUR, **live, **NEW_IMAGE))
    cluster.step()
    metadata = cluster.bot.metadata.model_copy(update={"deletion_timestamp": "2026-01-02T00:00:00Z"})
    cluster.bot = replace(cluster.bot, metadata=metadata)

    assert cluster.decide().status.pending_change is None
