"""Drift is seen from the managed fields alone: what we apply is ours, or it is applied again."""

import json

import pytest

from harness.bot_model import Cluster, bot
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.core.ownership import OWNED, owned_fields, owns
from tradingbot_operator.store import slim

PORT, HTTP = 'k:{"port":8443,"protocol":"TCP"}', 'k:{"port":8080,"protocol":"TCP"}'
SERVICE: Manifest = {
    "kind": "Service", "metadata": {"name": "maker"},
    "spec": {"clusterIP": "None", "selector": {"a": "b"},
             "ports": [{"name": "control", "port": 8443}, {"name": "http", "port": 8080}]},
}  # fmt: skip
ITEM: Manifest = {".": {}, "f:name": {}, "f:port": {}}
FIELDS: Manifest = {"f:metadata": {"f:labels": {"f:a": {}}},
                    "f:spec": {"f:clusterIP": {}, "f:selector": {}, "f:ports": {PORT: ITEM, HTTP: ITEM}}}  # fmt: skip


def stored(fields: Manifest, manager: str = "tradingbot-operator", operation: str = "Apply") -> Manifest:
    entries = [{"manager": "kubectl-edit", "operation": "Update", "fieldsV1": FIELDS},
               {"manager": manager, "operation": operation, "fieldsV1": fields}]  # fmt: skip
    return {"kind": "Service", "metadata": {"name": "maker", "managedFields": entries}, "spec": {"clusterIP": "None"}}


def without(*path: str) -> Manifest:
    fields: Manifest = json.loads(json.dumps(FIELDS))
    inner = fields
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return fields


def test_what_we_applied_is_ours() -> None:
    assert owns(SERVICE, owned_fields(stored(FIELDS)))


@pytest.mark.parametrize("path", [
    ("f:spec",), ("f:spec", "f:clusterIP"), ("f:spec", "f:selector"), ("f:spec", "f:ports"),
    ("f:spec", "f:ports", PORT), ("f:spec", "f:ports", PORT, "f:name"),
])  # fmt: skip
def test_a_field_that_somebody_took_is_not_ours_any_more(path: tuple[str, ...]) -> None:
    assert not owns(SERVICE, owned_fields(stored(without(*path))))


@pytest.mark.parametrize(("manager", "operation"), [("kubectl", "Apply"), ("tradingbot-operator", "Update")])
def test_another_entry_is_not_ours(manager: str, operation: str) -> None:
    assert owned_fields(stored(FIELDS, manager, operation)) == ""
    assert not owns(SERVICE, "")


def test_fields_that_others_added_to_ours_do_not_matter() -> None:
    fields: Manifest = json.loads(json.dumps(FIELDS))
    fields["f:spec"]["f:ipFamilies"] = {}

    assert owns(SERVICE, owned_fields(stored(fields)))


def test_the_store_keeps_the_fields_of_many_bots_once_and_no_content() -> None:
    first, second = slim("Service", stored(FIELDS)), slim("Service", stored(FIELDS))

    assert first == {"kind": "Service", "metadata": {"name": "maker"}, OWNED: first[OWNED]}
    assert first[OWNED] is second[OWNED]


def test_a_child_that_lost_a_field_is_applied_again_and_no_other() -> None:
    cluster = Cluster(bot())
    cluster.settle()
    key = ("Role", "maker")
    cluster.children[key] = cluster.children[key] | {OWNED: "{}"}

    assert [child["kind"] for child in cluster.decide().apply] == ["Role"]
    cluster.step()
    assert cluster.decide().apply == ()


def test_a_key_that_somebody_added_to_the_config_map_is_not_written_about_for_ever() -> None:
    cluster = Cluster(bot())
    cluster.settle()
    key = ("ConfigMap", "maker-slots")
    cluster.children[key]["data"]["note"] = "of a person"

    assert cluster.decide().apply == ()
    cluster.children[key]["data"]["slot-0.json"] = "{}"
    assert [child["kind"] for child in cluster.decide().apply] == ["ConfigMap"]
