"""What somebody does to a bot's children is seen by the watches: no resync comes within these tests."""

from functools import partial

import pytest

from harness.api_client import Object
from harness.bot_world import KEYED, KEYS, VENUE, World, manifest
from harness.operator_process import eventually

pytestmark = pytest.mark.controlplane
OPERATOR = {"RESYNC_S": "3600"}

CHILDREN = (
    ("StatefulSet", "maker"), ("ConfigMap", "maker-slots"), ("Service", "maker"), ("ServiceAccount", "maker"),
    ("Role", "maker"), ("RoleBinding", "maker"),
)  # fmt: skip


def test_a_child_that_somebody_deleted_comes_back_within_seconds(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")

    for kind, name in CHILDREN:
        before = world.get(kind, name)
        assert before
        uid = before["metadata"]["uid"]
        world.client.delete(before["apiVersion"], kind, world.namespace, name)
        eventually(partial(_another, world, kind, name, uid), what=f"{kind} {name} again")


def _delete_control_secret(world: World) -> str:
    """The uid that it had."""
    before = world.get("Secret", "maker-control")
    assert before
    world.client.delete("v1", "Secret", world.namespace, "maker-control")
    return str(before["metadata"]["uid"])


def test_a_control_secret_that_nobody_needs_at_the_moment_comes_back_within_ten_seconds(world: World) -> None:
    """It is neither listed nor watched, its pod has mounted it and its stream stays as it is."""
    world.apply(VENUE, manifest(), manifest("other", symbols=("ETHUSDT",)))
    world.condition("Ready", "True")
    world.condition("Ready", "True", name="other")

    uid = _delete_control_secret(world)

    eventually(partial(_another, world, "Secret", "maker-control", uid), 10)
    stored = world.get("Secret", "maker-control")
    assert stored
    assert stored["data"].keys() == {"ca.crt", "tls.crt", "tls.key", "token"}, stored["data"].keys()


def test_a_pod_that_cannot_mount_its_control_secret_brings_it_back(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    pod = world.node.pods["maker-0"].uid
    uid = _delete_control_secret(world)

    world.client.delete("v1", "Pod", world.namespace, "maker-0")

    eventually(partial(_another, world, "Secret", "maker-control", uid))
    eventually(lambda: "maker-0" in world.node.pods and world.node.pods["maker-0"].uid != pod)
    world.condition("Ready", "True")


def test_a_stream_that_is_refused_brings_a_control_secret_back(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    uid = _delete_control_secret(world)

    world.node.pods["maker-0"].token = "of another Secret"  # noqa: S105 - made up
    world.node.disconnect("maker-0")

    eventually(partial(_another, world, "Secret", "maker-control", uid))


def test_a_secret_of_a_venue_that_somebody_deleted_is_missed_within_half_a_minute(world: World) -> None:
    """Secrets are not watched, and no resync comes: it is asked for again and again."""
    world.apply(KEYED, KEYS)
    world.venue_condition("CredentialsValid", "Unknown", "NotReported")

    world.client.delete("v1", "Secret", world.namespace, "keys")

    world.venue_condition("CredentialsValid", "False", "SecretNotFound", within_s=40)


def _another(world: World, kind: str, name: str, uid: str) -> bool:
    found = world.get(kind, name)
    return found is not None and found["metadata"]["uid"] != uid


EDITS: tuple[tuple[str, str, Object], ...] = (
    ("StatefulSet", "maker", {"spec": {"replicas": 3}}),
    ("StatefulSet", "maker", {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}),
    ("ConfigMap", "maker-slots", {"data": {"slot-0.json": "{}"}}),
    ("ConfigMap", "maker-slots", {"data": {"slot-0.json": None}}),
    ("Service", "maker", {"spec": {"selector": {"app": "another"}}}),
    ("Service", "maker", {"spec": {"publishNotReadyAddresses": False}}),
    ("ServiceAccount", "maker", {"automountServiceAccountToken": False}),
    ("Role", "maker", {"rules": []}),
    ("RoleBinding", "maker", {"subjects": []}),
    ("Role", "maker", {"metadata": {"labels": {"tradingbot.dev/bot": None}}}),
    ("Role", "maker", {"metadata": {"labels": {"tradingbot.dev/bot": "another"}}}),
    ("Role", "maker", {"metadata": {"labels": {"app.kubernetes.io/managed-by": None, "tradingbot.dev/bot": None}}}),
    ("Role", "maker", {"metadata": {"ownerReferences": None}}),
)


def test_an_edit_by_hand_is_put_right_within_seconds_and_then_nothing_is_written(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")

    for kind, name, edit in EDITS:
        eventually(partial(_settled, world), what="the pods run as the StatefulSet says")
        before = world.get(kind, name)
        assert before
        world.client.merge(before["apiVersion"], kind, world.namespace, name, edit)
        eventually(partial(_as_before, world, before), what=f"{kind} {name} without {edit}")

    world.converged()
    world.client.merge("v1", "ConfigMap", world.namespace, "maker-slots", {"data": {"note": "of a person"}})
    versions = world.versions()
    eventually(
        lambda: world.operator.metric("tradingbot_operator_watch_last_event_age_seconds", resource="ConfigMap") > 1
    )
    assert world.versions() == versions


def _settled(world: World) -> bool:
    """An edit of the template replaces the pod; without its report the ConfigMap cannot come back as it was."""
    found, pod = world.get("StatefulSet"), world.get("Pod", "maker-0")
    if not found or not pod or found["status"].get("observedGeneration") != found["metadata"]["generation"]:
        return False
    runtime = world.node.pods.get("maker-0")
    is_current = pod["metadata"]["labels"]["controller-revision-hash"] == found["status"]["updateRevision"]
    return is_current and runtime is not None and runtime.uid == pod["metadata"]["uid"] and runtime.told != []


def _as_before(world: World, before: Object) -> bool:
    found = world.get(before["kind"], before["metadata"]["name"])
    return found is not None and _essence(found) == _essence(before)


def _essence(manifest: Object) -> Object:
    metadata = {key: manifest["metadata"].get(key) for key in ("labels", "annotations", "ownerReferences")}
    content = {key: value for key, value in manifest.items() if key not in {"metadata", "status"}}
    return content | {"metadata": metadata}
