"""A namespace with a fake node in it, and one operator process for the tests of a module."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.api_client import ApiClient, Object
from harness.control_plane import ControlPlane
from harness.fake_runtime import FakeNode
from harness.live_risk import LIVE_RISK
from harness.operator_process import (
    OperatorProcess,
    conditions,
    eventually,
    free_port,
    install,
    kubeconfig_of_account,
)
from harness.spoken import assert_bot_speaks
from tradingbot_operator.observation import read_status

RBAC = "rbac.authorization.k8s.io/v1"
API = "tradingbot.dev/v1alpha1"
ABANDON = "tradingbot.dev/abandon"
VENUE: Object = {
    "apiVersion": API, "kind": "Venue", "metadata": {"name": "venue"},
    "spec": {"environment": "Simulated", "type": "Binance",
             "endpoints": {"rest": "http://simulator:9000", "stream": "ws://simulator:9000/stream",
                           "websocketApi": "ws://simulator:9000/ws-api/v3"}},
}  # fmt: skip


KEYS: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
                "stringData": {"apiKey": "a", "secretKey": "s"}}  # fmt: skip
KEYED: Object = VENUE | {"spec": VENUE["spec"] | {"credentialsSecretRef": {"name": "keys"}}}
LIVE: dict[str, Any] = {"mode": "Live", "risk": LIVE_RISK}  # on KEYED, with KEYS


def manifest(name: str = "maker", symbols: tuple[str, ...] = ("BTCUSDT",), **spec: Any) -> Object:  # noqa: ANN401 - fields of the spec
    """A TradingBot on the Venue above."""
    markets = [{"name": symbol.lower(), "reference": {"venue": "venue", "symbol": symbol},
                "execution": {"venue": "venue", "symbol": symbol}} for symbol in symbols]  # fmt: skip
    making = {"spreadBps": "8", "sizes": ["0.001"]}
    whole = {"strategy": {"marketMaking": making}, "markets": markets, "storage": {"size": "1Gi"}} | spec
    return {"apiVersion": API, "kind": "TradingBot", "metadata": {"name": name}, "spec": whole}


@dataclass(slots=True)
class World:
    """A namespace with a node, and the operator."""

    plane: ControlPlane
    namespace: str
    operator: OperatorProcess
    node: FakeNode

    @property
    def client(self) -> ApiClient:
        return self.plane.client

    def apply(self, *manifests: Object) -> None:
        for wanted in manifests:
            self.client.apply(wanted, self.namespace)

    def get(self, kind: str, name: str = "maker") -> Object | None:
        api_version = {"TradingBot": API, "Venue": API, "StatefulSet": "apps/v1", "Role": RBAC, "RoleBinding": RBAC,
                       "Lease": "coordination.k8s.io/v1", "PodDisruptionBudget": "policy/v1",
                       "NetworkPolicy": "networking.k8s.io/v1", "Job": "batch/v1"}.get(kind, "v1")  # fmt: skip
        return self.client.get(api_version, kind, self.namespace, name)

    def spec(self, kind: str, name: str = "maker") -> Any:  # noqa: ANN401 - whatever the manifest has there
        found = self.get(kind, name)
        assert found
        return found["spec"]

    def condition(self, kind: str, status: str, reason: str = "", name: str = "maker", within_s: float = 10) -> str:
        """Wait for a condition; its message."""

        def met() -> str | None:
            found = conditions(self.get("TradingBot", name)).get(kind)
            return "yes" if found and found[0] == status and reason in ("", found[1]) else None

        eventually(met, within_s, lambda: f"{name} {kind}={status} {reason}; it is {self._shown(name)}")
        bot = self.get("TradingBot", name)
        assert_bot_speaks(read_status((bot or {})["status"]))
        return next(str(c["message"]) for c in (bot or {})["status"]["conditions"] if c["type"] == kind)

    def venue_condition(self, kind: str, status: str, reason: str, within_s: float = 25) -> None:
        """Wait for a condition of the Venue."""

        def met() -> bool:
            return conditions(self.get("Venue", "venue")).get(kind) == (status, reason)

        eventually(met, within_s, lambda: f"{kind}={status} {reason}; it is {self.get('Venue', 'venue')}")

    def converged(self, name: str = "maker") -> None:
        """Wait until nothing is left to write: neither of the bot nor, a second later, of its Venue."""
        self.condition("Ready", "True", name=name)
        self.condition("Reconciling", "False", name=name)
        eventually(lambda: conditions(self.get("Venue", "venue")).get("Reachable") == ("True", "Answers"))

    def versions(self, name: str = "maker") -> dict[str, str]:
        """Of the bot, its Venue and its children: what nobody writes to keeps its resourceVersion."""
        names = {"TradingBot": name, "Venue": "venue", "StatefulSet": name, "ConfigMap": f"{name}-slots",
                 "Secret": f"{name}-control", "Service": name, "ServiceAccount": name, "Role": name,
                 "RoleBinding": name, "NetworkPolicy": name}  # fmt: skip
        return {kind: (self.get(kind, one) or {})["metadata"]["resourceVersion"] for kind, one in names.items()}

    def _shown(self, name: str) -> str:
        found = self.client.list("v1", "Pod", self.namespace)
        pods = [(pod["metadata"]["name"], pod["metadata"]["creationTimestamp"], pod["status"]) for pod in found]
        log = self.operator.log.read_text()[-3000:]
        return f"{conditions(self.get('TradingBot', name))}; pods: {pods}; log: {log}"

    def events(self) -> list[Object]:
        """Of the operator."""
        found = self.client.list("v1", "Event", self.namespace)
        return [event for event in found if event["source"].get("component") == "tradingbot-operator"]

    def traded(self, pod: str) -> set[str]:
        """The markets that the pod's process was started with; none while there is no pod."""
        runtime = self.node.pods.get(pod)
        return {market.name for market in runtime.config.markets} if runtime else set()

    def delete(self, name: str = "maker") -> None:
        self.client.delete(API, "TradingBot", self.namespace, name)

    def abandon(self, name: str = "maker") -> None:
        """It is not waited for what nobody knows of."""
        annotated = {"metadata": {"annotations": {ABANDON: "true"}}}
        self.client.merge(API, "TradingBot", self.namespace, name, annotated)

    def gone(self, name: str = "maker", within_s: float = 10) -> None:
        eventually(
            lambda: self.get("TradingBot", name) is None, within_s, lambda: f"{name} is gone; {self._shown(name)}"
        )


@dataclass(frozen=True, slots=True)
class Shared:
    """An operator for several tests, and the loopback networks of their nodes."""

    operator: OperatorProcess
    control_port: int
    subnets: Iterator[int]


@pytest.fixture(scope="module")
def shared_operator(
    request: pytest.FixtureRequest, tradingbot_api: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shared]:
    """A module that wants another resync period than one second, or to drain for longer, says so in OPERATOR."""
    folder = tmp_path_factory.mktemp("operator")
    install(tradingbot_api)
    port = free_port("127.0.0.2")
    settings = {"CONTROL_PORT": str(port), "RESYNC_S": "1", **getattr(request.module, "OPERATOR", {})}
    operator = OperatorProcess(kubeconfig_of_account(tradingbot_api, folder), folder / "operator.log", settings)
    operator.start()
    operator.wait_until_leading()
    yield Shared(operator, port, itertools.count(1))
    assert operator.forbidden() == []
    assert operator.stop() == 0, operator.log.read_text()[-3000:]


@pytest.fixture
def world(shared_operator: Shared, tradingbot_api: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[World]:
    """Ends when the test's bots are gone; a test may stop, kill and start the operator."""
    operator, client = shared_operator.operator, tradingbot_api.client
    node = FakeNode(client, namespace, tmp_path, shared_operator.control_port, next(shared_operator.subnets))
    if not operator.running:
        operator.start()
        operator.wait_until_leading()
    with node.running():
        here = World(tradingbot_api, namespace, operator, node)
        yield here
        bots = [bot["metadata"]["name"] for bot in client.list(API, "TradingBot", namespace)]
        for name in bots:
            here.abandon(name)
            here.delete(name)
        if operator.running:
            for name in bots:
                here.gone(name)


def lists(world: World) -> float:
    """Rises with every resync."""
    return world.operator.metric("rest_client_requests_total", kind="RoleBinding", method="GET")
