"""Decisions: idempotent, one market in one slot at every step, and nobody restarted for a spread."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.bot_model import KEYED, Cluster, bot, spec
from harness.examples import examples
from harness.live_risk import LIVE_RISK
from tradingbot_operator.api.v1alpha1 import Phase
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Manifest, Observed
from tradingbot_operator.core.outcome import ConfigureSlot, DrainSlot, Finalizer
from tradingbot_runtime.config import VenueSpec
from tradingbot_runtime.model.control import ConfigAnswered
from tradingbot_runtime.model.events import TradingState

LIVE = {"mode": "Live", "risk": LIVE_RISK}
FOUR = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")


def reasons(cluster: Cluster) -> dict[str, tuple[str, str]]:
    return {c.type: (c.status, c.reason) for c in cluster.bot.status.conditions}


def template(cluster: Cluster) -> Manifest:
    found: Manifest = cluster.children[("StatefulSet", "maker")]["spec"]["template"]
    return found


def test_an_empty_cluster_gets_the_finalizer_first_and_the_stateful_set_last() -> None:
    outcome = Cluster(bot()).decide()

    assert outcome.finalizer is Finalizer.ADD
    assert outcome.control_secret_due
    assert [child["kind"] for child in outcome.apply] == [
        "ServiceAccount", "Role", "RoleBinding", "Service", "ConfigMap", "PodDisruptionBudget", "NetworkPolicy",
        "StatefulSet"]  # fmt: skip
    assert [lease["metadata"]["name"] for lease in outcome.leases] == ["maker-0"]


@settings(max_examples=examples(25))
@given(st.integers(0, 4), st.integers(1, 4))
def test_a_settled_cluster_gets_nothing(replicas: int, markets: int) -> None:
    cluster = Cluster(bot(spec(FOUR[:markets], replicas=replicas)))

    cluster.settle()

    again = cluster.decide()
    assert (again.apply, again.leases, again.commands, again.events, again.prune) == ((), (), (), (), ())
    assert again.status == cluster.bot.status
    assert reasons(cluster)["Ready"][0] == "True"


def test_a_spread_is_pushed_and_the_template_stays_as_it_is() -> None:
    cluster = Cluster(bot())
    cluster.settle()
    before = template(cluster)

    cluster.respecify(spec(strategy={"marketMaking": {"spreadBps": "12", "sizes": ["1"]}}))
    outcome = cluster.step()

    assert [child["kind"] for child in outcome.apply] == ["ConfigMap"]
    assert [type(command) for command in outcome.commands] == [ConfigureSlot]
    assert template(cluster) == before


@pytest.mark.parametrize("change", [
    {"risk": {"maxPosition": "5"}}, {"desiredState": "Paused"}, {"onStop": "Leave"},
    {"rollout": {"progressDeadline": "5m"}},
])  # fmt: skip
def test_what_is_hot_restarts_nothing(change: dict[str, Any]) -> None:
    cluster = Cluster(bot())
    cluster.settle()
    before = template(cluster)

    cluster.respecify(spec(**change))
    cluster.settle()

    assert template(cluster) == before


def test_the_variables_of_opentelemetry_are_in_the_pods_and_change_nothing_where_there_are_none() -> None:
    cluster = Cluster(bot())
    cluster.settle()
    (plain,) = template(cluster)["spec"]["containers"]
    variables = {"OTEL_TRACES_SAMPLER": "always_off", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}

    cluster.respecify(spec(pod={"openTelemetry": variables}))
    cluster.settle()

    (container,) = template(cluster)["spec"]["containers"]
    assert [variable["name"] for variable in plain["env"]] == ["POD_NAME", "POD_UID", "POD_NAMESPACE"]
    told = [{"name": name, "value": variables[name]} for name in sorted(variables)]
    assert container == {**plain, "env": [*plain["env"], *told]}


def test_a_rate_limit_of_the_venue_restarts_nothing() -> None:
    cluster = Cluster(bot())
    cluster.settle()
    before = template(cluster)

    limited = {"environment": "Testnet", "type": "Binance", "rateLimit": {"ordersPerSecond": "2"}}
    cluster.venues = {"venue": VenueSpec.model_validate(limited)}
    cluster.settle()

    assert template(cluster) == before
    assert str(cluster.config(0).venues["venue"].rate_limit.orders_per_second) == "2"


@pytest.mark.parametrize("change", [
    {"pod": {"image": "runtime:2"}}, {"pod": {"resources": {"limits": {"memory": "1Gi"}}}},
    {"mode": "Live", "risk": LIVE_RISK},
])  # fmt: skip
def test_what_needs_a_restart_rolls_slot_by_slot_from_the_top(change: dict[str, Any]) -> None:
    keyed = {"environment": "Testnet", "type": "Binance", "credentialsSecretRef": {"name": "keys"}}
    cluster = Cluster(bot(spec(FOUR, replicas=3)), venues={"venue": VenueSpec.model_validate(keyed)})
    cluster.settle()
    before = {n: pod.uid for n, pod in cluster.pods.items()}

    cluster.respecify(spec(FOUR, replicas=3, **change))
    replaced: list[int] = []
    for _ in range(12):
        cluster.step()
        replaced += [n for n in (2, 1, 0) if cluster.pods.get(n) and cluster.pods[n].uid != before[n]
                     and n not in replaced]  # fmt: skip

    assert replaced == [2, 1, 0]
    assert reasons(cluster)["Ready"] == ("True", "Trading")


def test_a_broken_template_stops_at_the_first_slot_that_it_reaches() -> None:
    cluster = Cluster(bot(spec(FOUR, replicas=3)))
    cluster.settle()
    before = {n: pod.uid for n, pod in cluster.pods.items()}
    cluster.respecify(spec(FOUR, replicas=3, pod={"image": "broken:1"}))

    for _ in range(10):
        cluster.step()
        for n, pod in cluster.pods.items():
            if pod.uid != before[n] and pod.stream.report:
                broken = msgspec.structs.replace(pod.stream.report, ready=False)
                cluster.pods[n] = replace(pod, stream=replace(pod.stream, report=broken))

    assert [n for n, pod in cluster.pods.items() if pod.uid != before[n]] == [2]


def test_the_partition_stays_while_the_controller_has_not_seen_the_new_template() -> None:
    """Its updateRevision is the old one then, and every pod looks updated."""
    cluster = Cluster(bot(spec(FOUR, replicas=3)))
    cluster.settle()
    before = cluster.children[("StatefulSet", "maker")]["status"]
    cluster.respecify(spec(FOUR, replicas=3, pod={"image": "runtime:2"}))
    cluster.step()
    for _ in range(3):
        cluster.children[("StatefulSet", "maker")]["status"] = before
        (stateful_set,) = [c for c in cluster.decide().apply if c["kind"] == "StatefulSet"] or [
            cluster.children[("StatefulSet", "maker")]]  # fmt: skip
        assert stateful_set["spec"]["updateStrategy"]["rollingUpdate"]["partition"] == 3


@settings(max_examples=examples(40))
@given(st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_however_it_is_scaled_no_market_is_traded_by_two_slots(sizes: list[int]) -> None:
    cluster = Cluster(bot(spec(FOUR, replicas=2)))
    for size in sizes:
        cluster.respecify(spec(FOUR, replicas=size))
        for _ in range(3):
            cluster.step()
            trading = [market for markets in cluster.traded().values() for market in markets]
            assert len(trading) == len(set(trading)), cluster.traded()
    cluster.settle()

    wanted = {symbol.lower() for symbol in FOUR} if sizes[-1] else set()
    assert {market for markets in cluster.traded().values() for market in markets} == wanted


def test_a_market_is_held_until_its_slot_has_let_go_of_it() -> None:
    """Else another bot could quote it while the old orders are still in the market."""
    cluster = Cluster(bot(spec(FOUR, **LIVE)), venues={"venue": KEYED})
    cluster.settle()
    cluster.respecify(spec(FOUR[:1], **LIVE))

    first = cluster.step()
    assert first.holds == frozenset(f"venue/{symbol}" for symbol in FOUR)

    cluster.settle()
    assert cluster.decide().holds == frozenset({"venue/AAAUSDT"})


def test_a_slot_more_that_gets_no_market_restarts_nobody() -> None:
    cluster = Cluster(bot(spec(("BTCUSDT",), replicas=3)))
    cluster.settle()
    before = template(cluster)

    cluster.respecify(spec(("BTCUSDT",), replicas=4))  # BTCUSDT stays in slot 2
    cluster.settle()

    assert template(cluster) == before
    assert len(cluster.pods) == 4


def test_a_slot_is_drained_before_the_stateful_set_shrinks() -> None:
    cluster = Cluster(bot(spec(FOUR, replicas=2)))
    cluster.settle()
    cluster.respecify(spec(FOUR, replicas=1))

    first = cluster.step()

    assert [command.pod for command in first.commands if isinstance(command, DrainSlot)] == ["maker-1"]
    assert all(child["spec"]["replicas"] == 2 for child in first.apply if child["kind"] == "StatefulSet")
    cluster.settle()
    assert cluster.children[("StatefulSet", "maker")]["spec"]["replicas"] == 1


def test_a_lease_is_created_once_in_a_bots_life() -> None:
    cluster = Cluster(bot(spec(FOUR, replicas=2)))
    cluster.settle()
    for size in (1, 2):
        cluster.respecify(spec(FOUR, replicas=size))
        before = {slot.ordinal: slot.lease_uid for slot in cluster.bot.status.slots}
        cluster.settle()
        assert {slot.ordinal: slot.lease_uid for slot in cluster.bot.status.slots} == before


def test_a_rejected_configuration_is_stalled_and_not_sent_for_ever() -> None:
    cluster = Cluster(bot())
    cluster.settle()
    cluster.respecify(spec(strategy={"marketMaking": {"spreadBps": "12", "sizes": ["1"]}}))
    pod = cluster.pods[0]
    sent = next(c for c in cluster.decide().commands if isinstance(c, ConfigureSlot))
    answer = ConfigAnswered(config_hash=sent.config_hash, outcome="Rejected", message="no such tick")
    cluster.pods[0] = replace(pod, stream=replace(pod.stream, answer=answer, sent_hash=sent.config_hash))

    outcome = cluster.step()

    assert outcome.commands == ()
    assert reasons(cluster)["Stalled"] == ("True", "RejectedByRuntime")
    assert reasons(cluster)["Ready"] == ("False", "ConfigNotAcknowledged")


def test_an_invalid_spec_keeps_the_last_valid_one_also_when_a_child_is_lost() -> None:
    cluster = Cluster(bot())
    cluster.settle()
    before = dict(cluster.children)
    cluster.bot = replace(cluster.bot, spec=None, problems=("spec.risk: is required",))
    del cluster.children[("StatefulSet", "maker")]

    cluster.step()

    assert template(cluster) == before[("StatefulSet", "maker")]["spec"]["template"]
    assert reasons(cluster)["SpecAccepted"] == ("False", "SpecInvalid")
    assert reasons(cluster)["Available"] == ("True", "MinimumSlotsReady")


def test_a_spec_that_loses_by_construction_is_accepted_with_a_warning() -> None:
    said = {}
    for spread in ("8", "12"):
        cluster = Cluster(bot(spec(strategy={"marketMaking": {"spreadBps": spread, "sizes": ["1"]}})))
        cluster.settle()
        said[spread] = next(c.message for c in cluster.bot.status.conditions if c.type == "SpecAccepted")

    assert "warning: spec.strategy.marketMaking: the first layer is 8 bps from the reference, and Binance" in said["8"]
    assert "warning" not in said["12"]


def test_a_bot_that_was_never_valid_has_no_children_and_says_why() -> None:
    cluster = Cluster(bot(), venues={})

    outcome = cluster.step()

    assert outcome.apply == ()
    assert cluster.bot.status.phase is Phase.INVALID
    assert reasons(cluster)["SpecAccepted"] == ("False", "ReferenceNotFound")


def test_no_progress_is_stalled_after_the_deadline_and_stays_so() -> None:
    cluster = Cluster(bot())
    cluster.settle()
    cluster.pods[0] = replace(cluster.pods[0], started=False)
    cluster.step()
    cluster.observed = replace(cluster.observed, reconciling_for_s=601)
    cluster.step()
    assert reasons(cluster)["Stalled"] == ("True", "ProgressDeadlineExceeded")

    cluster.observed = Observed(now=cluster.observed.now)
    cluster.step()

    assert reasons(cluster)["Stalled"] == ("True", "ProgressDeadlineExceeded")
    cluster.pods[0] = replace(cluster.pods[0], started=True)
    cluster.step()
    assert reasons(cluster)["Stalled"][0] == "False"


def test_a_new_leader_does_not_forget_what_the_one_before_it_knew() -> None:
    cluster = Cluster(bot())
    cluster.settle()
    known = cluster.bot.status
    cluster.pods[0] = replace(cluster.pods[0], stream=replace(cluster.pods[0].stream, report=None, connected=False))
    cluster.observed = replace(cluster.observed, since_start_s=1.0)

    assert cluster.decide().status == known

    cluster.observed = replace(cluster.observed, since_start_s=11.0)
    cluster.step()
    assert reasons(cluster)["Ready"] == ("False", "RuntimeUnreachable")


def test_a_pod_whose_turn_to_be_connected_has_not_come_is_not_called_unreachable() -> None:
    cluster = Cluster(bot())
    cluster.settle()
    known, pod = cluster.bot.status, cluster.pods[0]
    untried = replace(pod.stream, report=None, connected=False, untried=True)
    cluster.pods[0] = replace(pod, stream=untried, age_s=100.0)
    cluster.observed = replace(cluster.observed, since_start_s=30.0)

    outcome = cluster.decide()
    assert (outcome.status, outcome.requeue_after_s) == (known, cluster.installation.start_grace_s)

    cluster.pods[0] = replace(pod, stream=replace(untried, untried=False), age_s=100.0)
    cluster.step()
    assert reasons(cluster)["Ready"] == ("False", "RuntimeUnreachable")


def test_a_leader_that_has_heard_everybody_has_no_second_look_to_take() -> None:
    cluster = Cluster(bot())
    cluster.settle()
    cluster.observed = replace(cluster.observed, since_start_s=1.0)

    assert cluster.decide().requeue_after_s is None


def test_the_certificate_is_renewed_when_its_time_comes() -> None:
    cluster = Cluster(bot())
    cluster.settle()
    assert not cluster.decide().control_secret_due

    cluster.observed = replace(cluster.observed, now="2026-12-01T00:00:01Z")

    assert cluster.decide().control_secret_due


def test_a_superfluous_child_of_ours_is_pruned_and_one_of_others_is_not() -> None:
    cluster = Cluster(bot())
    cluster.settle()
    ours = {"metadata": {"name": "old", "uid": "x", "ownerReferences": [{"uid": "bot-uid"}]}}
    theirs = {"metadata": {"name": "theirs", "uid": "y", "ownerReferences": [{"uid": "other"}]}}
    cluster.children |= {("Service", "old"): ours, ("Service", "theirs"): theirs}

    assert [(child.kind, child.name, child.uid) for child in cluster.decide().prune] == [("Service", "old", "x")]


def test_a_halted_slot_is_halted_for_the_bot() -> None:
    cluster = Cluster(bot(spec(FOUR, replicas=2)))
    cluster.settle()
    pod = cluster.pods[1]
    assert pod.stream.report
    halted = msgspec.structs.replace(pod.stream.report, state=TradingState.HALTED, ready=False)
    cluster.pods[1] = replace(pod, stream=replace(pod.stream, report=halted))

    outcome = cluster.step()

    assert cluster.bot.status.phase is Phase.HALTED
    assert reasons(cluster)["TradingEnabled"] == ("False", "Halted")
    assert any(event.warning for event in outcome.events)


def test_every_child_says_whose_it_is() -> None:
    for child in Cluster(bot()).decide().apply:
        assert child["metadata"]["labels"] == names.labels("maker")
        assert child["metadata"]["ownerReferences"][0]["uid"] == "bot-uid"
