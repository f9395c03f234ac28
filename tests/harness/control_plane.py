"""A real API server for integration tests: etcd, kube-apiserver and kube-controller-manager on loopback, no nodes."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.api_client import ApiClient

REPOSITORY = Path(__file__).resolve().parents[2]
CLUSTER = REPOSITORY / "hack/cluster/cluster"
KUBECTL = REPOSITORY / ".cache/bin/kubectl"  # `control-plane up` puts it there
BUILD_DEADLINE_S = 1800  # the first time, it compiles Kubernetes
CANNOT_BUILD = "run 'make setup'"  # how hack/cluster says that a tool is missing


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """`client` is an administrator's; the kubeconfig is for programs."""

    kubeconfig: Path
    client: ApiClient

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """What the command prints, warnings and refusals included."""
        command = [str(KUBECTL), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, timeout=60)  # fmt: skip
        return done.stdout


class CannotStart(Exception):
    """What `hack/cluster` said of it."""


@contextmanager
def running_control_plane(folder: Path, scratch: Path) -> Iterator[ControlPlane]:
    """In `folder`, a new one; `scratch` is for the client's files. Raises CannotStart."""
    try:
        done = subprocess.run([CLUSTER, "control-plane", "up", folder], capture_output=True, text=True, check=False,
                              timeout=BUILD_DEADLINE_S)  # fmt: skip
        if done.returncode != 0:
            raise CannotStart(f"{done.stdout}{done.stderr}".strip())
        kubeconfig = folder / "kubeconfig"
        yield ControlPlane(kubeconfig, ApiClient.from_kubeconfig(kubeconfig, scratch))
    finally:  # also after a start that failed half-way
        if folder.exists() and any(folder.iterdir()):
            subprocess.run([CLUSTER, "control-plane", "down", folder], check=True, timeout=60)


@contextmanager
def own_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """For tests that change what all others use. Skips where none can be built, which never happens in CI."""
    try:
        with running_control_plane(tmp_path_factory.mktemp("control-plane"), tmp_path_factory.mktemp("client")) as one:
            yield one
    except CannotStart as error:
        if CANNOT_BUILD in str(error) and os.environ.get("CI") != "true":
            pytest.skip(f"no control plane on this machine: {str(error).splitlines()[-1]}")
        pytest.fail(f"the control plane did not start:\n{error}")


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One API server for the whole session (for each worker of pytest-xdist). Tests take a namespace each."""
    with own_control_plane(tmp_path_factory) as one:
        yield one


@pytest.fixture(scope="session")
def tradingbot_api(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with this repository's CRDs."""
    control_plane.client.install_crds(REPOSITORY / "crds")
    return control_plane


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace of the test's own."""
    with control_plane.client.new_namespace() as name:
        yield name
