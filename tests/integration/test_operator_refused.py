"""What a real API server refuses, by quota, policy or name: the bot says it, and halts are told all the same."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.api_client import Object
from harness.bot_world import VENUE, World, manifest
from harness.operator_process import conditions, eventually

pytestmark = pytest.mark.controlplane
ADMISSION = "admissionregistration.k8s.io/v1"


def quota(**hard: str) -> Object:
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}}


def warnings(world: World, reason: str) -> list[int]:
    return [event["count"] for event in world.events() if (event["type"], event["reason"]) == ("Warning", reason)]


@contextmanager
def frozen(world: World) -> Iterator[None]:
    """A policy that lets nobody change a ConfigMap or a StatefulSet of the namespace."""
    name = f"frozen-{world.namespace}"
    rules = [{"apiGroups": ["", "apps"], "apiVersions": ["v1"], "operations": ["UPDATE"],
              "resources": ["configmaps", "statefulsets"]}]  # fmt: skip
    spec = {"matchConstraints": {"resourceRules": rules}, "failurePolicy": "Fail",
            "validations": [{"expression": "false", "message": "the desk is frozen"}]}  # fmt: skip
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}}}
    policy = {"apiVersion": ADMISSION, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec}
    binding = {"apiVersion": ADMISSION, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
               "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": here}}  # fmt: skip
    try:
        for wanted in (policy, binding):
            world.client.apply(wanted)
        eventually(lambda: "the desk is frozen" in world.plane.kubectl(
            "-n", world.namespace, "annotate", "configmap", "kube-root-ca.crt", "a=b", "--overwrite"), 20)  # fmt: skip
        yield
    finally:
        for kind in ("ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"):
            world.client.delete(ADMISSION, kind, "", name)


def test_a_stateful_set_beyond_the_quota_is_told_in_the_api_servers_words_and_made_when_there_is_room(
    world: World,
) -> None:
    world.apply(quota(**{"count/statefulsets.apps": "0"}))
    eventually(lambda: "hard" in (world.get("ResourceQuota", "q") or {}).get("status", {}))
    world.apply(VENUE, manifest())

    message = world.condition("Ready", "False", "WriteRefused")
    assert message.startswith('StatefulSet/maker: statefulsets.apps "maker" is forbidden: exceeded quota: q')
    world.condition("Reconciling", "True", "WriteRefused")
    eventually(lambda: warnings(world, "WriteRefused"))
    before = (world.get("TradingBot") or {})["metadata"]["resourceVersion"]
    tries = world.operator.metric("rest_client_requests_total", kind="StatefulSet", code="403")
    eventually(
        lambda: world.operator.metric("rest_client_requests_total", kind="StatefulSet", code="403") > tries + 1, 20
    )
    assert (world.get("TradingBot") or {})["metadata"]["resourceVersion"] == before, "nothing new, nothing written"
    assert warnings(world, "WriteRefused") == [1]

    world.client.delete("v1", "ResourceQuota", world.namespace, "q")
    world.condition("Ready", "True", "Trading", within_s=60)


def test_a_breach_is_told_where_a_policy_lets_nobody_change_what_the_bot_is_made_of(world: World) -> None:
    world.apply(VENUE, manifest())
    world.converged()
    with frozen(world):
        world.node.breach("maker-0", "maker-0-1")

        message = world.condition("Ready", "False", "WriteRefused")
        assert message.startswith("ConfigMap/maker-slots: ")
        assert "the desk is frozen" in message
        assert "tradingbot.dev/resume=maker-0-1" in world.condition("Halted", "True", "RiskBreachMaxLoss")
        status = (world.get("TradingBot") or {})["status"]
        assert (status["phase"], [halt["id"] for halt in status["halts"]]) == ("Halted", ["maker-0-1"])
        eventually(lambda: warnings(world, "RiskBreachMaxLoss"))

    world.condition("Ready", "False", "Halted", within_s=60)
    assert "maker-0-1" in world.get("ConfigMap", "maker-slots")["data"]["slot-0.json"]  # type: ignore[index]  # it is there


def test_a_lease_of_somebody_else_is_named_and_waited_for(world: World) -> None:
    world.apply({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "maker-0"}, "spec": {}})
    world.apply(VENUE, manifest())

    message = world.condition("Ready", "False", "NameTaken")
    assert message.startswith("Lease/maker-0: there is one of that name already")
    assert world.get("StatefulSet") is None

    world.client.delete("coordination.k8s.io/v1", "Lease", world.namespace, "maker-0")
    world.condition("Ready", "True", "Trading", within_s=60)
    assert conditions(world.get("TradingBot"))["Reconciling"] == ("False", "Converged")


def test_an_account_and_a_secret_of_somebody_else_are_left_to_him(world: World) -> None:
    account: Object = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "deployer"}}
    secret: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "deployer-control"},
                      "stringData": {"password": "theirs"}}  # fmt: skip
    world.apply(account, secret)
    before = world.get("ServiceAccount", "deployer"), world.get("Secret", "deployer-control")
    world.apply(VENUE, manifest("deployer"))

    message = world.condition("Ready", "False", "NameTaken", name="deployer")
    assert message.startswith("ServiceAccount/deployer: there is one of that name already")
    assert world.get("ServiceAccount", "deployer") == before[0]
    world.client.delete("v1", "ServiceAccount", world.namespace, "deployer")
    eventually(lambda: "Secret/deployer-control" in world.condition("Ready", "False", "NameTaken", "deployer"), 30)
    assert world.get("StatefulSet", "deployer") is None
    assert world.get("Secret", "deployer-control") == before[1]

    world.delete("deployer")
    world.gone("deployer")
    assert world.get("Secret", "deployer-control") == before[1], "nor is it collected with the bot"


def test_a_pod_beyond_the_quota_is_told_within_ten_seconds_and_no_more_when_there_is_room(world: World) -> None:
    world.apply(quota(pods="0"))
    eventually(lambda: "hard" in (world.get("ResourceQuota", "q") or {}).get("status", {}))
    world.apply(VENUE, manifest())

    message = world.condition("Ready", "False", "QuotaExceeded", within_s=10)
    assert message == (
        'slot 0: the pod cannot be made: pods "maker-0" is forbidden: exceeded quota: q, requested: pods=1, '
        "limited: pods=0"
    )
    world.condition("Reconciling", "True", "QuotaExceeded")
    eventually(lambda: warnings(world, "QuotaExceeded") == [1])

    world.client.delete("v1", "ResourceQuota", world.namespace, "q")
    world.condition(
        "Ready", "True", "Trading", within_s=60
    )  # the StatefulSet's controller tries again more and more rarely


def test_a_pod_of_a_priority_class_that_is_not_there_is_told(world: World) -> None:
    world.apply(VENUE, manifest(pod={"priorityClassName": "nowhere"}))

    message = world.condition("Ready", "False", "PodsRefused", within_s=10)
    assert "no PriorityClass with name nowhere was found" in message
