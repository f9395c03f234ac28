"""The chart on an API server of its own, by both versions of Helm. Without nodes: pods are the cluster tests' part."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import yaml

from harness.control_plane import REPOSITORY, ControlPlane, own_control_plane
from harness.helm_chart import CHART, NAMESPACE
from harness.prometheus import program

pytestmark = pytest.mark.controlplane


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Not the one that other tests' operators work with: the chart takes away what they need."""
    with own_control_plane(tmp_path_factory) as one:
        yield one


@dataclass(frozen=True)
class Release:
    helm: str
    plane: ControlPlane

    def __call__(self, verb: str, *arguments: str) -> None:
        command = (program(self.helm), verb, "tradingbot-operator", *arguments, "--namespace", NAMESPACE,
                   "--kubeconfig", str(self.plane.kubeconfig))  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    def replicas(self) -> int | None:
        """Of the Deployment; None where there is none."""
        deployment = self.plane.client.get("apps/v1", "Deployment", NAMESPACE, "tradingbot-operator")
        return int(deployment["spec"]["replicas"]) if deployment else None


@pytest.mark.parametrize("helm", ["helm", "helm3"])
def test_it_is_installed_upgraded_rolled_back_and_gone_but_for_its_kinds(plane: ControlPlane, helm: str) -> None:
    release = Release(helm, plane)
    release("install", str(CHART), "--create-namespace")
    assert release.replicas() == 2
    release("upgrade", str(CHART), "--set", "replicas=3")
    assert release.replicas() == 3
    release("rollback", "1")
    assert release.replicas() == 2
    release("uninstall", "--no-hooks")
    assert release.replicas() is None
    for name in ("tradingbots", "venues", "tradinghalts"):
        assert plane.client.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", f"{name}.tradingbot.dev")


# Helm 4 applies on the server's side, where whoever wrote a field owns it.
@pytest.mark.parametrize(("helm", "further"), [("helm", ["--force-conflicts"]), ("helm3", [])])
def test_it_takes_over_what_the_plain_manifests_have_made(plane: ControlPlane, helm: str, further: list[str]) -> None:
    for manifest in yaml.safe_load_all((REPOSITORY / "manifests/install.yaml").read_text()):
        plane.client.apply(manifest, manifest["metadata"].get("namespace", ""))
    release = Release(helm, plane)
    release("install", str(CHART), "--take-ownership", *further, "--set", "replicas=4")
    assert release.replicas() == 4
    release("uninstall", "--no-hooks")
    assert release.replicas() is None
