"""The local cluster does what the other cluster tests rely on, and leaves nothing behind."""

import hashlib
import json
import os
import re
import signal
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).resolve().parents[2]
CLUSTER = REPOSITORY / "hack" / "cluster" / "cluster"
CONTROL_GROUPS = Path("/sys/fs/cgroup")
UP_DEADLINE_S = 1200  # the first `up` on a machine builds everything
DOWN_DEADLINE_S = 90


def cluster(*arguments: str, deadline_s: float = UP_DEADLINE_S, **environment: str) -> str:
    """Run one command of hack/cluster/cluster and return what it prints. Raises CalledProcessError."""
    command = [str(CLUSTER), *arguments]
    variables = {**os.environ, **environment}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=deadline_s, env=variables)
    return done.stdout


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    command = [str(CLUSTER), "kubectl", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=120, input=stdin)
    return done.stdout


def wait_for(condition: Callable[[], bool], what: str, deadline_s: float = 20) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {deadline_s} s: {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module", autouse=True)
def _cluster_is_up() -> None:
    cluster("up")


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"local-cluster-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    wait_for(lambda: "default" in kubectl("-n", name, "get", "serviceaccounts", "-o", "name"), "the default account")
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def shell_image() -> str:
    """Name an image with a shell that every kind node has: the storage provisioner's helper."""
    pod = r"jsonpath={.data.helperPod\.yaml}"
    helper = kubectl("-n", "local-path-storage", "get", "configmap", "local-path-config", "-o", pod)
    found = re.search(r"image: *(\S+)", helper)
    assert found, helper
    return found[1]


def volume_claim() -> dict[str, object]:
    """Claim a volume of the default StorageClass: no class is named."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec}


def pod_with_the_volume(name: str, script: str) -> dict[str, object]:
    container = {
        "name": "main",
        "image": shell_image(),
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "allowPrivilegeEscalation": False},
    }
    spec = {
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def run_to_completion(namespace: str, name: str, script: str) -> str:
    """Run the script in a new pod with the volume at /data; return what it printed and delete the pod."""
    kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(pod_with_the_volume(name, script)))
    kubectl("-n", namespace, "wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    printed = kubectl("-n", namespace, "logs", name)
    kubectl("-n", namespace, "delete", "pod", name, "--timeout=60s")
    return printed


def test_a_volume_of_the_default_class_keeps_its_data_when_its_pod_is_deleted(namespace: str) -> None:
    kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(volume_claim()))
    run_to_completion(namespace, "writer", "echo the journal > /data/file")
    assert run_to_completion(namespace, "reader", "read line < /data/file; echo $line") == "the journal\n"


def test_logs_and_exec_answer_on_every_node() -> None:
    pods = kubectl("-n", "kube-system", "get", "pods", "-l", "k8s-app=kube-proxy", "-o", "name").split()
    assert len(pods) == 2, "one kube-proxy on the control plane, one on the worker"
    for pod in pods:
        assert kubectl("-n", "kube-system", "exec", pod, "--", "kube-proxy", "--version").startswith("Kubernetes v")
        assert kubectl("-n", "kube-system", "logs", pod, "--tail", "1")


@contextmanager
def port_forward(target: str, port: int) -> Iterator[int]:
    """Forward a free local port to that port of the target in kube-system; the local port is the value."""
    command = [str(CLUSTER), "kubectl", "-n", "kube-system", "port-forward", target, f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line)
            assert found, line
            yield int(found[1])
        finally:
            process.terminate()


def test_port_forward_reaches_a_pod() -> None:
    with (
        port_forward("deployment/coredns", 8181) as port,
        urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=10) as answer,
    ):
        assert answer.read() == b"OK"


def test_every_listening_address_of_the_cluster_is_loopback() -> None:
    server = kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    assert server.startswith("https://127.0.0.1:")


@pytest.fixture
def control_plane(tmp_path: Path) -> Iterator[Path]:
    """Start a control plane without nodes; the value is its folder."""
    folder = tmp_path / "control-plane"
    assert cluster("control-plane", "up", str(folder)) == f"{folder}/kubeconfig\n"
    yield folder
    cluster("control-plane", "down", str(folder))
    assert not folder.exists()


def api_server_answers(kubeconfig: Path) -> bool:
    command = [str(CLUSTER), "kubectl", "--kubeconfig", str(kubeconfig), "get", "--raw", "/readyz"]
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0


def processes_of(folder: Path) -> set[str]:
    """Process ids whose command line names the folder."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it has ended since
            continue
        if f"{folder}/" in command:
            found.add(process.name)
    return found


def test_the_control_plane_alone_creates_objects_and_leaves_no_process(control_plane: Path) -> None:
    kubeconfig = control_plane / "kubeconfig"
    options = ("--kubeconfig", str(kubeconfig), "-n", "default")
    kubectl(*options, "create", "configmap", "answer", "--from-literal=is=42")
    assert kubectl(*options, "get", "configmap", "answer", "-o", "jsonpath={.data.is}") == "42"
    assert len(processes_of(control_plane)) == 3
    cluster("control-plane", "down", str(control_plane))
    assert processes_of(control_plane) == set()


def test_the_control_plane_is_started_again_when_one_of_its_processes_has_died(control_plane: Path) -> None:
    os.kill(int((control_plane / "etcd.pid").read_text()), signal.SIGKILL)
    cluster("control-plane", "up", str(control_plane))
    assert api_server_answers(control_plane / "kubeconfig")


def test_control_plane_down_does_not_remove_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(subprocess.CalledProcessError):
        cluster("control-plane", "down", str(tmp_path))
    assert (tmp_path / "precious").exists()


def test_the_context_that_the_user_names_is_used_as_it_is(control_plane: Path) -> None:
    kubeconfig = control_plane / "kubeconfig"
    users_own = kubeconfig.read_bytes()
    name = f"named-{uuid.uuid4().hex[:8]}"
    try:
        cluster("up", "--name", name, KUBECONFIG=str(kubeconfig), KUBE_CONTEXT="control-plane")
        assert "context control-plane" in cluster("status", "--name", name)
    finally:
        cluster("down", "--name", name)
    assert kubeconfig.read_bytes() == users_own
    assert api_server_answers(kubeconfig)


# What follows takes a cluster down. It is a small one of its own beside the one that the other tests use.

SCRATCH = "scratch"
# The name of its control group and of its folder in /run, as hack/cluster/lib/places.sh builds it.
SCRATCH_KEY = f"tradingbot-{SCRATCH}-{hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:8]}"


def needs_a_private_engine() -> None:
    if "private-engine" not in cluster("status"):
        pytest.skip("the cluster is not by a private engine: nothing of ours to remove")


def printed(*command: str) -> set[str]:
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines())


def machine_state() -> set[str]:
    """Everything that a cluster could leave on a machine, one line each."""
    links = {line.split(": ")[1].split("@")[0] for line in printed("ip", "-o", "link")}
    rules = {line for line in printed("iptables-save") if not line.startswith("#")}
    groups = {str(path) for path in CONTROL_GROUPS.rglob(f"{SCRATCH_KEY}*")}
    mounts = set(Path("/proc/mounts").read_text(encoding="utf-8").splitlines())
    folders = {str(path) for path in Path("/run").iterdir() if SCRATCH in path.name}
    state = {*links, *printed("ip", "netns"), *rules, *groups, *mounts, *folders, *scratch_processes()}
    return state | {str(path) for path in (REPOSITORY / ".cluster").glob(SCRATCH)}


def scratch_processes() -> set[str]:
    """Processes in the scratch cluster's control group, or with its name in their command line.

    A dead one counts no more: a killed node's init is the machine's own init's to reap, and some take seconds over it.
    """
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            about = (process / "cgroup").read_text() + (process / "cmdline").read_text()
            dead = re.search(r"^State:\s+[ZX]", (process / "status").read_text(), re.MULTILINE)
        except (FileNotFoundError, ProcessLookupError):  # it has ended since
            continue
        if SCRATCH_KEY in about and not dead:
            found.add(f"process {process.name}: {about}")
    return found


def kill_engine_hard() -> None:
    """SIGKILL to dockerd and its containerd; the nodes and their shims live on, which nobody manages any more."""
    leaf = next(path for path in CONTROL_GROUPS.rglob(f"{SCRATCH_KEY}/engine/cgroup.procs"))
    for process in leaf.read_text().split():
        name = Path(f"/proc/{process}/comm").read_text().strip()
        if name in {"dockerd", "containerd"}:
            os.kill(int(process), signal.SIGKILL)


def test_up_works_over_a_killed_engine_and_down_leaves_nothing_and_no_other_cluster_is_touched() -> None:
    needs_a_private_engine()
    before = machine_state()
    cluster("up", "--name", SCRATCH)
    assert machine_state() - before, "the comparison must be able to see a cluster"
    kill_engine_hard()
    assert scratch_processes(), "the nodes outlive the engine: that is what has to be dealt with"
    cluster("up", "--name", SCRATCH)
    assert "answers" in cluster("status", "--name", SCRATCH)
    cluster("down", "--name", SCRATCH, deadline_s=DOWN_DEADLINE_S)
    assert machine_state() - before == set()
    assert api_server_answers(Path(cluster("kubeconfig").strip()))


@pytest.fixture
def abandoned_process() -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that would live for as long as the tests do."""
    with subprocess.Popen(["sleep", "3600"]) as process:
        yield process
        process.kill()


def freeze(process: int) -> None:
    """As a paused node is, and what runc was setting up when it was killed: nothing kills it, before it is thawed."""
    by_version = {"freezer": ("freezer.state", "FROZEN"), "": ("cgroup.freeze", "1")}  # v1, v2
    hierarchy = "freezer" if (CONTROL_GROUPS / "freezer").is_dir() else ""
    frozen = CONTROL_GROUPS / hierarchy / SCRATCH_KEY / "frozen"
    frozen.mkdir(parents=True)
    (frozen / "cgroup.procs").write_text(str(process))
    file, value = by_version[hierarchy]
    (frozen / file).write_text(value)


def test_down_clears_stale_state_without_a_record_of_it(abandoned_process: subprocess.Popen[bytes]) -> None:
    needs_a_private_engine()
    before = machine_state()
    group = next(path for path in (CONTROL_GROUPS / "pids", CONTROL_GROUPS) if path.is_dir()) / SCRATCH_KEY
    (group / "engine").mkdir(parents=True)
    (group / "engine" / "cgroup.procs").write_text(str(abandoned_process.pid))
    freeze(abandoned_process.pid)
    mounted = Path("/run") / SCRATCH_KEY / "left-over"
    mounted.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(mounted)], check=True)
    bridge = f"tb-{hashlib.sha256(SCRATCH_KEY.encode()).hexdigest()[:10]}"  # as hack/cluster/lib/engine.sh names it
    subprocess.run(["ip", "link", "add", bridge, "type", "bridge"], check=True)
    (REPOSITORY / ".cluster" / SCRATCH).mkdir(parents=True)
    cluster("down", "--name", SCRATCH, deadline_s=DOWN_DEADLINE_S)
    assert abandoned_process.wait(timeout=5) == -signal.SIGKILL
    assert machine_state() - before == set()
