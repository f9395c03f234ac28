"""An operator with Roles in two namespaces and no right on the cluster: enough to work with, and nothing too much."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from harness.api_client import Object
from harness.api_proxy import ApiProxy
from harness.bot_world import API, KEYED, KEYS, LIVE, VENUE, World, manifest
from harness.control_plane import ControlPlane
from harness.fake_runtime import FakeNode
from harness.operator_process import OperatorProcess, eventually, free_port, kubeconfig_of_account
from harness.rights import Right, given, install_namespaced, outside_of_namespaces, used

pytestmark = pytest.mark.controlplane

UNSEEN: dict[Right, str] = {
    ("tradingbot.dev", "tradingbots/finalizers", "update"):
        "asked for by the admission plugin OwnerReferencesPermissionEnforcement, where it runs: the children's owner "
        "references block the bot's deletion",
}  # fmt: skip
PRUNED = {"StatefulSet": "apps/v1", "ConfigMap": "v1", "Service": "v1", "ServiceAccount": "v1",
          "Role": "rbac.authorization.k8s.io/v1", "RoleBinding": "rbac.authorization.k8s.io/v1",
          "PodDisruptionBudget": "policy/v1", "NetworkPolicy": "networking.k8s.io/v1"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    world: World
    own: str  # the operator's namespace
    elsewhere: str
    proxy: ApiProxy
    roles: list[Object]


@pytest.fixture
def place(tradingbot_api: ControlPlane, tmp_path: Path) -> Iterator[Place]:

    client = tradingbot_api.client
    with ExitStack() as stack:
        own, watched, elsewhere = (stack.enter_context(client.new_namespace()) for _ in range(3))
        roles = install_namespaced(tradingbot_api, own, watched)
        proxy = ApiProxy(kubeconfig_of_account(tradingbot_api, tmp_path, own), tmp_path)
        port = free_port("127.0.0.2")
        settings = {"CONTROL_PORT": str(port), "RESYNC_S": "1", "STUCK_AFTER_S": "3", "WATCH_NAMESPACES": watched}
        kubeconfig = stack.enter_context(proxy.through())
        operator = OperatorProcess(kubeconfig, tmp_path / "operator.log", settings, own)
        node = stack.enter_context(FakeNode(client, watched, tmp_path, port, 211).running())
        operator.start()
        operator.wait_until_leading()
        world = World(tradingbot_api, watched, operator, node)
        try:
            yield Place(world, own, elsewhere, proxy, roles)
        finally:
            code = operator.stop()
        assert code == 0, operator.log.read_text()[-3000:]


def test_a_bot_is_ready_where_the_operator_works_and_one_elsewhere_is_not_touched(place: Place) -> None:
    world = place.world
    can_i = partial(world.plane.kubectl, "auth", "can-i", f"--as=system:serviceaccount:{place.own}:tradingbot-operator")
    assert can_i("list", "tradingbots.tradingbot.dev", "-n", world.namespace).strip() == "yes"
    assert can_i("list", "tradingbots.tradingbot.dev", "--all-namespaces").strip() == "no"
    assert can_i("get", "secrets", "-n", place.elsewhere).strip() == "no"
    for wanted in (VENUE, manifest()):
        world.client.apply(wanted, place.elsewhere)
        world.apply(wanted)

    world.converged()

    elsewhere = world.client.get(API, "TradingBot", place.elsewhere, "maker")
    assert elsewhere
    assert "status" not in elsewhere
    made = "app.kubernetes.io/managed-by=tradingbot-operator"
    assert world.client.list("v1", "ConfigMap", place.elsewhere, made) == []
    eventually(lambda: world.operator.metric("tradingbot_operator_canary_reconcile_age_seconds") > 0)
    assert world.operator.get("/healthz") == (200, "ok")
    assert world.operator.forbidden() == []
    assert world.operator.metric("rest_client_requests_total", code="403") == 0
    assert outside_of_namespaces(place.proxy.asked) == set()
    world.delete()
    world.gone()


def superfluous(kind: str, owner: Object) -> Object:
    """A child that an earlier version might have made, and that nobody wants any more."""
    reference = {"apiVersion": API, "kind": "TradingBot", "name": "maker", "uid": owner["metadata"]["uid"]}
    labels = {"app.kubernetes.io/managed-by": "tradingbot-operator", "tradingbot.dev/bot": "maker"}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    selector = {"matchLabels": {"a": "b"}}
    content: dict[str, Object] = {
        "StatefulSet": {"spec": {"replicas": 0, "serviceName": "old", "selector": selector, "template": template}},
        "Service": {"spec": {"clusterIP": "None", "ports": [{"port": 80}]}},
        "RoleBinding": {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "maker"}},
        "PodDisruptionBudget": {"spec": {"selector": selector}},
        "NetworkPolicy": {"spec": {"podSelector": selector}},
    }
    metadata = {"name": "old", "labels": labels, "ownerReferences": [reference]}
    return {"apiVersion": PRUNED[kind], "kind": kind, "metadata": metadata, **content.get(kind, {})}


def renew_certificate(world: World) -> None:
    before = world.get("Secret", "maker-control")
    assert before
    due = {"metadata": {"annotations": {"tradingbot.dev/renew-after": "2020-01-01T00:00:00Z"}}}
    world.client.merge("v1", "Secret", world.namespace, "maker-control", due)
    eventually(lambda: (world.get("Secret", "maker-control") or before)["data"] != before["data"], 20)


def test_every_right_that_the_roles_give_is_made_use_of(place: Place) -> None:
    world, proxy = place.world, place.proxy
    world.apply(KEYS, KEYED, manifest(**LIVE))  # finalizers, credentials, slots' Leases
    world.condition("Ready", "True")
    _lose_and_find_again(world)  # a Job withdraws its orders meanwhile
    world.apply(manifest("podless", symbols=("LTCUSDT",), pod={"priorityClassName": "nowhere"}))
    world.condition("Ready", "False", "PodsRefused", name="podless")  # Events say why
    owner = world.get("TradingBot")
    assert owner
    world.apply({"apiVersion": API, "kind": "TradingHalt", "metadata": {"name": "stop"}, "spec": {"reason": "a test"}})
    world.condition("Halted", "True")
    astray = manifest("astray", symbols=("ETHUSDT",))
    astray["spec"]["markets"][0]["execution"]["venue"] = "nowhere"
    world.apply(astray)  # a Venue that no watch tells of
    world.condition("SpecAccepted", "False", "ReferenceNotFound", name="astray")
    for kind in PRUNED:
        world.apply(superfluous(kind, owner))
        eventually(partial(_gone, world, kind), what=f"{kind} old is pruned")
    renew_certificate(world)
    renew_certificate(world)  # the same Event again: it is counted up
    world.client.delete("v1", "ServiceAccount", world.namespace, "maker")  # its pod's token is void

    needed = given(place.roles) - UNSEEN.keys()
    eventually(lambda: needed <= used(proxy.asked), 60, lambda: f"not made use of: {needed - used(proxy.asked)}")
    assert used(proxy.asked) == needed, "and what is argued for is not used here"
    assert outside_of_namespaces(proxy.asked) == set()
    assert world.operator.forbidden() == []
    for name in ("maker", "astray", "podless"):
        world.delete(name)
        world.gone(name)


def _lose_and_find_again(world: World) -> None:
    short = {"spec": {"leaseDurationSeconds": 2}}
    world.client.merge("coordination.k8s.io/v1", "Lease", world.namespace, "maker-0", short)
    world.node.cut("maker-0")
    eventually(lambda: world.client.list("batch/v1", "Job", world.namespace), 40, "a Job")
    world.client.delete("v1", "Pod", world.namespace, "maker-0")
    eventually(lambda: not world.client.list("batch/v1", "Job", world.namespace), 40, "its successor is heard")


def _gone(world: World, kind: str) -> bool:
    return world.client.get(PRUNED[kind], kind, world.namespace, "old") is None
