"""A real API server takes the CRDs and every sample without a warning, and refuses bad manifests in plain words."""

import copy
import json
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.api_client import Answer, ApiClient, Object
from harness.bad_manifest_table import BAD_MANIFESTS, GOOD_ENDPOINTS
from harness.bad_manifests import API_VERSION, Bad, good_bot, good_venue
from harness.control_plane import ControlPlane
from harness.live_risk import LIVE_RISK
from harness.operator_process import eventually
from harness.spec_schema import defaulted, specs
from tradingbot_operator.crdgen_schema import documented_schema
from tradingbot_runtime.config import Spec, TradingBotSpec, VenueSpec

REPOSITORY = Path(__file__).resolve().parents[2]
ELSEWHERE = {"autoscaling-keda"}  # of a kind that is not here: test_autoscaling.py brings it
SAMPLES = sorted(path for path in (REPOSITORY / "manifests/samples").glob("*.yaml") if path.stem not in ELSEWHERE)
STRICT = "fieldValidation=Strict&dryRun=All"

pytestmark = pytest.mark.controlplane


@pytest.fixture(scope="session")
def client(tradingbot_api: ControlPlane) -> ApiClient:
    return tradingbot_api.client


def test_the_crds_are_accepted_without_a_warning(control_plane: ControlPlane) -> None:
    assert control_plane.client.install_crds(REPOSITORY / "crds") == ()


@pytest.mark.parametrize("name", ["tradingbots.tradingbot.dev", "venues.tradingbot.dev"])
def test_the_api_server_finds_the_schemas_structural_and_the_names_free(client: ApiClient, name: str) -> None:
    crd = client.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", name)
    assert crd is not None
    conditions = {c["type"]: c["status"] for c in crd["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}  # `NonStructuralSchema` would be here


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_applied_without_a_warning(client: ApiClient, namespace: str, sample: Path) -> None:
    manifests = list(yaml.safe_load_all(sample.read_text()))
    tried = [client.try_apply(m, namespace, dry_run=True) for m in manifests]
    applied = [client.try_apply(m, namespace) for m in manifests]
    assert [(a.status, a.message, a.warnings) for a in tried + applied if not a.ok or a.warnings] == []


@pytest.mark.parametrize(("environment", "endpoints"), GOOD_ENDPOINTS)
def test_plain_addresses_are_for_what_is_not_production(
    client: ApiClient, environment: str, endpoints: dict[str, str]
) -> None:
    spec = {"environment": environment, "type": "Binance", "endpoints": endpoints}
    answer = client.try_create({**good_venue(), "spec": spec}, dry_run=True)
    assert answer.ok, answer.message


@pytest.mark.parametrize("bad", BAD_MANIFESTS, ids=lambda bad: bad.name)
def test_a_bad_manifest_is_refused_with_its_field_and_what_is_allowed(client: ApiClient, bad: Bad) -> None:
    answer = client.try_create(bad.manifest(), dry_run=True)
    assert answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}, answer.message
    assert all(words in answer.message for words in bad.server), answer.message
    # No regular expression and no evaluation error: words for people.
    assert "should match" not in answer.message
    assert "evaluating rule" not in answer.message


def test_the_manifests_that_the_table_changes_are_good(client: ApiClient) -> None:
    assert client.try_create(good_bot(), dry_run=True).status == HTTPStatus.CREATED
    assert client.try_create(good_venue(), dry_run=True).status == HTTPStatus.CREATED


def test_the_largest_bot_that_is_allowed_does_not_cost_the_rules_too_much(client: ApiClient) -> None:
    bot = good_bot()
    market = "m" + "a" * 17
    names = [{"venue": "v" * 40, "symbol": f"{i:02}" + "S" * 28} for i in range(50)]
    bot["metadata"]["name"] = "b" * 40
    bot["spec"]["markets"] = [{"name": f"{market}{i:02}", "reference": n, "execution": n} for i, n in enumerate(names)]
    bot["spec"]["strategy"]["marketMaking"] |= {"layers": 50, "sizes": ["999999999999.999999999999"] * 50}
    bot["spec"]["pod"] = {
        "image": "registry.example/" + "a" * 483,
        "nodeSelector": {f"example.com/{'k' * 61}{i:02}": "v" * 63 for i in range(20)},
        "tolerations": [{"key": f"example.com/{'k' * 61}{i:02}", "value": "v" * 63} for i in range(20)],
    }
    answer = client.try_create(bot, dry_run=True)
    assert answer.ok, answer.message


@pytest.mark.parametrize(("model", "good"), [(TradingBotSpec, good_bot()), (VenueSpec, good_venue())])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_models_accept_what_the_api_server_accepts_and_read_the_same(
    client: ApiClient, model: type[Spec], good: dict[str, Any], data: st.DataObject
) -> None:
    schema = documented_schema(model)
    spec = data.draw(specs(schema))
    answer = client.try_create({**good, "spec": spec}, dry_run=True)
    stored = defaulted(spec, schema)
    assert answer.ok == accepted(model, stored), answer.message
    if answer.ok:
        assert answer.body["spec"] == stored


def accepted(model: type[Spec], spec: object) -> bool:
    try:
        model.model_validate(spec)
    except ValidationError:
        return False
    return True


def test_kubectl_shows_a_bot_and_scales_it(tradingbot_api: ControlPlane, namespace: str) -> None:
    tradingbot_api.client.apply(good_bot(), namespace)
    halt = {"id": "h1", "slot": 0, "reason": "RiskBreachMaxLoss", "at": "2026-11-20T22:00:00Z"}
    status = {"phase": "Halted", "strategy": "marketMaking", "replicas": 1, "readyReplicas": 1, "updateRevision": "r-1",
              "selector": "tradingbot.dev/bot=maker", "configHash": {"applied": "a1"}, "halts": [halt]}  # fmt: skip
    tradingbot_api.client.merge(API_VERSION, "TradingBot", namespace, "maker", {"status": status}, "status")
    table = tradingbot_api.kubectl("get", "tb", "-o", "wide", "-n", namespace).splitlines()
    assert table[0].split() == ["NAME", "STATE", "READY", "MODE", "STRATEGY", "HALT", "AGE", "CONFIG", "REVISION"]
    shown = table[1].split()
    assert shown[:6] == ["maker", "Halted", "1", "Paper", "marketMaking", "RiskBreachMaxLoss"]
    assert shown[7:] == ["a1", "r-1"]
    assert "scaled" in tradingbot_api.kubectl("scale", "tb/maker", "--replicas=4", "-n", namespace)
    bot = tradingbot_api.client.get(API_VERSION, "TradingBot", namespace, "maker")
    assert bot is not None
    assert bot["spec"]["replicas"] == 4
    assert "maker" in tradingbot_api.kubectl("get", "trading", "-n", namespace)


def test_kubectl_explains_a_field_with_its_bounds_and_unit(tradingbot_api: ControlPlane) -> None:
    said = " ".join(tradingbot_api.kubectl("explain", "tb.spec.strategy.marketMaking.spreadBps").split())
    assert "Allowed: 0.0001 to 5000 (basis points), in quotes." in said


def test_what_kubectl_says_to_a_decimal_without_quotes_is_what_the_guide_explains(
    tradingbot_api: ControlPlane, namespace: str
) -> None:
    bot = {**good_bot(), "spec": good_bot()["spec"] | {"risk": {"maxPosition": 5000}}}
    said = tradingbot_api.kubectl("apply", "-n", namespace, "-f", "-", stdin=yaml.safe_dump(bot))
    path = "spec.risk.maxPosition"
    answer = f'{path}: Invalid value: "integer": {path} in body must be of type string: "integer"'
    assert answer in said
    assert answer in (REPOSITORY / "docs/guides/messages.md").read_text()


@pytest.mark.parametrize(("path", "value"), [("environment", "Production"), ("type", "Other")])
def test_an_account_cannot_be_moved(client: ApiClient, namespace: str, path: str, value: str) -> None:
    venue = good_venue()
    client.apply(venue, namespace)
    venue["spec"][path] = value
    answer = client.try_apply(venue, namespace)
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert f"spec.{path}" in answer.message
    if path == "environment":  # there is one type yet: any other is refused as unknown
        assert "cannot be changed: an account stays where it is; make a new Venue" in answer.message


def _sent(client: ApiClient, body: bytes, content_type: str = "application/json") -> Answer:
    return client.request("POST", f"{client.path(API_VERSION, 'TradingBot')}?{STRICT}", body, content_type)


def _text(manifest: dict[str, Any]) -> bytes:
    return json.dumps(manifest).encode()


def _with_annotations(size: int) -> bytes:
    return _text({**good_bot(), "metadata": {"name": "maker", "annotations": {"note": "x" * size}}})


# The models never see these: they are refused before there is an object. Their own reading of text is tested in
# tests/unit/test_config_refuses.py; annotations mean nothing to a runtime without a cluster.
TRANSPORT = [
    ("1 MB of annotations", _with_annotations(1_000_000),
     "metadata.annotations: Too long: may not be more than 262144 bytes"),
    ("4 MB of annotations", _with_annotations(4_000_000), "limit is 3145728"),
    ("not UTF-8", _text(good_bot()).replace(b"BTCUSDT", b"BTC\xffSDT"), "spec.markets[0]"),
    ("not JSON", b"{", "json parse error: unexpected end of JSON input"),
    ("NaN", _text(good_bot()).replace(b'"8"', b"NaN"), "invalid character 'N'"),
    ("a field twice", _text(good_bot()).replace(b'"spreadBps": "8"', b'"spreadBps": "8", "spreadBps": "80"'),
     'duplicate field "spec.strategy.marketMaking.spreadBps"'),
    ("nested too deeply", _text(good_bot()).replace(b'"8"', b"[" * 20_000 + b"]" * 20_000), "exceeded max depth"),
    ("another kind", _text({**good_bot(), "kind": "TradingBots"}), "TradingBots"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "says"), [t[1:] for t in TRANSPORT], ids=[t[0] for t in TRANSPORT])
def test_a_body_that_is_no_manifest_is_refused_in_words(client: ApiClient, body: bytes, says: str) -> None:
    answer = _sent(client, body)
    assert HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    assert says in answer.message, (answer.status, answer.message[:500])


def run(client: ApiClient, namespace: str) -> None:
    """The operator has given the bot a slot."""
    path = client.path(API_VERSION, "TradingBot", namespace, "maker") + "/status"
    merge = "application/merge-patch+json"
    assert client.request("PATCH", path, {"status": {"slots": [{"ordinal": 0}]}}, merge).ok


def test_a_bot_that_never_had_a_slot_may_be_put_right(client: ApiClient, namespace: str) -> None:
    bot = good_bot()
    bot["spec"] |= {"mode": "Live", "risk": LIVE_RISK}
    client.apply(bot, namespace)
    bot["spec"]["markets"] = MOVED
    assert client.try_apply(bot, namespace).ok


MOVED = [{"name": "btc", "reference": {"venue": "binance", "symbol": "BTCUSDT"},
          "execution": {"venue": "binance", "symbol": "ETHUSDT"}}]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "moves"), [
    ({"mode": "Live"}, {}, False),
    ({"mode": "Live", "desiredState": "Paused"}, {}, False),
    ({"mode": "Live"}, {"desiredState": "Stopped"}, False),  # it still has to stop
    ({"mode": "Live", "desiredState": "Stopped"}, {}, True),
    ({"mode": "Paper"}, {}, True),
    ({"mode": "Paper"}, {"mode": "Live"}, True),
    ({"mode": "Live"}, {"markets": [MOVED[0] | {"name": "eth"}]}, True),  # another market in its place
], ids=["running", "paused", "stopped in the same step", "stopped before", "Paper", "Paper to Live",
        "another name"])  # fmt: skip
def test_the_market_of_a_running_live_bot_stays_where_it_is(
    client: ApiClient, namespace: str, before: Object, after: Object, *, moves: bool
) -> None:
    bot = good_bot()
    bot["spec"] |= {"risk": LIVE_RISK} | before
    client.apply(bot, namespace)
    run(client, namespace)
    bot["spec"] |= {"markets": MOVED} | after

    answer = client.try_apply(bot, namespace)
    assert (answer.status == HTTPStatus.OK) is moves, answer.message
    if not moves:
        assert "spec.markets" in answer.message
        assert "under another name, or set desiredState: Stopped first" in answer.message


def limitless() -> Object:
    """A Live bot without one of the limits that the mode demands."""
    bot = good_bot()
    bot["spec"] |= {"mode": "Live", "risk": {name: value for name, value in LIVE_RISK.items() if name != "maxDrawdown"}}
    return bot


@pytest.fixture
def before_the_rules(tradingbot_api: ControlPlane, namespace: str) -> Iterator[Callable[[], None]]:
    """The API as it was before mode Live demanded limits; the call brings today's."""
    today = yaml.safe_load((REPOSITORY / "crds/tradingbot.dev_tradingbots.yaml").read_text())
    former, client = copy.deepcopy(today), tradingbot_api.client
    del former["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["x-kubernetes-validations"]

    def serve(crd: Object, *, takes: bool) -> None:
        client.apply(crd)
        eventually(
            lambda: client.try_apply(limitless() | {"metadata": {"name": "probe"}}, namespace, dry_run=True).ok is takes
        )

    serve(former, takes=True)
    try:
        yield lambda: serve(today, takes=False)
    finally:
        serve(today, takes=False)


def test_a_bot_from_before_a_rule_stays_editable_and_does_not_get_worse(
    client: ApiClient, namespace: str, before_the_rules: Callable[[], None]
) -> None:
    old = limitless()
    client.apply(old, namespace)
    before_the_rules()

    old["spec"]["strategy"]["marketMaking"]["spreadBps"] = "9"
    assert client.try_apply(old, namespace).status == HTTPStatus.OK
    del old["spec"]["risk"]["maxPosition"]
    worse = client.try_apply(old, namespace)
    assert worse.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "spec.risk.maxPosition" in worse.message
    assert (
        client.try_apply(limitless() | {"metadata": {"name": "new"}}, namespace).status
        == HTTPStatus.UNPROCESSABLE_ENTITY
    )
