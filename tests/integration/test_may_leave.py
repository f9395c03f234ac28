"""Before the operator is taken away it is asked what would wait for it for ever: a real process, a real API server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.bad_manifests import good_bot, good_venue
from harness.control_plane import ControlPlane
from tradingbot_operator.core.names import FINALIZER, IN_USE

pytestmark = pytest.mark.controlplane


def may_leave(kubeconfig: Path, *namespaces: str) -> tuple[int, str]:
    environment = os.environ | {"KUBECONFIG": str(kubeconfig), "WATCH_NAMESPACES": ",".join(namespaces)}
    done = subprocess.run((sys.executable, "-m", "tradingbot_operator", "may-leave"), env=environment, check=False,
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_what_has_a_finalizer_of_its_own_is_waited_for_and_named(tradingbot_api: ControlPlane, namespace: str) -> None:
    client, kubeconfig = tradingbot_api.client, tradingbot_api.kubeconfig
    bot, venue = good_bot(), good_venue()
    for manifest in (bot, venue):
        client.apply(manifest, namespace)
    assert may_leave(kubeconfig, namespace) == (0, "nothing waits for the operator: it may go\n")

    names = [each["metadata"]["name"] for each in (bot, venue)]
    for manifest, finalizer in ((bot, FINALIZER), (venue, IN_USE)):
        patch = {"metadata": {"finalizers": [finalizer, "example.com/of-somebody-else"]}}
        client.merge(manifest["apiVersion"], manifest["kind"], namespace, manifest["metadata"]["name"], patch)
    code, told = may_leave(kubeconfig, namespace)
    assert code == 1
    assert told.splitlines()[:3] == ["2 objects wait for this operator:", f"TradingBot {namespace}/{names[0]}",
                                     f"Venue {namespace}/{names[1]}"]  # fmt: skip
    assert "helm uninstall --no-hooks" in told
    assert may_leave(kubeconfig, "default")[0] == 0, "it works in one namespace, and speaks of no other"

    for manifest in (bot, venue):
        patch = {"metadata": {"finalizers": ["example.com/of-somebody-else"]}}
        client.merge(manifest["apiVersion"], manifest["kind"], namespace, manifest["metadata"]["name"], patch)
    assert may_leave(kubeconfig, namespace)[0] == 0, "what waits for somebody else does not wait for it"
    for manifest in (bot, venue):
        client.merge(manifest["apiVersion"], manifest["kind"], namespace, manifest["metadata"]["name"],
                     {"metadata": {"finalizers": None}})  # fmt: skip


def test_a_cluster_without_the_kinds_waits_for_nobody(control_plane: ControlPlane, tmp_path: Path) -> None:
    """The CRDs went first. A name that the API server does not know answers as they do then: with 404."""
    config = yaml.safe_load(control_plane.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] += "/no-such-path"
    elsewhere = tmp_path / "kubeconfig"
    elsewhere.write_text(yaml.safe_dump(config))
    assert may_leave(elsewhere) == (0, "nothing waits for the operator: it may go\n")


def test_an_api_server_that_is_away_says_nothing(tradingbot_api: ControlPlane, tmp_path: Path) -> None:
    text = tradingbot_api.kubeconfig.read_text()
    port = str(tradingbot_api.client.port)
    (tmp_path / "kubeconfig").write_text(text.replace(f":{port}", ":1"))
    code, told = may_leave(tmp_path / "kubeconfig")
    assert code == 2
    assert told.startswith("what waits for the operator is not known: ")


def test_nothing_else_is_taken(tmp_path: Path) -> None:
    done = subprocess.run((sys.executable, "-m", "tradingbot_operator", "may-go"), check=False, capture_output=True,
                          text=True, timeout=60, cwd=tmp_path)  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("may-go: tradingbot-operator takes nothing but may-leave or --help")
