"""The generated files: fresh, complete, structural, and small enough to be applied."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from tradingbot_operator import crdgen
from tradingbot_operator.api.v1alpha1 import Resource, TradingBot, TradingHalt, Venue
from tradingbot_operator.crdgen_schema import DOCUMENTATION, documented_schema

REPOSITORY = Path(__file__).resolve().parents[2]
CRDS = {path.stem: path for path in sorted((REPOSITORY / "crds").glob("*.yaml"))}
MAX_BYTES = 200_000  # an object of etcd holds 1.5 MB, an annotation of kubectl apply 256 KB
NOT_STRUCTURAL = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "title", "const", "pattern", "prefixItems", "nullable"}


@functools.cache
def crd(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(CRDS[name].read_text())
    return loaded


def version(name: str) -> dict[str, Any]:
    (only,) = crd(name)["spec"]["versions"]
    found: dict[str, Any] = only
    return found


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        if key in schema:
            yield from nodes(schema[key], path + suffix)


def specs_and_status(name: str) -> list[tuple[str, dict[str, Any]]]:
    properties = version(name)["schema"]["openAPIV3Schema"]["properties"]
    return [*nodes(properties["spec"], "spec"), *nodes(properties["status"], "status")]


def test_the_generated_files_are_fresh() -> None:
    assert crdgen.main(["--check", "--root", str(REPOSITORY)]) == 0, "run `make generate`"


def test_check_names_the_stale_file_and_what_mends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert crdgen.main(["--root", str(tmp_path)]) == 0
    stale = tmp_path / "crds/tradingbot.dev_venues.yaml"
    stale.write_text(stale.read_text().replace("Testnet", "Testnett"))
    capsys.readouterr()
    assert crdgen.main(["--check", "--root", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said == f"{stale} is stale: the models say something else. `make generate` mends it.\n"
    assert "Testnett" in stale.read_text()  # --check writes nothing


@pytest.mark.parametrize("name", CRDS)
def test_a_crd_is_small(name: str) -> None:
    assert CRDS[name].stat().st_size < MAX_BYTES


@pytest.mark.parametrize("name", CRDS)
def test_a_crd_holds_nothing_that_a_structural_schema_may_not_hold(name: str) -> None:
    allowed_once = {"status.conditions[].reason"}  # metav1.Condition has a pattern; only the operator writes it
    found = {path: schema.keys() & (NOT_STRUCTURAL | set(DOCUMENTATION)) for path, schema in specs_and_status(name)}
    assert {path: keys for path, keys in found.items() if keys and path not in allowed_once} == {}


@pytest.mark.parametrize("name", CRDS)
def test_everything_in_a_crd_is_bounded_and_described(name: str) -> None:
    bounds = {"string": {"maxLength", "enum", "format"}, "array": {"maxItems"}, "integer": {"minimum"}}
    for path, schema in specs_and_status(name):
        assert not bounds.get(schema["type"], {"type"}).isdisjoint(schema), f"{path} is not bounded"
        if "additionalProperties" in schema:
            assert "maxProperties" in schema, f"{path} is not bounded"
        if not path.endswith(("[]", ".*")) and "." in path:
            assert schema.get("description"), f"{path} is not described"


@pytest.mark.parametrize("name", CRDS)
def test_every_list_says_how_it_is_merged(name: str) -> None:
    lists = {path: s["x-kubernetes-list-type"] for path, s in specs_and_status(name) if s["type"] == "array"}
    merged = {path for path, kind in lists.items() if kind == "map"}
    assert (
        merged
        == {
            "tradingbot.dev_tradingbots": {"spec.markets", "status.conditions", "status.slots", "status.halts"},
            "tradingbot.dev_tradinghalts": {"status.conditions"},
            "tradingbot.dev_venues": {"status.conditions"},
        }[name]
    )


def test_a_status_has_no_defaults() -> None:
    found = [path for name in CRDS for path, schema in specs_and_status(name)
             if path.startswith("status") and "default" in schema]  # fmt: skip
    assert found == []


def test_kubectl_shows_the_columns_of_the_design() -> None:
    columns = version("tradingbot.dev_tradingbots")["additionalPrinterColumns"]
    assert [c["name"] for c in columns if not c["priority"]] == ["STATE", "READY", "MODE", "STRATEGY", "HALT", "AGE"]
    assert [c["name"] for c in columns if c["priority"]] == ["CONFIG", "REVISION"]


def test_a_bot_scales_and_every_kind_has_a_short_name() -> None:
    assert version("tradingbot.dev_tradingbots")["subresources"] == {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    }
    names = [crd(name)["spec"]["names"] for name in CRDS]
    assert [n["shortNames"] for n in names] == [["tb"], ["tbh"], ["tbv"]]
    assert all(n["categories"] == ["trading"] for n in names)


@pytest.mark.parametrize("kind", [TradingBot, TradingHalt, Venue])
def test_every_field_of_the_models_is_in_the_reference(kind: type[Resource]) -> None:
    reference = (REPOSITORY / "docs/reference/api.md").read_text()
    section = reference[reference.index(f"## {kind.kind}\n") :]
    schema = crdgen.resource_schema(kind)["properties"]
    expected = [path for part in ("spec", "status") for path, _ in nodes(schema[part], part) if "." in path]
    assert [path for path in expected if f"| `{path}` |" not in section] == []


@pytest.mark.parametrize("kind", [TradingBot, Venue])
def test_a_number_in_a_string_says_its_unit_and_one_that_carries_its_unit_has_no_second_one(
    kind: type[TradingBot | Venue],
) -> None:
    schema = crdgen.resource_schema(kind)["properties"]["spec"]
    units = [(node["x-type"], "x-unit" in node) for _, node in nodes(schema) if "x-bounds" in node]
    assert {says for name, says in units if name in {"decimal", "quantity"}} <= {True}
    assert {says for name, says in units if name in {"duration", "name"}} == {False}


def test_every_rule_of_the_models_is_in_the_crd_and_in_the_reference() -> None:
    reference = (REPOSITORY / "docs/reference/api.md").read_text()
    published = "".join(path.read_text() for path in CRDS.values())
    rules = [rule for model in models(TradingBot.model_fields["spec"].annotation) for rule in model.rules if rule.cel]
    assert len(rules) > 10
    for rule in rules:
        assert rule.message in reference
        assert rule.message in " ".join(published.split())


def models(annotation: Any) -> set[Any]:  # noqa: ANN401 - an annotation is anything
    """The models that `annotation` is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}.union(*(models(field.annotation) for field in annotation.model_fields.values()))
    return set().union(*(models(argument) for argument in getattr(annotation, "__args__", ())))


class WithUnion(BaseModel):
    field: int | str


class WithPair(BaseModel):
    field: dict[str, int] | None = None
    other: tuple[int, str] = (1, "")


@pytest.mark.parametrize("model", [WithUnion, WithPair])
def test_a_model_that_no_structural_schema_can_say_is_refused_when_generating(model: type[BaseModel]) -> None:
    with pytest.raises(ValueError, match="structural schema"):
        documented_schema(model)
