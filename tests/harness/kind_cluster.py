"""The local cluster as a test sees it: kubectl, the venue beside the bot, containers of its nodes."""

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from recording_parts import config_maps

from harness.simulator import RECORDING

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = str(ROOT / "hack/cluster/cluster")


def kubectl(*arguments: str, stdin: str | None = None, check: bool = True) -> str:
    result = subprocess.run(
        [CLUSTER, "kubectl", *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=240
    )
    if check and result.returncode != 0:
        raise AssertionError(f"kubectl {' '.join(arguments)}: {result.stderr.strip()}")
    return result.stdout


def eventually(condition: Callable[[], Any], deadline_s: float, what: str | Callable[[], str]) -> float:
    """Wait until `condition` is true; the seconds that it took."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started >= deadline_s:
            raise AssertionError(f"{what() if callable(what) else what}: not within {deadline_s} s")
        time.sleep(0.05)
    return time.monotonic() - started


@dataclass
class World:
    """A namespace with a simulator, its Venue and made-up keys."""

    namespace: str
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        return kubectl("-n", self.namespace, *arguments, stdin=stdin, check=check)

    def get(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found

    def raw(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """JSON through the API server's proxy; None while there is no answer."""
        text = kubectl("get", "--raw", f"/api/v1/namespaces/{self.namespace}/{path}", check=False)
        try:
            return json.loads(text)
        except ValueError:
            return None

    def venue(self) -> dict[str, Any]:
        """What the simulator knows: open orders, counters, balances."""
        state = self.raw("services/simulator:9000/proxy/simulator/state")
        assert state is not None, "the simulator does not answer"
        return dict(state)

    def every_order(self) -> list[dict[str, Any]]:
        orders = self.raw("services/simulator:9000/proxy/simulator/orders?all=1")
        return list(orders["orders"] if isinstance(orders, dict) else orders)

    def slot(self, pod: str) -> dict[str, Any]:
        """The runtime's own view; empty while it does not answer."""
        return dict(self.raw(f"pods/{pod}:8080/proxy/state") or {})

    def quoting(self, pod: str, epoch: int | None = None) -> bool:
        state = self.slot(pod)
        orders = [o for m in state.get("markets", {}).values() for o in m["orders"] if o["state"] == "Open"]
        return bool(orders) and state["state"] == "Active" and (epoch is None or state["epoch"] == epoch)

    def apply_bot(self, **changes: Any) -> None:  # noqa: ANN401 - fields of the spec
        bot = json.loads(json.dumps(self.manifests["TradingBot"]))
        bot["spec"] |= changes
        self.kubectl("apply", "-f", "-", stdin=json.dumps(bot))

    def wait_ready(self, timeout_s: int = 60) -> None:
        self.kubectl("wait", "tb/demo", "--for=condition=Ready", f"--timeout={timeout_s}s")

    def condition(self, kind: str) -> dict[str, Any]:
        conditions = self.get("tb/demo").get("status", {}).get("conditions", [])
        return dict(next((c for c in conditions if c["type"] == kind), {}))

    def container(self, pod: str) -> tuple[str, str]:
        """Where it runs: the node's name, the container's id."""
        found = self.get("pod", pod)
        status = found["status"]["containerStatuses"][0]
        return found["spec"]["nodeName"], status["containerID"].removeprefix("containerd://")

    def signal_container(self, pod: str, name: str) -> None:
        """A signal to the container's first process, from its node: SIGKILL is what an out-of-memory killer does."""
        node, container = self.container(pod)
        in_node(node, *CONTAINERD, "task", "kill", "-s", name, container)

    def write_in_container(self, pod: str, path: str, text: str) -> None:
        """As from inside, without a shell there."""
        node, container = self.container(pod)
        tasks = in_node(node, *CONTAINERD, "task", "ls").splitlines()
        (process,) = [line.split()[1] for line in tasks if line.startswith(container)]
        in_node(node, "sh", "-c", 'printf %s "$1" >"$2"', "write", text, f"/proc/{process}/root{path}")


CONTAINERD = ("ctr", "-n", "k8s.io")


def in_node(node: str, *command: str) -> str:
    """A command in a node of the cluster, from outside. Raises CalledProcessError."""
    done = subprocess.run([CLUSTER, "docker", "exec", node, *command], check=True, capture_output=True, text=True,
                          timeout=60)  # fmt: skip
    return done.stdout


SYSTEM = World("tradingbot-system")
OPERATOR = "tradingbot-operator"


def install_operator() -> None:
    """The operator of this very tree; its image is in the nodes."""
    status = subprocess.run([CLUSTER, "status"], capture_output=True, text=True, check=False)
    assert status.returncode == 0, "the local cluster is not up: make cluster images-load"
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "manifests/install.yaml")
    kubectl("-n", SYSTEM.namespace, "rollout", "restart", f"deployment/{OPERATOR}")
    kubectl("-n", SYSTEM.namespace, "rollout", "status", f"deployment/{OPERATOR}", "--timeout=120s")


def leader() -> str:
    """The operator's pod that leads; the identity has more, for a container that is started anew is another leader."""
    return str(SYSTEM.get("lease", OPERATOR)["spec"].get("holderIdentity") or "").partition("_")[0]


@contextmanager
def world(name: str) -> Iterator[World]:
    """A fresh namespace with a running simulator; everything is deleted at the end."""
    made = World(f"{name}-{secrets.token_hex(3)}")
    documents = [
        d
        for file in ("simulator", "bot")
        for d in yaml.safe_load_all((ROOT / f"manifests/demo/{file}.yaml").read_text())
    ]
    for document in documents:
        if document["kind"] == "Namespace":
            document["metadata"]["name"] = made.namespace
        else:
            document["metadata"]["namespace"] = made.namespace
        made.manifests[document["kind"]] = document
    kubectl("create", "-f", "-", stdin=json.dumps(made.manifests["Namespace"]))
    try:
        made.kubectl("create", "secret", "generic", "demo-keys", f"--from-literal=apiKey={secrets.token_hex(16)}",
                     f"--from-literal=secretKey={secrets.token_hex(16)}")  # fmt: skip
        for part in config_maps(RECORDING if RECORDING.is_file() else None, made.namespace):
            kubectl("create", "-f", "-", stdin=json.dumps(part))
        for kind in ("Service", "Deployment", "Venue"):
            made.kubectl("apply", "-f", "-", stdin=json.dumps(made.manifests[kind]))
        made.kubectl("rollout", "status", "deployment/simulator", "--timeout=120s")
        yield made
    finally:
        made.kubectl("delete", "tb", "--all", "--timeout=90s", check=False)
        kubectl("delete", "namespace", made.namespace, "--wait=false", check=False)
