"""The operator as a real process, with the rights of its own manifests and no others."""

import http.client
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from harness.control_plane import REPOSITORY, ControlPlane
from harness.exposition import sum_of
from harness.lives import OPERATOR, Life, begin

T = TypeVar("T")
ADMISSION = ("being terminated", "exceeded quota", "ValidatingAdmissionPolicy", "PriorityClass")
SCRAPE_S = 30.0
NAMESPACE = "tradingbot-system"
ACCOUNT = "tradingbot-operator"
# A dead leader's Lease is waited for, so tests keep it short; the order of the three is what matters. Not shorter: on a
# busy machine the API server itself has taken two seconds.
FAST = {"LEASE_DURATION_S": "6", "LEASE_RENEW_DEADLINE_S": "5", "LEASE_RETRY_S": "0.3", "DRAIN_TIMEOUT_S": "3"}


def eventually(condition: Callable[[], T | None], deadline_s: float = 10.0, what: str | Callable[[], str] = "") -> T:
    """The first true value of `condition`; AssertionError when there is none in time."""
    end = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() > end:
            told = what() if callable(what) else what
            raise AssertionError(f"not within {deadline_s} s: {told or condition}")
        time.sleep(0.03)  # between two looks at a condition with a deadline
    return value


def install(plane: ControlPlane) -> None:
    """The operator's account and rights, as the repository's manifests say."""
    for file in ("namespace.yaml", "rbac.yaml"):
        for manifest in yaml.safe_load_all((REPOSITORY / "manifests/operator" / file).read_text()):
            plane.client.apply(manifest, manifest["metadata"].get("namespace", ""))


def kubeconfig_of_account(plane: ControlPlane, folder: Path, namespace: str = NAMESPACE) -> Path:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{ACCOUNT}/token"
    answer = plane.client.request("POST", path, {"spec": {"expirationSeconds": 7200}})
    config = yaml.safe_load(plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": answer.body["status"]["token"]}
    target = folder / "operator.kubeconfig"
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(config))
    return target


@dataclass(slots=True)
class OperatorProcess:
    """Start it with `start`, end it with `stop` or `kill`; its log is in `log`."""

    kubeconfig: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    namespace: str = NAMESPACE  # of the leader's Lease
    port: int = 0
    process: Life | subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.port = free_port("127.0.0.1")
        environment = FAST | dict(self.environment) | {
            "KUBECONFIG": str(self.kubeconfig), "HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(self.port),
            "POD_NAMESPACE": self.namespace, "POD_NAME": "operator-under-test",
        }  # fmt: skip
        self.process = begin(OPERATOR, [], environment, self.log, self.log)

    def wait_until_leading(self) -> None:
        """Ends the process when it does not get there, and says why."""
        ready = (0, "")

        def there() -> bool:
            nonlocal ready
            ready = self.get("/readyz")
            return (self.metric("leader_election_master_status") == 1 and ready[0] == 200) or not self.running

        try:
            eventually(there, 60)  # a process starts slowly on a busy machine
            assert self.running, "the operator ended"
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}; /readyz: {ready}; its log: {self.log.read_text()[-3000:]}") from None

    def stop(self) -> int:
        """Ask it to end; the exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(5)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def get(self, path: str, within_s: float = 5.0) -> tuple[int, str]:
        """Status and body; 0 while nobody listens, or answers in time."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=within_s)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def metric(self, name: str, /, **labels: str) -> float:
        """The sum of all samples of `name` that have these labels."""
        return sum_of(self.get("/metrics")[1], name, **labels)

    def forbidden(self) -> list[str]:
        """Lines of the log that tell of a right that was missing, and not of what nobody may do."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if "forbidden" in line.lower() and not any(why in line for why in ADMISSION)]

    def writes(self) -> dict[str, float]:
        """By kind: the requests that changed something, the leader's own Lease apart."""
        kinds = ("TradingBot", "Venue", "StatefulSet", "ConfigMap", "Secret", "Service", "ServiceAccount", "Role",
                 "RoleBinding", "PodDisruptionBudget", "NetworkPolicy", "Event")  # fmt: skip
        text = self.get("/metrics", SCRAPE_S)[1]  # once: of thousands of bots it is long
        verbs = ("POST", "PUT", "PATCH", "DELETE")
        return {kind: sum(sum_of(text, "rest_client_requests_total", kind=kind, method=verb) for verb in verbs)
                for kind in kinds}  # fmt: skip


def free_port(host: str) -> int:
    with socket.create_server((host, 0)) as server:
        return int(server.getsockname()[1])


def conditions(bot: Mapping[str, Any] | None) -> dict[str, tuple[str, str]]:
    """Type -> (status, reason)."""
    found = ((bot or {}).get("status") or {}).get("conditions") or ()
    return {c["type"]: (c["status"], c["reason"]) for c in found}
