"""The chart: what it renders is what the plain manifests say; every value does something; a wrong one is refused."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.api_client import Object
from harness.control_plane import REPOSITORY, ControlPlane
from harness.helm_chart import CHART, Refused, at, one, rendered
from harness.prometheus import program
from tradingbot_operator.settings import read

OF_HELM = {"helm.sh/chart", "app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"}
OF_THE_CHART_ALONE = {("ClusterRole", "tradingbot-view"), ("ClusterRole", "tradingbot-edit"),
                      ("ClusterRole", "tradingbot-admin"), ("Job", "tradingbot-operator-may-leave")}  # fmt: skip
DIGEST = "sha256:" + "0" * 64
PROMETHEUS = ("--api-versions", "monitoring.coreos.com/v1/PodMonitor", "--api-versions",
              "monitoring.coreos.com/v1/PrometheusRule")  # fmt: skip

# Value -> another one, and a text that is then in what is rendered and was not before; "-" before one: no more.
CHANGES: dict[str, tuple[Any, str]] = {
    "watchNamespaces": (["trade-a"], '"namespace": "trade-a"'),
    "replicas": (3, '"replicas": 3'),
    "image.repository": ("registry.example/operator", "registry.example/operator:0.1.0"),
    "image.tag": ("9.9.9", "tradingbot.dev/operator:9.9.9"),
    "image.digest": (DIGEST, f"tradingbot.dev/operator:0.1.0@{DIGEST}"),
    "image.pullPolicy": ("Always", '"imagePullPolicy": "Always"'),
    "runtimeImage.repository": ("registry.example/runtime", "registry.example/runtime:0.1.0"),
    "runtimeImage.tag": ("9.9.9", "tradingbot.dev/runtime:9.9.9"),
    "runtimeImage.digest": (DIGEST, f"tradingbot.dev/runtime:0.1.0@{DIGEST}"),
    "imagePullSecrets": ([{"name": "of-registry"}], '"imagePullSecrets": [{"name": "of-registry"}]'),
    "logLevel": ("debug", '{"name": "LOG_LEVEL", "value": "debug"}'),
    "settings.workers": (16, '{"name": "WORKERS", "value": "16"}'),
    "settings.resyncSeconds": (120, '{"name": "RESYNC_S", "value": "120"}'),
    "settings.stuckAfterSeconds": (90, '{"name": "STUCK_AFTER_S", "value": "90"}'),
    "settings.drainTimeoutSeconds": (300, '{"name": "DRAIN_TIMEOUT_S", "value": "300"}'),
    "settings.controlPort": (9443, '{"name": "CONTROL_PORT", "value": "9443"}'),
    "leaderElection.leaseDurationSeconds": (30, '{"name": "LEASE_DURATION_S", "value": "30"}'),
    "leaderElection.renewDeadlineSeconds": (12, '{"name": "LEASE_RENEW_DEADLINE_S", "value": "12"}'),
    "leaderElection.retryPeriodSeconds": (3, '{"name": "LEASE_RETRY_S", "value": "3"}'),
    "tracingEndpoint": ("http://otel:4318", '{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://otel:4318"}'),
    "proxy.httpProxy": ("http://proxy:3128", '{"name": "HTTP_PROXY", "value": "http://proxy:3128"}'),
    "proxy.httpsProxy": ("http://proxy:3128", '{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}'),
    "proxy.noProxy": ("10.0.0.0/8", '{"name": "NO_PROXY", "value": "10.0.0.0/8"}'),
    "extraEnv": ([{"name": "TZ", "value": "UTC"}], '{"name": "TZ", "value": "UTC"}'),
    "resources": ({"limits": {"memory": "1Gi"}}, '"memory": "1Gi"'),
    "priorityClassName": ("trading", '"priorityClassName": "trading"'),
    "nodeSelector": ({"pool": "system"}, '"nodeSelector": {"pool": "system"}'),
    "tolerations": ([{"key": "system", "operator": "Exists"}], '"tolerations": [{"key": "system"'),
    "affinity": ({"nodeAffinity": {}}, '"affinity": {"nodeAffinity"'),
    "topologySpreadConstraints": ([], '-"topologySpreadConstraints"'),
    "podDisruptionBudget.enabled": (False, '-"kind": "PodDisruptionBudget"'),
    "podDisruptionBudget.maxUnavailable": (2, '"maxUnavailable": 2'),
    "networkPolicy.enabled": (True, '"kind": "NetworkPolicy"'),
    "networkPolicy.metricsFrom": ([{"podSelector": {"matchLabels": {"app": "prometheus"}}}], '{"app": "prometheus"}'),
    "serviceAccount.annotations": ({"iam.example/role": "operator"}, '"iam.example/role": "operator"'),
    "roles.aggregate": (False, "-rbac.authorization.k8s.io/aggregate-to-view"),
    "roles.halter": (False, "-tradingbot-halter"),
    "monitoring.podMonitors": ("Never", '-"kind": "PodMonitor"'),
    "monitoring.prometheusRule": ("Never", '-"kind": "PrometheusRule"'),
    "monitoring.dashboards": (True, "tradingbot-fleet.json"),
    "monitoring.labels": ({"release": "prometheus"}, '"release": "prometheus"'),
    "crds.enabled": (False, '-"kind": "CustomResourceDefinition"'),
    "crds.keep": (False, '-"helm.sh/resource-policy": "keep"'),
    "namespace.create": (True, '"kind": "Namespace"'),
    "preDelete.enabled": (False, '-"helm.sh/hook": "pre-delete"'),
    "labels": ({"team": "trading"}, '"team": "trading"'),
    "annotations": ({"owner": "desk"}, '"owner": "desk"'),
    "podLabels": ({"team": "trading"}, '"team": "trading"'),
    "podAnnotations": ({"owner": "desk"}, '"owner": "desk"'),
    "global": ({"anything": "goes"}, ""),
}  # fmt: skip
TOGETHER = {"networkPolicy.metricsFrom": {"networkPolicy": {"enabled": True}}}  # what a value needs to be looked at

# Value, what it is, and what helm has to say of it.
WRONG: list[tuple[str, Any, str]] = [
    ("replica", 2, "additional properties 'replica' not allowed"),
    ("image.tags", "1", "at '/image': additional properties 'tags' not allowed"),
    ("replicas", 0, "at '/replicas'"),
    ("replicas", "two", "at '/replicas'"),
    ("image.digest", "sha256:1", "at '/image/digest'"),
    ("image.pullPolicy", "Sometimes", "at '/image/pullPolicy'"),
    ("logLevel", "loud", "at '/logLevel'"),
    ("watchNamespaces", "trading", "at '/watchNamespaces'"),
    ("watchNamespaces", ["Trading_1"], "at '/watchNamespaces/0'"),
    ("settings.workers", 65, "at '/settings/workers'"),
    ("settings.resyncSeconds", 0, "at '/settings/resyncSeconds'"),
    ("settings.controlPort", 70000, "at '/settings/controlPort'"),
    ("leaderElection.renewDeadlineSeconds", 15, "retryPeriodSeconds < renewDeadlineSeconds < leaseDurationSeconds"),
    ("monitoring.podMonitors", True, "at '/monitoring/podMonitors'"),
]


def leaves(tree: Object, defined: Object, above: str = "") -> list[str]:
    """Paths of the schema's values that have none below."""
    found: list[str] = []
    for name, node in tree["properties"].items():
        inner = defined[node["$ref"].rpartition("/")[2]] if "$ref" in node else {}
        found += leaves(inner, defined, f"{above}{name}.") if "properties" in inner else [above + name]
    return found


def plain(file: str) -> list[Object]:
    return list(yaml.safe_load_all((REPOSITORY / "manifests" / file).read_text()))


def comparable(objects: list[Object]) -> dict[tuple[str, str, str], Object]:
    """By kind, name and namespace, without what Helm adds for itself."""
    found = {}
    for each in objects:
        metadata = each["metadata"]
        labels = {name: value for name, value in metadata.get("labels", {}).items() if name not in OF_HELM}
        notes = {name: v for name, v in metadata.get("annotations", {}).items() if not name.startswith("helm.sh/")}
        metadata |= {"labels": labels, "annotations": notes}
        found[each["kind"], metadata["name"], metadata.get("namespace", "")] = each
    return {key: each for key, each in found.items() if key[:2] not in OF_THE_CHART_ALONE}


def environment(objects: list[Object]) -> dict[str, str]:
    (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def without_environment(objects: dict[tuple[str, str, str], Object]) -> dict[tuple[str, str, str], Object]:
    for key, each in objects.items():
        if key[0] == "Deployment":
            del each["spec"]["template"]["spec"]["containers"][0]["env"]
    return objects


@pytest.mark.parametrize(("values", "files"), [
    ({"namespace": {"create": True}}, ["install.yaml"]),
    ({"namespace": {"create": True}, "watchNamespaces": ["trading"], "crds": {"enabled": False}},
     ["namespaced/operator.yaml", "namespaced/watched-namespace.yaml"]),
], ids=["cluster", "namespaced"])  # fmt: skip
def test_it_renders_the_plain_manifests(tmp_path: Path, values: Object, files: list[str]) -> None:
    wanted = [each for file in files for each in plain(file)]
    for each in wanted:
        if each["kind"] in {"Role", "RoleBinding"}:
            each["metadata"].setdefault("namespace", "trading")
    ours = rendered(tmp_path, values)
    told = environment(ours)

    assert (
        read({"POD_NAMESPACE": "a"} | environment(wanted)).installation
        == read({"POD_NAMESPACE": "a"} | told).installation
    )
    assert without_environment(comparable(ours)) == without_environment(comparable(wanted))


def test_its_defaults_are_the_operators_own(tmp_path: Path) -> None:
    """A default that is declared twice is the same twice."""
    told = read({"POD_NAME": "p"} | environment(rendered(tmp_path)))
    own = read({"POD_NAME": "p"})

    names = ("election", "installation", "http_port", "workers", "resync_s", "stuck_after_s", "namespaces", "log_level")
    assert [getattr(told, name) for name in names] == [getattr(own, name) for name in names]


@pytest.mark.parametrize("path", CHANGES)
def test_a_value_does_something(tmp_path: Path, path: str) -> None:
    value, text = CHANGES[path]
    always = TOGETHER.get(path, {})
    before = json.dumps(rendered(tmp_path, always, *PROMETHEUS))
    section = path.partition(".")[0]
    inner = at(path, value)
    if section in always:
        inner[section] |= always[section]
    after = json.dumps(rendered(tmp_path, inner, *PROMETHEUS))

    gone = text.startswith("-")
    there, away = (before, after) if gone else (after, before)
    assert text.removeprefix("-") in there
    assert not text or text.removeprefix("-") not in away


def test_each_value_is_among_those() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert sorted(CHANGES) == sorted(leaves(schema, schema["$defs"]))


@pytest.mark.parametrize(("path", "value", "told"), WRONG, ids=[f"{path}={value}" for path, value, _ in WRONG])
def test_a_wrong_value_is_refused_with_its_path(tmp_path: Path, path: str, value: object, told: str) -> None:
    with pytest.raises(Refused) as refusal:
        rendered(tmp_path, at(path, value))
    assert told in str(refusal.value)


@pytest.mark.controlplane
@pytest.mark.parametrize("watched", [[], ["default"]], ids=["cluster", "namespaced"])
def test_an_api_server_takes_what_is_rendered_without_a_warning(
    tmp_path: Path, control_plane: ControlPlane, namespace: str, watched: list[str]
) -> None:
    values = {"watchNamespaces": watched, "networkPolicy": {"enabled": True}, "monitoring": {"dashboards": True}}
    answers = [control_plane.client.try_apply(each, each["metadata"].get("namespace", ""), dry_run=True)
               for each in rendered(tmp_path, values, "--namespace", namespace)]  # fmt: skip
    assert [(a.message, a.warnings) for a in answers if not a.ok or a.warnings] == []


@pytest.mark.controlplane
def test_its_pods_are_admitted_where_pod_security_is_restricted(
    tmp_path: Path, control_plane: ControlPlane, namespace: str
) -> None:
    client = control_plane.client
    client.merge("v1", "Namespace", "", namespace,
                 {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})  # fmt: skip
    client.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "tradingbot-operator"}}, namespace)
    objects = rendered(tmp_path)
    for kind, name in (("Deployment", "tradingbot-operator"), ("Job", "tradingbot-operator-may-leave")):
        template = one(objects, kind, name)["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried"}, "spec": template["spec"]}
        answer = client.try_create(pod, namespace, dry_run=True)
        assert answer.ok, answer.message


@pytest.mark.parametrize("helm", ["helm", "helm3"])
def test_it_has_no_lint(helm: str) -> None:
    done = subprocess.run((program(helm), "lint", "--strict", str(CHART)), capture_output=True, text=True, check=False,
                          timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_it_has_scraped_is_what_the_plain_manifests_have(tmp_path: Path) -> None:
    ours = rendered(tmp_path, None, *PROMETHEUS)
    for wanted in plain("monitoring/pod-monitors.yaml"):
        found = one(ours, "PodMonitor", wanted["metadata"]["name"])["spec"]
        assert {key: found[key] for key in ("selector", "podMetricsEndpoints")} == {
            key: wanted["spec"][key] for key in ("selector", "podMetricsEndpoints")}  # fmt: skip
