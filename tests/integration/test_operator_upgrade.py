"""One operator after the other, each with another runtime image, at a real API server: no pod is touched by that."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from harness.bot_world import VENUE, World, lists, manifest
from harness.operator_process import eventually

pytestmark = pytest.mark.controlplane
OLD, NEW = "registry.example/runtime:1", "registry.example/runtime:2"
OPERATOR = {"RUNTIME_IMAGE": OLD}
SYMBOLS = ("BTCUSDT", "ETHUSDT", "ADAUSDT", "SOLUSDT")


@pytest.fixture
def upgrade(world: World) -> Iterator[None]:
    """Call nothing: `start` below changes the operator, and here the first one comes back."""
    before = world.operator.environment
    yield
    start(world, before)


def start(world: World, environment: Mapping[str, str]) -> None:
    """Another operator in the place of the one that runs."""
    assert world.operator.stop() == 0
    world.operator.environment = environment
    world.operator.start()
    world.operator.wait_until_leading()


def pods(world: World) -> dict[str, tuple[str, str]]:
    """Name -> uid, image."""
    found = world.client.list("v1", "Pod", world.namespace)
    return {pod["metadata"]["name"]: (pod["metadata"]["uid"], pod["spec"]["containers"][0]["image"]) for pod in found}


def template(world: World) -> Any:  # noqa: ANN401 - as it is stored
    return world.spec("StatefulSet")["template"]


@pytest.mark.usefixtures("upgrade")
def test_a_new_operator_leaves_the_pods_alone_until_a_person_wants_it_otherwise(world: World) -> None:
    world.apply(VENUE, manifest(symbols=SYMBOLS, replicas=2))
    world.converged()
    before, made = pods(world), template(world)
    assert {image for _, image in before.values()} == {OLD}
    world.condition("TemplateDrift", "False", "NoDrift")

    start(world, {**world.operator.environment, "RUNTIME_IMAGE": NEW})

    message = world.condition("TemplateDrift", "True", "OperatorChanged", within_s=30)
    assert f"spec.containers[runtime].image: {OLD} -> {NEW}" in message
    world.converged()
    versions, sweeps = world.versions(), lists(world)
    eventually(lambda: lists(world) >= sweeps + 3, what="three more resyncs")
    assert (pods(world), template(world), world.versions()) == (before, made, versions)

    world.client.merge("apps/v1", "StatefulSet", world.namespace, "maker", {"metadata": {"labels": {"a": "b"}},
        "spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}})  # fmt: skip
    eventually(lambda: template(world) == made, 15, lambda: str(template(world)))
    world.converged()

    world.apply(manifest(symbols=SYMBOLS, replicas=2, restartNonce=1))
    eventually(lambda: {image for _, image in pods(world).values()} == {NEW}, 30, lambda: str(pods(world)))
    world.converged()
    assert {uid for uid, _ in pods(world).values()}.isdisjoint(uid for uid, _ in before.values())
    world.condition("TemplateDrift", "False", "NoDrift")
