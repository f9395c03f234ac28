"""The samples of autoscalers: a real HorizontalPodAutoscaler scales a bot; KEDA's own schema takes the ScaledObject."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.api_client import Object
from harness.bot_world import API, VENUE, World, manifest
from harness.control_plane import REPOSITORY, ControlPlane
from harness.operator_process import eventually

pytestmark = pytest.mark.controlplane
SAMPLES = REPOSITORY / "manifests/samples"
SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")
KEDA = "github.com/kedacore/keda/v2@v2.16.1"
HPA_LOOKS_S = 15  # --horizontal-pod-autoscaler-sync-period
OWN = "tradingbot-operator"  # field manager


def sample(name: str) -> Object:
    found: Object = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())
    found["spec"]["scaleTargetRef"]["name"] = "maker"
    return found


def replicas(world: World) -> int:
    return int(world.spec("TradingBot")["replicas"])


def owners_of_replicas(bot: Any) -> list[str]:  # noqa: ANN401 - as it is stored
    fields = [(entry["manager"], entry["fieldsV1"].get("f:spec", {})) for entry in bot["metadata"]["managedFields"]]
    return [manager for manager, owned in fields if "f:replicas" in owned]


def test_a_horizontal_pod_autoscaler_scales_a_bot_and_the_operator_leaves_its_number_alone(world: World) -> None:
    """Below its least number it needs no metrics, and there is no metrics server here."""
    world.apply(VENUE, manifest(symbols=SYMBOLS))
    world.converged()
    autoscaler = sample("autoscaling-hpa")
    autoscaler["spec"]["minReplicas"] = 2

    world.apply(autoscaler)

    eventually(lambda: replicas(world) == 2, 3 * HPA_LOOKS_S, "the autoscaler has scaled the bot")
    eventually(lambda: world.traded("maker-0") | world.traded("maker-1") == {s.lower() for s in SYMBOLS}, 30)
    world.converged()
    assert world.traded("maker-0") & world.traded("maker-1") == set()
    assert replicas(world) == 2
    bot = world.get("TradingBot")
    assert OWN not in owners_of_replicas(bot)
    status = world.client.get("autoscaling/v2", "HorizontalPodAutoscaler", world.namespace, "many-markets") or {}
    able = [c for c in status["status"]["conditions"] if c["type"] == "AbleToScale"]
    assert [c["status"] for c in able] == ["True"], "it could read the scale, the selector included"


def keda_schema(folder: Path) -> Path:
    """A folder with the CRD of ScaledObjects, from KEDA's own module."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        assert os.environ.get("CI") != "true", "make setup brings Go"
        pytest.skip("no Go toolchain to fetch KEDA's module with: make setup")
    (folder / "module").mkdir()
    (folder / "crds").mkdir()
    (folder / "module/go.mod").write_text("module scratch\n")
    done = subprocess.run([go, "mod", "download", "-json", KEDA], cwd=folder / "module", capture_output=True, text=True,
                          check=False, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    source = Path(json.loads(done.stdout)["Dir"]) / "config/crd/bases/keda.sh_scaledobjects.yaml"
    (folder / "crds" / source.name).write_bytes(source.read_bytes())
    return folder / "crds"


def test_kedas_schema_takes_the_scaled_object_to_the_last_field(
    tradingbot_api: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    tradingbot_api.client.install_crds(keda_schema(tmp_path))
    wanted = sample("autoscaling-keda")

    answer = tradingbot_api.client.try_create(wanted, namespace)
    assert (answer.ok, answer.message, answer.warnings) == (True, "", ())
    assert wanted["spec"]["scaleTargetRef"]["apiVersion"] == API
    wrong = sample("autoscaling-keda") | {"metadata": {"name": "wrong"}}
    wrong["spec"]["maxReplicas"] = 4
    refused = tradingbot_api.client.try_create(wrong, namespace)
    assert 'unknown field "spec.maxReplicas"' in refused.message
