"""The chart of one bot: whatever a manifest says its values can say, and what the models refuse Helm refuses."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.api_client import Object
from harness.control_plane import REPOSITORY, ControlPlane
from harness.helm_chart import BOT_CHART, Refused, one, rendered

SAMPLES = sorted((REPOSITORY / "manifests/samples").glob("bot-*.yaml"))
PAPER: Object = yaml.safe_load((BOT_CHART / "examples/paper.yaml").read_text())


def values_of(sample: Path) -> Object:
    documents = [each for each in yaml.safe_load_all(sample.read_text()) if each]
    (bot,) = [each for each in documents if each["kind"] == "TradingBot"]
    venues = {each["metadata"]["name"]: each["spec"] for each in documents if each["kind"] == "Venue"}
    return {"name": bot["metadata"]["name"], "spec": bot["spec"], "venues": venues}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_can_be_said_by_values(tmp_path: Path, sample: Path) -> None:
    values = values_of(sample)
    found = rendered(tmp_path, values, chart=BOT_CHART)

    assert one(found, "TradingBot", values["name"])["spec"] == values["spec"]
    assert {each["metadata"]["name"]: each["spec"] for each in found if each["kind"] == "Venue"} == values["venues"]


@pytest.mark.controlplane
def test_an_api_server_takes_the_example_without_a_warning(
    tmp_path: Path, tradingbot_api: ControlPlane, namespace: str
) -> None:
    answers = [tradingbot_api.client.try_apply(each, namespace)
               for each in rendered(tmp_path, PAPER, "--namespace", namespace, chart=BOT_CHART)]  # fmt: skip
    assert [(a.message, a.warnings) for a in answers if not a.ok or a.warnings] == []


def test_whoever_scales_it_owns_its_replicas(tmp_path: Path) -> None:
    values = PAPER | {"spec": PAPER["spec"] | {"replicas": 2}}
    assert one(rendered(tmp_path, values, chart=BOT_CHART), "TradingBot", "tradingbot")["spec"]["replicas"] == 2
    scaled = one(rendered(tmp_path, values | {"autoscaled": True}, chart=BOT_CHART), "TradingBot", "tradingbot")
    assert "replicas" not in scaled["spec"]


def test_labels_and_annotations_are_on_all_of_it(tmp_path: Path) -> None:
    values = PAPER | {"labels": {"team": "desk"}, "annotations": {"owner": "ann"}}
    for each in rendered(tmp_path, values, chart=BOT_CHART):
        assert each["metadata"]["labels"]["team"] == "desk"
        assert each["metadata"]["annotations"] == {"owner": "ann"}


WRONG: list[tuple[Object, str]] = [
    ({"spec": {}}, "at '/spec': missing properties 'strategy', 'markets'"),
    ({"spec": PAPER["spec"] | {"mode": "Fast"}}, "at '/spec/mode': value must be one of 'Paper', 'Live'"),
    ({"spec": PAPER["spec"] | {"strategy": {"marketMaking": {"spreadBps": 8, "sizes": ["1"]}}}},
     "at '/spec/strategy/marketMaking/spreadBps': got number, want string"),
    ({"spec": PAPER["spec"] | {"modes": "Paper"}}, "at '/spec': additional properties 'modes' not allowed"),
    ({"venues": {"binance": {"type": "Binance"}}}, "at '/venues/binance': missing property 'environment'"),
    ({"bots": 1}, "additional properties 'bots' not allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "told"), WRONG, ids=[told for _, told in WRONG])
def test_a_wrong_value_is_refused_with_its_path(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused) as refusal:
        rendered(tmp_path, PAPER | change, chart=BOT_CHART)
    assert told in str(refusal.value)
