"""Alerts on a real cluster: a real Prometheus sees what happens, a real Alertmanager tells it and takes it back."""

import json
from collections.abc import Iterator

import ask
import monitoring
import pytest
from written_boards import boards

from harness.kind_cluster import OPERATOR, SYSTEM, World, eventually, world
from harness.log_lines import entries

pytestmark = pytest.mark.cluster
PAGED_WITHIN_S, TAKEN_BACK_WITHIN_S = 300, 240
PANELS_WITHIN_S = 180
# A web server that writes down what it is told, a line of JSON for each alert.
PAGER = """
import http.server, json, sys
class Pager(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in told["alerts"]:
            print(json.dumps(alert), flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("0.0.0.0", 9000), Pager).serve_forever()
"""

LABELS = {"app.kubernetes.io/name": "pager"}
NARROW = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
POD = {
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pager", "labels": LABELS},
    "spec": {
        "enableServiceLinks": False, "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "pager", "image": "tradingbot.dev/runtime:0.1.0", "imagePullPolicy": "IfNotPresent",
                        "command": ["/usr/local/bin/python3", "-c", PAGER], "securityContext": NARROW}],
    },
}  # fmt: skip
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "pager"},
           "spec": {"selector": LABELS, "ports": [{"port": 9000}]}}  # fmt: skip


class Pager:
    """What a person on call would have been told."""

    def __init__(self, demo: World) -> None:
        self._demo = demo

    def install(self) -> None:
        for manifest in (POD, SERVICE):
            self._demo.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
        self._demo.kubectl("wait", "pod/pager", "--for=condition=Ready", "--timeout=60s")

    def told(self) -> list[dict[str, dict[str, str]]]:
        return entries(self._demo.kubectl("logs", "pager"))

    def now(self, status: str) -> set[str]:
        """Alerts of which this was told last, of our bot or of the operator."""
        last: dict[str, str] = {}
        for alert in self.told():
            labels = alert["labels"]
            if labels.get("namespace") in {self._demo.namespace, SYSTEM.namespace}:
                last[labels["alertname"]] = str(alert["status"])
        return {name for name, said in last.items() if said == status}

    def until_told(self, status: str, alerts: set[str], within_s: float) -> None:
        eventually(lambda: alerts <= self.now(status), within_s,
                   lambda: f"{status}: {alerts}; {self.now(status)} are")  # fmt: skip


@pytest.fixture(scope="module")
def demo(operator_installed: None) -> Iterator[World]:  # noqa: ARG001 - the operator must be there first
    with world("alerts") as made:
        yield made


@pytest.fixture(scope="module")
def pager(demo: World) -> Pager:
    """The bot trades, and is watched."""
    monitoring.load_image()
    demo.apply_bot()
    demo.wait_ready()
    pager = Pager(demo)
    pager.install()
    webhook = {"url": f"http://pager.{demo.namespace}:9000/", "send_resolved": True}
    route = {"receiver": "page", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    monitoring.install([(demo.namespace, "demo")],
                       {"route": route, "receivers": [{"name": "page", "webhook_configs": [webhook]}]})  # fmt: skip
    return pager


def scaled(demo: World, deployment: str, replicas: int) -> None:
    demo.kubectl("scale", f"deployment/{deployment}", f"--replicas={replicas}")


@pytest.mark.usefixtures("pager")
def test_no_panel_of_a_dashboard_is_empty() -> None:
    """Some are about a fill, or about a minute of quoting: it must have happened."""
    found = ask.until_all_have(monitoring.asked, PANELS_WITHIN_S)
    assert {count.board: count.empty for count in found} == dict.fromkeys((name for name, _ in boards()), ())
    assert all(count.panels for count in found)


def test_what_is_wrong_pages_a_person_and_is_taken_back_when_it_is_mended(demo: World, pager: Pager) -> None:
    halt = {"apiVersion": "tradingbot.dev/v1alpha1", "kind": "TradingHalt", "metadata": {"name": "drill"},
            "spec": {"reason": "a drill", "selector": {}, "onDelete": "Resume"}}  # fmt: skip
    demo.kubectl("apply", "-f", "-", stdin=json.dumps(halt))
    nowhere = {"venue": "nowhere", "symbol": "BTCUSDT"}
    markets = demo.manifests["TradingBot"]["spec"]["markets"]
    demo.apply_bot(markets=[{**markets[0], "reference": nowhere}])
    scaled(demo, "simulator", 0)
    wrong = {"TradingBotHalted", "TradingBotStalled", "TradingBotVenueUnreachable", "TradingBotFeedStale",
             "TradingBotSpecNotAccepted"}  # fmt: skip
    pager.until_told("firing", wrong, PAGED_WITHIN_S)

    demo.kubectl("delete", "tradinghalt/drill")
    demo.apply_bot()
    scaled(demo, "simulator", 1)
    pager.until_told("resolved", wrong, TAKEN_BACK_WITHIN_S)

    scaled(SYSTEM, OPERATOR, 0)
    try:
        pager.until_told("firing", {"TradingOperatorLeaderMissing"}, PAGED_WITHIN_S)
    finally:
        scaled(SYSTEM, OPERATOR, 2)
    pager.until_told("resolved", {"TradingOperatorLeaderMissing"}, TAKEN_BACK_WITHIN_S)
