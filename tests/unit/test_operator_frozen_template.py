"""A new operator changes no pod by itself: the pod template is frozen until a person changes what a restart takes."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.bot_model import INSTALLATION, KEYED, VENUE, Cluster, bot, spec
from harness.every_field import bot_document, venue_document
from harness.examples import examples
from harness.live_risk import LIVE_RISK
from tradingbot_operator.api.v1alpha1 import Condition, ConditionStatus
from tradingbot_operator.core import names
from tradingbot_operator.core.frozen_template import restart_inputs
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.core.ownership import OWNED
from tradingbot_runtime.config import TradingBotSpec, VenueSpec, as_written

FOUR = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")
NEWER = replace(INSTALLATION, runtime_image="runtime:2", operator_version="0.2.0")
OTHERWISE = replace(NEWER, control_port=9443)  # a template that is rendered otherwise, and rules for another port


def settled(**changes: Any) -> Cluster:  # noqa: ANN401 - fields of the spec
    cluster = Cluster(bot(spec(FOUR, **changes)), {"venue": KEYED})
    cluster.settle()
    return cluster


def upgraded(**changes: Any) -> Cluster:  # noqa: ANN401 - fields of the spec
    cluster = settled(**changes)
    cluster.installation = NEWER
    cluster.settle()
    return cluster


def drift(cluster: Cluster) -> Condition:
    return next(c for c in cluster.bot.status.conditions if c.type == "TemplateDrift")


def stateful_set(cluster: Cluster) -> Manifest:
    return cluster.children[("StatefulSet", "maker")]


def image(cluster: Cluster) -> str:
    (container,) = stateful_set(cluster)["spec"]["template"]["spec"]["containers"]
    return str(container["image"])


def uids(cluster: Cluster) -> dict[int, str]:
    return {n: pod.uid for n, pod in cluster.pods.items()}


def test_a_new_operator_restarts_nobody_and_says_what_it_would_make_otherwise() -> None:
    cluster = settled(replicas=2)
    before, template = uids(cluster), stateful_set(cluster)["spec"]["template"]
    assert (drift(cluster).status, drift(cluster).reason) == (ConditionStatus.FALSE, "NoDrift")

    cluster.installation = OTHERWISE
    cluster.settle()

    assert uids(cluster) == before
    assert stateful_set(cluster)["spec"]["template"] == template
    assert (drift(cluster).status, drift(cluster).reason) == (ConditionStatus.TRUE, "OperatorChanged")
    assert "spec.containers[runtime].image: runtime:1 -> runtime:2" in drift(cluster).message
    assert "spec.containers[runtime].ports[control].containerPort: 8443 -> 9443" in drift(cluster).message
    assert cluster.bot.status.pending_change is None
    assert [c.status for c in cluster.bot.status.conditions if c.type == "Ready"] == [ConditionStatus.TRUE]


def test_what_else_belongs_to_a_bot_follows_the_operator() -> None:
    cluster = settled()
    cluster.installation = OTHERWISE

    assert [child["kind"] for child in cluster.decide().apply] == ["Service", "NetworkPolicy"]
    cluster.settle()
    ingress = cluster.children[("NetworkPolicy", "maker")]["spec"]["ingress"]
    assert ingress[0]["ports"] == [{"protocol": "TCP", "port": 9443}]


def test_the_operator_before_it_finds_all_as_it_left_it() -> None:
    cluster = upgraded()
    cluster.installation = INSTALLATION
    before = uids(cluster)
    cluster.settle()

    assert (uids(cluster), drift(cluster).status) == (before, ConditionStatus.FALSE)


LIVE = {"mode": "Live", "risk": LIVE_RISK}


@pytest.mark.parametrize("change", [
    {"restartNonce": 1}, LIVE, {"pod": {"priorityClassName": "high"}}, {"paper": {"seed": 2}},
])  # fmt: skip
def test_a_restart_that_a_person_wants_takes_todays_template_slot_by_slot(change: dict[str, Any]) -> None:
    cluster = upgraded(replicas=2)
    before = uids(cluster)
    cluster.respecify(spec(FOUR, replicas=2, **change))
    replaced: list[int] = []
    for _ in range(12):
        cluster.step()
        replaced += [n for n, uid in uids(cluster).items() if uid != before[n] and n not in replaced]

    assert replaced == [1, 0]
    assert (image(cluster), drift(cluster).status) == ("runtime:2", ConditionStatus.FALSE)


def test_another_secret_of_a_venue_takes_todays_template() -> None:
    cluster = upgraded()
    other = KEYED.model_dump(mode="json", by_alias=True, exclude_none=True) | {"credentialsSecretRef": {"name": "new"}}
    cluster.venues = {"venue": VenueSpec.model_validate(other)}
    cluster.settle()

    assert (image(cluster), drift(cluster).status) == ("runtime:2", ConditionStatus.FALSE)


@pytest.mark.parametrize("change", [
    {"strategy": {"marketMaking": {"spreadBps": "12", "sizes": ["1"]}}}, {"desiredState": "Paused"},
    {"rollout": {"progressDeadline": "5m"}}, {"storage": {"inputs": "10Mi"}},
])  # fmt: skip
def test_a_change_that_needs_no_restart_takes_nothing_else_with_it(change: dict[str, Any]) -> None:
    cluster = upgraded()
    before = uids(cluster)
    cluster.respecify(spec(FOUR, **change))
    cluster.settle()

    assert (uids(cluster), image(cluster), drift(cluster).status) == (before, "runtime:1", ConditionStatus.TRUE)


def test_markets_that_move_restart_their_slots_as_they_were_made() -> None:
    """An autoscaler is no person who wants another version."""
    cluster = upgraded(replicas=1)
    cluster.respecify(spec(FOUR, replicas=3))
    cluster.settle()

    assert len(cluster.traded()) == 3
    assert (image(cluster), drift(cluster).status) == ("runtime:1", ConditionStatus.TRUE)
    assert {pod.restart_hash for pod in cluster.pods.values()} == {
        stateful_set(cluster)["spec"]["template"]["metadata"]["annotations"][names.RESTART_HASH]}  # fmt: skip


def edited_template(cluster: Cluster, **taken: Any) -> None:  # noqa: ANN401 - annotations
    """As `kubectl edit` leaves it: another image, whose field is not ours any more."""
    stored = json.loads(json.dumps(stateful_set(cluster)))
    stored["spec"]["template"]["spec"]["containers"][0]["image"] = "somebody/elses:1"
    stored["metadata"]["annotations"] |= taken
    owned = json.loads(stored[OWNED])
    del owned["f:spec"]["f:template"]["f:spec"]["f:containers"]
    cluster.children[("StatefulSet", "maker")] = stored | {OWNED: json.dumps(owned)}


def test_an_edit_of_the_stateful_set_is_put_right_to_what_it_was_and_not_to_todays() -> None:
    cluster = upgraded()
    edited_template(cluster)

    cluster.step()

    assert (image(cluster), drift(cluster).status) == ("runtime:1", ConditionStatus.TRUE)


@pytest.mark.parametrize("annotation", [names.TEMPLATE, names.TEMPLATE_HASH, names.TEMPLATE_INPUTS])
@pytest.mark.parametrize("spoil", [lambda _: "{}", lambda text: text.replace("runtime:1", "evil:1")[::-1]])
def test_an_edit_of_what_is_remembered_is_put_right_and_never_believed(
    annotation: str, spoil: Callable[[str], str]
) -> None:
    cluster = settled()
    wanted = dict(stateful_set(cluster)["metadata"]["annotations"])
    edited_template(cluster, **{annotation: spoil(wanted[annotation])})

    cluster.settle()

    assert (image(cluster), stateful_set(cluster)["metadata"]["annotations"]) == ("runtime:1", wanted)


def test_a_template_that_somebody_wrote_into_the_annotations_is_not_taken() -> None:
    cluster = settled()
    evil = stateful_set(cluster)["metadata"]["annotations"][names.TEMPLATE].replace("runtime:1", "evil:1")
    edited_template(cluster, **{names.TEMPLATE: evil})

    cluster.step()

    assert image(cluster) == "runtime:1"


def test_a_stateful_set_that_is_made_anew_is_made_by_todays_operator() -> None:
    cluster = upgraded()
    del cluster.children[("StatefulSet", "maker")]
    cluster.pods.clear()
    cluster.settle()

    assert (image(cluster), drift(cluster).status) == ("runtime:2", ConditionStatus.FALSE)


def test_a_bot_that_was_never_accepted_has_no_drift() -> None:
    cluster = Cluster(bot(), venues={})
    cluster.step()

    assert drift(cluster).status is ConditionStatus.FALSE


@settings(max_examples=examples(20))
@given(st.lists(st.sampled_from([INSTALLATION, NEWER, OTHERWISE]), min_size=1, max_size=5), st.integers(1, 3))
def test_no_row_of_operators_restarts_a_pod(operators: list[Any], replicas: int) -> None:
    cluster = settled(replicas=replicas)
    before = uids(cluster)
    for operator in operators:
        cluster.installation = operator
        cluster.settle()
        assert cluster.decide().apply == ()

    assert uids(cluster) == before


def test_what_names_the_settings_is_the_same_in_every_version() -> None:
    """Another value here restarts every running bot by the upgrade to this version: leave it, and mend the code."""
    venues = {"venue": as_written(VenueSpec, venue_document()), "plain": VENUE}

    document = bot_document("crossExchange")
    del document["pod"]["openTelemetry"]  # nobody had set what a later version added

    assert restart_inputs(spec(), venues) == "2b70d884962889e9"
    assert restart_inputs(as_written(TradingBotSpec, document), venues) == "9528aa5e4f514f2e"
