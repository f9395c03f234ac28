"""What Argo CD says of our kinds: by scripts as it runs them, over every reason that a condition may have."""

from pathlib import Path

import pytest
import yaml
from health_cases import VOCABULARY, Object, condition, expected, manifest, well
from health_rules import RULES, Health

from harness.argo_lua import health
from tradingbot_operator.api.v1alpha1 import ConditionStatus
from tradingbot_operator.api.v1alpha1.trading_halt import TradingHaltSpec
from tradingbot_operator.core.conditions import ConditionType, Reason
from tradingbot_runtime.config import Spec, TradingBotSpec, VenueSpec

ARGOCD = Path(__file__).resolve().parents[2] / "manifests/argocd"
CUSTOMIZATIONS = ARGOCD / "resource_customizations/tradingbot.dev"
KINDS = sorted(RULES)
T, R = ConditionType, Reason


def script(kind: str) -> str:
    return (CUSTOMIZATIONS / kind / "health.lua").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_tests_in_argo_cds_format_hold(kind: str) -> None:
    tests = yaml.safe_load((CUSTOMIZATIONS / kind / "health_test.yaml").read_text())["tests"]
    for test in tests:
        found = health(script(kind), yaml.safe_load((CUSTOMIZATIONS / kind / test["inputPath"]).read_text()))
        assert found == (test["healthStatus"]["status"], test["healthStatus"]["message"]), test["inputPath"]
    assert {path.name for path in (CUSTOMIZATIONS / kind / "testdata").iterdir()} == {
        Path(test["inputPath"]).name for test in tests}  # fmt: skip


def test_the_objects_of_its_tests_are_such_as_an_api_server_has() -> None:
    specs: dict[str, type[Spec]] = {"TradingBot": TradingBotSpec, "Venue": VenueSpec, "TradingHalt": TradingHaltSpec}
    for path in CUSTOMIZATIONS.glob("*/testdata/*.yaml"):
        found = yaml.safe_load(path.read_text())
        specs[found["kind"]].model_validate(found["spec"])


@pytest.mark.parametrize("kind", KINDS)
def test_it_judges_every_reason_of_every_condition_by_the_rules(kind: str) -> None:
    lua, good = script(kind), well(kind)
    for name, words in VOCABULARY[kind].items():
        for status in ConditionStatus:
            for reason in words.reasons(status):
                conditions = good | {name: condition(name, str(status), reason)}
                assert health(lua, manifest(kind, conditions)) == expected(RULES[kind], conditions), (name, reason)


# What changes from all being well; and what is to be said.
SAID: dict[str, tuple[str, dict[ConditionType, tuple[str, Reason]], Health]] = {
    "trades": ("TradingBot", {}, Health.HEALTHY),
    "halted": ("TradingBot", {T.HALTED: ("True", R.RISK_BREACH_MAX_LOSS), T.READY: ("False", R.HALTED)},
               Health.DEGRADED),
    "halted in a rollout": ("TradingBot", {T.HALTED: ("True", R.MANUAL_HALT),
                                           T.RECONCILING: ("True", R.ROLLOUT_IN_PROGRESS)}, Health.DEGRADED),
    "an invalid spec": ("TradingBot", {T.STALLED: ("True", R.SPEC_INVALID), T.SPEC_ACCEPTED: ("False", R.SPEC_INVALID),
                                       T.READY: ("False", R.SPEC_INVALID)}, Health.DEGRADED),
    "a rollout": ("TradingBot", {T.RECONCILING: ("True", R.ROLLOUT_IN_PROGRESS),
                                 T.READY: ("False", R.ROLLOUT_IN_PROGRESS)}, Health.PROGRESSING),
    "paused": ("TradingBot", {T.READY: ("True", R.PAUSED_AS_REQUESTED)}, Health.SUSPENDED),
    "scaled to nothing": ("TradingBot", {T.READY: ("True", R.STOPPED_AS_REQUESTED)}, Health.SUSPENDED),
    "hands off": ("TradingBot", {T.RECONCILIATION_PAUSED: ("True", R.ANNOTATION)}, Health.SUSPENDED),
    "waits for a window": ("TradingBot", {T.READY: ("False", R.OUTSIDE_MAINTENANCE_WINDOW),
                                          T.RECONCILING: ("False", R.OUTSIDE_MAINTENANCE_WINDOW)}, Health.SUSPENDED),
    "a key that is refused": ("Venue", {T.READY: ("False", R.AUTH_FAILED)}, Health.DEGRADED),
    "a Venue that bots still use": ("Venue", {T.READY: ("False", R.IN_USE)}, Health.PROGRESSING),
    "a halt on its way": ("TradingHalt", {T.READY: ("False", R.AWAITING_SLOTS),
                                          T.RECONCILING: ("True", R.AWAITING_SLOTS)}, Health.PROGRESSING),
    "a halt of nobody": ("TradingHalt", {T.READY: ("False", R.NO_BOTS_SELECTED)}, Health.DEGRADED),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_it_says(name: str) -> None:
    kind, changes, wanted = SAID[name]
    conditions = well(kind) | {each: condition(each, *change) for each, change in changes.items()}
    assert health(script(kind), manifest(kind, conditions))[0] == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_without_any_condition_it_is_on_its_way(kind: str) -> None:
    """As the API server has it before the operator has come by: no status, an empty one, one that is half written."""
    statuses: list[Object] = [{}, {"observedGeneration": 2, "conditions": []}, {"conditions": None}]
    for status in statuses:
        assert health(script(kind), manifest(kind, {}) | {"status": status})[0] == Health.PROGRESSING


def test_the_config_map_has_the_scripts() -> None:
    data = yaml.safe_load((ARGOCD / "argocd-cm.yaml").read_text())["data"]
    assert data == {f"resource.customizations.health.tradingbot.dev_{kind}": script(kind) for kind in KINDS}
