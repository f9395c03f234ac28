"""A ServiceAccount that was made anew: its pods are replaced one by one, drained, and no other pod is."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from harness.bot_model import Cluster, bot, spec
from tradingbot_operator.api.v1alpha1 import Condition
from tradingbot_operator.core.accounts import DRAIN_FOR_REPLACEMENT
from tradingbot_operator.core.observed import Stream
from tradingbot_operator.core.outcome import DrainSlot, Outcome
from tradingbot_operator.core.slots import DRAIN_FOR_SCALING
from tradingbot_runtime.model.events import TradingState

FOUR = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")
LATER = "2026-01-02T00:10:00Z"


def settled(replicas: int = 1) -> Cluster:
    cluster = Cluster(bot(spec(FOUR, replicas=replicas)))
    cluster.settle()
    return cluster


def lose_account(cluster: Cluster, now: str = LATER) -> None:
    """Somebody deletes it; the next step makes it anew."""
    del cluster.children[("ServiceAccount", "maker")]
    cluster.observed = replace(cluster.observed, now=now)
    assert cluster.decide().replace is None, "there is none to compare with"
    cluster.step()


def say(cluster: Cluster, n: int, **changes: Any) -> None:  # noqa: ANN401 - fields of the report
    report = cluster.pods[n].stream.report
    assert report
    stream = replace(cluster.pods[n].stream, report=msgspec.structs.replace(report, **changes))
    cluster.pods[n] = replace(cluster.pods[n], stream=stream)


def drains(outcome: Outcome) -> list[tuple[str, str]]:
    return [(command.pod, command.reason) for command in outcome.commands if isinstance(command, DrainSlot)]


def said(cluster: Cluster, kind: str) -> Condition:
    return next(c for c in cluster.bot.status.conditions if c.type == kind)


def test_the_pod_is_drained_first_and_deleted_then_and_nothing_else_changes() -> None:
    cluster = settled()
    before, uid = cluster.children[("StatefulSet", "maker")]["spec"], cluster.pods[0].uid
    lose_account(cluster)

    first = cluster.step()
    assert (drains(first), first.replace) == ([("maker-0", DRAIN_FOR_REPLACEMENT)], None)
    assert said(cluster, "Ready").reason == "ServiceAccountReplaced"
    second = cluster.step()
    assert second.replace
    assert (second.replace.kind, second.replace.name, second.replace.uid) == ("Pod", "maker-0", uid)

    cluster.settle()
    assert cluster.children[("StatefulSet", "maker")]["spec"] == before, "a drained slot is else one that is removed"
    assert cluster.pods[0].uid != uid
    assert said(cluster, "Ready").status == "True"


def test_of_several_slots_one_is_away_at_a_time_and_no_pod_is_deleted_that_trades() -> None:
    cluster = settled(replicas=3)
    before = {n: pod.uid for n, pod in cluster.pods.items()}
    markets = cluster.traded()
    lose_account(cluster)

    replaced: list[int] = []
    for _ in range(12):
        outcome = cluster.decide()
        assert len([pod for pod in cluster.pods.values() if pod.stream.drain_reason]) <= 1
        if outcome.replace:
            report = cluster.pods[int(outcome.replace.name[-1])].stream.report
            assert report
            assert report.state is TradingState.DRAINED
        cluster.step()
        replaced += [n for n in (2, 1, 0) if cluster.pods[n].uid != before[n] and n not in replaced]

    assert replaced == [2, 1, 0]
    assert cluster.traded() == markets


def test_a_slot_that_trades_waits_until_the_one_before_it_is_ready_again() -> None:
    cluster = settled(replicas=2)
    lose_account(cluster)
    cluster.step()
    cluster.step()
    say(cluster, 1, ready=False, state=TradingState.STARTING, message="waiting for the Lease (another pod)")

    assert drains(cluster.decide()) == []

    say(cluster, 1, ready=True, state=TradingState.ACTIVE, message="")
    assert drains(cluster.decide()) == [("maker-0", DRAIN_FOR_REPLACEMENT)]


@pytest.mark.parametrize("state", [TradingState.FENCED, TradingState.STARTING])
def test_a_slot_without_its_lease_has_nothing_to_drain_and_waits_for_nobody(state: TradingState) -> None:
    """It cannot say that it is drained before it has asked the venue, which takes the Lease that it does not get."""
    cluster = settled(replicas=3)
    lose_account(cluster)
    say(cluster, 0, state=state, ready=False)
    say(cluster, 1, state=TradingState.VENUE_LOCKED, ready=False)

    outcome = cluster.decide()

    assert drains(outcome) == []
    assert outcome.replace
    assert outcome.replace.name == "maker-0"


def test_what_a_pod_said_before_its_connection_was_lost_does_not_let_it_go() -> None:
    """It was drained; since then its container may have started again."""
    cluster = settled()
    lose_account(cluster)
    cluster.step()
    assert cluster.decide().replace

    cluster.pods[0] = replace(cluster.pods[0], stream=replace(cluster.pods[0].stream, connected=False))

    assert cluster.decide().replace is None


def test_the_slot_that_is_drained_already_goes_first() -> None:
    cluster = settled(replicas=2)
    lose_account(cluster)
    say(cluster, 0, state=TradingState.STOPPED, reason="Draining", message=DRAIN_FOR_REPLACEMENT)

    outcome = cluster.decide()

    assert (drains(outcome), outcome.replace) == ([], None), "its last order is not yet confirmed"


def test_while_a_pod_ends_or_is_missing_no_other_one_is_taken() -> None:
    cluster = settled(replicas=3)
    lose_account(cluster)
    for n in (0, 1):
        say(cluster, n, state=TradingState.FENCED, ready=False)

    cluster.pods[2] = replace(cluster.pods[2], terminating=True)
    assert cluster.decide().replace is None
    del cluster.pods[2]
    assert cluster.decide().replace is None


def test_a_pod_that_has_a_new_token_is_left_alone() -> None:
    """Kubelet brings one when the old one nears its end."""
    cluster = settled()
    lose_account(cluster)
    say(cluster, 0, account_uid=cluster.children[("ServiceAccount", "maker")]["metadata"]["uid"])

    outcome = cluster.step()

    assert (drains(outcome), outcome.replace) == ([], None)
    assert said(cluster, "Ready").status == "True"


def test_one_that_was_told_to_drain_goes_also_with_a_new_token() -> None:
    """It stays drained until its process ends; a new leader knows that by its report alone."""
    cluster = settled(replicas=2)
    lose_account(cluster)
    cluster.step()
    say(cluster, 1, account_uid=cluster.children[("ServiceAccount", "maker")]["metadata"]["uid"])
    stream = replace(cluster.pods[1].stream, drain_reason="", draining_for_s=None)
    cluster.pods[1] = replace(cluster.pods[1], stream=stream)

    outcome = cluster.decide()

    assert outcome.replace
    assert outcome.replace.name == "maker-1"
    assert [child["kind"] for child in outcome.apply] == [], "the slot is not removed"


def test_a_pod_that_is_younger_than_the_known_account_is_left_alone() -> None:
    """The watch of accounts lags: the pod has the token of one that it has not told of."""
    cluster = settled()
    cluster.pods[0] = replace(cluster.pods[0], created=LATER)
    say(cluster, 0, account_uid="one that is not known yet")

    outcome = cluster.decide()

    assert (drains(outcome), outcome.replace) == ([], None)


def test_a_runtime_that_does_not_say_whose_token_it_has_is_replaced_when_the_api_server_refuses_it() -> None:
    cluster = settled()
    lose_account(cluster)
    say(cluster, 0, account_uid="")
    assert cluster.decide().replace is None
    say(cluster, 0, state=TradingState.STARTING, ready=False, message="waiting for the Lease (pod x)")
    assert cluster.decide().replace is None, "another pod's Lease is no reason"

    refused = "waiting for the Lease (API server: 401 Unauthorized: Unauthorized)"
    say(cluster, 0, message=refused)
    assert cluster.decide().replace

    cluster.pods[0] = replace(cluster.pods[0], created=LATER)
    assert cluster.decide().replace is None, "a new pod would not do better"


def test_a_pod_that_cannot_be_asked_is_not_taken_away_and_a_person_is_told_what_to_do() -> None:
    cluster = settled()
    lose_account(cluster)
    cluster.pods[0] = replace(cluster.pods[0], stream=Stream(lost_for_s=5.0))
    outcome = cluster.step()
    assert (drains(outcome), outcome.replace) == ([], None)
    assert outcome.requeue_after_s
    assert said(cluster, "Stalled").status == "False"

    cluster.pods[0] = replace(cluster.pods[0], stream=Stream(lost_for_s=61.0))
    outcome = cluster.step()

    assert outcome.replace is None
    assert (said(cluster, "Stalled").status, said(cluster, "Stalled").reason) == ("True", "ServiceAccountReplaced")
    assert said(cluster, "Stalled").message.endswith("Look at the venue, then: kubectl delete pod maker-0")
    assert said(cluster, "Ready").reason == "RuntimeUnreachable"


def test_a_silent_pod_that_is_younger_than_its_account_is_only_silent() -> None:
    cluster = settled()
    cluster.pods[0] = replace(cluster.pods[0], stream=Stream(lost_for_s=61.0))
    cluster.step()

    assert said(cluster, "Stalled").reason == "Progressing"


def test_a_slot_that_is_removed_anyway_is_drained_for_that_and_not_replaced() -> None:
    cluster = settled(replicas=2)
    lose_account(cluster)
    cluster.respecify(spec(FOUR, replicas=1))

    outcome = cluster.step()

    assert drains(outcome) == [("maker-1", DRAIN_FOR_SCALING), ("maker-0", DRAIN_FOR_REPLACEMENT)]
    cluster.settle()
    assert list(cluster.pods) == [0]


def test_a_halt_holds_through_the_replacement() -> None:
    cluster = settled()
    cluster.breach(0, "h1")
    cluster.settle()
    uid = cluster.pods[0].uid
    lose_account(cluster)

    cluster.settle()

    assert cluster.pods[0].uid != uid
    assert said(cluster, "Halted").status == "True"
