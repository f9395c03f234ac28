"""A bot's life against a real API server: the operator is a real process with its own rights and nothing more."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.api_client import ApiClient, Object
from harness.control_plane import ControlPlane
from harness.fake_runtime import FakeNode
from harness.operator_process import OperatorProcess, conditions, eventually, install, kubeconfig_of_account
from tradingbot_runtime.model.control import Configure, Drain, Hello, MarketReport
from tradingbot_runtime.model.events import TradingState

pytestmark = pytest.mark.controlplane

API = "tradingbot.dev/v1alpha1"
VENUE: Object = {
    "apiVersion": API, "kind": "Venue", "metadata": {"name": "venue"},
    "spec": {"environment": "Simulated", "type": "Binance",
             "endpoints": {"rest": "http://simulator:9000", "stream": "ws://simulator:9000/stream",
                           "websocketApi": "ws://simulator:9000/ws-api/v3"}},
}  # fmt: skip


def manifest(name: str = "maker", symbols: tuple[str, ...] = ("BTCUSDT",), **spec: Any) -> Object:
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
                       "Lease": "coordination.k8s.io/v1"}.get(kind, "v1")  # fmt: skip
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

        eventually(met, within_s, f"{name} {kind}={status} {reason}; it is {self._shown(name)}")
        bot = self.get("TradingBot", name)
        return next(str(c["message"]) for c in (bot or {})["status"]["conditions"] if c["type"] == kind)

    def _shown(self, name: str) -> str:
        return f"{conditions(self.get('TradingBot', name))}; log: {self.operator.log.read_text()[-3000:]}"

    def events(self) -> list[Object]:
        return self.client.list("v1", "Event", self.namespace)

    def delete(self, name: str = "maker") -> None:
        self.client.delete(API, "TradingBot", self.namespace, name)

    def gone(self, name: str = "maker", within_s: float = 10) -> None:
        eventually(lambda: self.get("TradingBot", name) is None, within_s, f"{name} is gone; {self._shown(name)}")


RBAC = "rbac.authorization.k8s.io/v1"


@pytest.fixture
def world(tradingbot_api: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[World]:
    install(tradingbot_api)
    node = FakeNode(tradingbot_api.client, namespace, tmp_path)
    operator = OperatorProcess(kubeconfig_of_account(tradingbot_api, tmp_path), tmp_path / "operator.log",
                               {"CONTROL_PORT": str(node.port), "RESYNC_S": "1"})  # fmt: skip
    with node.running():
        operator.start()
        operator.wait_until_leading()
        here = World(tradingbot_api, namespace, operator, node)
        try:
            yield here
        finally:
            bots = [bot["metadata"]["name"] for bot in tradingbot_api.client.list(API, "TradingBot", namespace)]
            for name in bots:
                here.delete(name)
            if operator.running:
                for name in bots:
                    here.gone(name)
                assert operator.stop() == 0, operator.log.read_text()[-3000:]


def test_a_bot_gets_its_children_and_is_ready(world: World) -> None:
    world.apply(VENUE, manifest())

    world.condition("Ready", "True", "Trading")

    bot = world.get("TradingBot")
    assert bot
    assert bot["metadata"]["finalizers"] == ["tradingbot.dev/drain"]
    status = bot["status"]
    assert (status["phase"], status["observedGeneration"], status["readyReplicas"]) == ("Running", 1, 1)
    assert status["configHash"]["desired"] == status["configHash"]["applied"] != ""
    lease = world.get("Lease", "maker-0")
    assert lease
    assert status["slots"][0]["leaseUID"] == lease["metadata"]["uid"]
    assert set(conditions(bot)) == {"Ready", "Reconciling", "Stalled", "SpecAccepted", "Available", "TradingEnabled",
                                    "Flat"}  # fmt: skip
    for kind, name in (("StatefulSet", "maker"), ("ConfigMap", "maker-slots"), ("Secret", "maker-control"),
                       ("Service", "maker"), ("ServiceAccount", "maker"), ("Role", "maker"),
                       ("RoleBinding", "maker"), ("Lease", "maker-0")):  # fmt: skip
        child = world.get(kind, name)
        assert child, kind
        assert child["metadata"]["ownerReferences"][0]["uid"] == bot["metadata"]["uid"]
        assert child["metadata"]["labels"]["tradingbot.dev/bot"] == "maker"
    assert world.client.get(API, "Venue", world.namespace, "venue")["status"]["bots"] == 1  # type: ignore[index]  # it is there


def test_a_converged_bot_costs_no_write(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    eventually(lambda: conditions(world.get("TradingBot"))["Reconciling"][0] == "False")
    before, sweeps = world.operator.writes(), _lists(world)

    eventually(lambda: _lists(world) >= sweeps + 3, what="three more resyncs")

    assert world.operator.writes() == before


def _lists(world: World) -> float:
    return world.operator.metric("tradingbot_operator_api_requests_total", kind="RoleBinding", verb="get")


def test_a_new_spread_is_pushed_and_acknowledged_and_restarts_nothing(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    template = world.spec("StatefulSet")["template"]
    uid = world.node.pods["maker-0"].uid

    world.apply(manifest(strategy={"marketMaking": {"spreadBps": "12", "sizes": ["0.001"]}}))

    eventually(lambda: any(isinstance(m, Configure) for m in world.node.pods["maker-0"].told))
    eventually(lambda: (world.get("TradingBot") or {})["status"]["observedGeneration"] == 2)
    world.condition("Ready", "True")
    assert world.spec("StatefulSet")["template"] == template
    assert world.node.pods["maker-0"].uid == uid
    hashes = (world.get("TradingBot") or {})["status"]["configHash"]
    assert hashes["applied"] == hashes["desired"]
    config_map = world.get("ConfigMap", "maker-slots")
    assert config_map
    assert json.loads(config_map["data"]["slot-0.json"])["strategy"]["marketMaking"]["spreadBps"] == "12"


def test_a_restart_class_change_replaces_the_pod(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    uid = world.node.pods["maker-0"].uid

    world.apply(manifest(symbols=("BTCUSDT", "ETHUSDT")))

    eventually(lambda: "maker-0" in world.node.pods and world.node.pods["maker-0"].uid != uid)
    eventually(lambda: (world.get("TradingBot") or {})["status"]["observedGeneration"] == 2)
    world.condition("Ready", "True")
    assert [m.name for m in world.node.pods["maker-0"].config.markets] == ["btcusdt", "ethusdt"]
    assert world.spec("StatefulSet")["updateStrategy"]["rollingUpdate"]["partition"] == 0


def test_a_missing_venue_is_named_and_its_appearance_is_enough(world: World) -> None:
    world.apply(manifest())

    message = world.condition("SpecAccepted", "False", "ReferenceNotFound")
    assert "venue" in message
    assert world.get("StatefulSet") is None

    world.apply(VENUE)
    world.condition("Ready", "True")


def test_a_refused_spec_leaves_the_last_valid_one_running(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    before = world.get("ConfigMap", "maker-slots")

    elsewhere = manifest()
    elsewhere["spec"]["markets"][0]["execution"]["venue"] = "nowhere"
    world.apply(elsewhere)

    world.condition("SpecAccepted", "False", "ReferenceNotFound")
    world.condition("Stalled", "True", "ReferenceNotFound")
    world.condition("Available", "True")
    after = world.get("ConfigMap", "maker-slots")
    assert before
    assert after
    assert after["data"] == before["data"]
    world.client.delete("v1", "ConfigMap", world.namespace, "maker-slots")
    world.apply(manifest())
    world.condition("Ready", "True")


def test_the_younger_of_two_bots_on_one_market_is_refused_until_the_older_is_gone(world: World) -> None:
    world.apply(VENUE, manifest("elder"))
    world.condition("Ready", "True", name="elder")

    world.apply(manifest("younger"))

    message = world.condition("SpecAccepted", "False", "MarketTaken", name="younger")
    assert message == "venue/BTCUSDT belongs to TradingBot elder"
    world.delete("elder")
    world.condition("Ready", "True", name="younger")


def test_a_deletion_drains_and_lets_go(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    runtime = world.node.pods["maker-0"]

    world.delete()

    world.gone(within_s=5)
    assert any(isinstance(message, Drain) for message in runtime.told)
    assert runtime.report
    assert runtime.report.state is TradingState.DRAINED
    assert not [event for event in world.events() if event["type"] == "Warning"]


def test_a_deletion_waits_for_open_orders_and_says_what_it_left_behind(world: World) -> None:
    world.node.stubborn = True
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")

    world.delete()
    world.condition("Flat", "False", "OpenOrders")
    assert world.get("TradingBot")
    world.gone(within_s=8)  # DRAIN_TIMEOUT_S is 3

    told = [event for event in world.events() if event["reason"] == "DrainTimedOut"]
    assert told
    assert told[0]["type"] == "Warning"
    assert "maker-0: last reported Active, btcusdt 2 open (0 unknown)" in told[0]["message"]


def test_a_bot_whose_pods_cannot_be_reached_is_let_go_at_the_deadline(world: World) -> None:
    world.node.silent = True
    world.apply(VENUE, manifest())
    world.condition("Ready", "False", "RuntimeUnreachable", within_s=15)

    world.delete()
    world.gone(within_s=8)

    told = [event for event in world.events() if event["reason"] == "DrainTimedOut"]
    assert "never reported" in told[0]["message"]


def test_nothing_is_applied_while_a_bot_is_being_deleted(world: World) -> None:
    world.node.stubborn = True
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    world.delete()
    world.condition("Reconciling", "True", "Deleting")

    world.client.delete("v1", "Service", world.namespace, "maker")
    sweeps = _lists(world)
    eventually(lambda: _lists(world) >= sweeps + 2)

    assert world.get("TradingBot")
    assert world.get("Service") is None


@pytest.mark.parametrize(("kind", "name"), [
    ("StatefulSet", "maker"), ("ConfigMap", "maker-slots"), ("Secret", "maker-control"), ("Service", "maker"),
    ("ServiceAccount", "maker"), ("Role", "maker"), ("RoleBinding", "maker"),
])  # fmt: skip
def test_a_child_that_somebody_deleted_comes_back(world: World, kind: str, name: str) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    before = world.get(kind, name)
    assert before

    world.client.delete(before["apiVersion"], kind, world.namespace, name)

    eventually(lambda: (world.get(kind, name) or before)["metadata"]["uid"] != before["metadata"]["uid"])


def test_a_lease_that_somebody_deleted_stays_deleted(world: World) -> None:
    """Deleting it is a manual halt; one that came back would let the slot trade again."""
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    eventually(lambda: (world.get("TradingBot") or {})["status"]["slots"][0]["leaseUID"])

    world.client.delete("coordination.k8s.io/v1", "Lease", world.namespace, "maker-0")
    world.apply(manifest(strategy={"marketMaking": {"spreadBps": "9", "sizes": ["0.001"]}}))
    eventually(lambda: any(isinstance(m, Configure) for m in world.node.pods["maker-0"].told))
    sweeps = _lists(world)
    eventually(lambda: _lists(world) >= sweeps + 2)

    assert world.get("Lease", "maker-0") is None


def test_an_edit_by_hand_is_put_right(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")

    world.client.merge("apps/v1", "StatefulSet", world.namespace, "maker", {"spec": {"replicas": 3}})
    world.client.merge("v1", "ConfigMap", world.namespace, "maker-slots", {"data": {"slot-0.json": "{}"}})

    eventually(lambda: world.spec("StatefulSet")["replicas"] == 1)
    eventually(lambda: (world.get("ConfigMap", "maker-slots") or {})["data"]["slot-0.json"] != "{}")


def test_a_slot_that_goes_is_drained_before_its_market_moves(world: World) -> None:
    symbols = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")
    world.apply(VENUE, manifest(symbols=symbols, replicas=2))
    world.condition("Ready", "True")
    leaving = world.node.pods["maker-1"]
    moved = {market.name for market in leaving.config.markets}
    assert moved

    world.apply(manifest(symbols=symbols, replicas=1))

    eventually(lambda: "maker-1" not in world.node.pods, 15)
    assert any(isinstance(message, Drain) for message in leaving.told)
    eventually(lambda: len(world.node.pods["maker-0"].config.markets) == 4, 15)
    world.condition("Ready", "True")
    slots = {slot["ordinal"]: slot for slot in (world.get("TradingBot") or {})["status"]["slots"]}
    assert slots[1]["state"] == "Removed"
    assert slots[1]["leaseUID"], "its Lease must never be created again"


def test_a_halt_is_shown_at_once(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")

    world.node.update("maker-0", state=TradingState.HALTED, reason="MaxDailyLoss", message="lost 101 of 100", ready=False,
                      markets=(MarketReport(market="btcusdt", position="1", open_orders=0, unknown_orders=0),))  # fmt: skip

    world.condition("Ready", "False", "Halted", within_s=2)
    world.condition("Stalled", "True", "HaltRequiresManualReset")
    world.condition("Flat", "True")
    assert (world.get("TradingBot") or {})["status"]["phase"] == "Halted"


def test_a_dead_process_is_noticed_and_its_return_is_enough(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")

    world.node.cut("maker-0")

    world.condition("Ready", "False", "RuntimeUnreachable", within_s=10)
    world.condition("Flat", "Unknown")


def test_the_term_of_the_leader_is_in_every_message(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    runtime = world.node.pods["maker-0"]
    lease = world.client.get("coordination.k8s.io/v1", "Lease", "tradingbot-system", "tradingbot-operator")
    assert lease
    assert {message.term for message in runtime.told} == {lease["spec"]["leaseTransitions"]}
    assert isinstance(runtime.told[0], Hello)
