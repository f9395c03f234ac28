"""The rendered manifests: one set of rights, for a cluster or for namespaces."""

from pathlib import Path
from typing import Any

import yaml

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
Manifest = dict[str, Any]


def documents(name: str) -> list[Manifest]:
    return list(yaml.safe_load_all((MANIFESTS / name).read_text()))


def rules(manifests: list[Manifest], name: str) -> Any:  # noqa: ANN401 - a list of rules
    return next(m["rules"] for m in manifests if m["kind"] in {"Role", "ClusterRole"} and m["metadata"]["name"] == name)


def watched(manifests: list[Manifest]) -> str:
    (deployment,) = (m for m in manifests if m["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return next(str(v["value"]) for v in container["env"] if v["name"] == "WATCH_NAMESPACES")


def test_the_namespaced_manifests_give_no_right_on_the_cluster() -> None:
    found = [*documents("namespaced/operator.yaml"), *documents("namespaced/watched-namespace.yaml")]

    assert not [m["kind"] for m in found if m["kind"].startswith("Cluster")]
    assert watched(found) == "trading"
    bindings = [m for m in found if m["kind"] == "RoleBinding"]
    assert {m["roleRef"]["kind"] for m in bindings} == {"Role"}
    assert {subject["namespace"] for m in bindings for subject in m["subjects"]} == {"tradingbot-system"}


def test_a_watched_namespace_gives_what_the_cluster_role_gives() -> None:
    for role in ("tradingbot-operator", "tradingbot-halter"):
        here, everywhere = documents("namespaced/watched-namespace.yaml"), documents("install.yaml")
        assert rules(here, role) == rules(everywhere, role)


def test_no_namespace_is_written_where_the_reader_chooses_it() -> None:
    """`kubectl apply -n` refuses a manifest that names another one."""
    assert not any("namespace" in m["metadata"] for m in documents("namespaced/watched-namespace.yaml"))


def test_the_whole_clusters_operator_watches_all_of_it() -> None:
    assert watched(documents("install.yaml")) == ""


def test_no_role_lists_or_watches_secrets() -> None:
    for rule in rules(documents("install.yaml"), "tradingbot-operator"):
        if "secrets" in rule["resources"]:
            assert set(rule["verbs"]) == {"get", "create", "update"}


def test_two_operators_run_and_no_drain_takes_both() -> None:
    found = {manifest["kind"]: manifest["spec"] for manifest in documents("install.yaml") if "spec" in manifest}
    deployment, budget = found["Deployment"], found["PodDisruptionBudget"]

    assert deployment["replicas"] == 2
    assert budget == {"maxUnavailable": 1, "selector": deployment["selector"]}
    (spread,) = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"] == deployment["selector"]
