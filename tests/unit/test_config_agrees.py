"""The models and the CRDs say the same: what is allowed, and what an absent field means."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.examples import examples
from harness.spec_schema import defaulted, mistakes, specs
from tradingbot_operator.crdgen_schema import documented_schema
from tradingbot_runtime.config import Spec, TradingBotSpec, VenueSpec, as_written

MODELS: tuple[type[Spec], ...] = (TradingBotSpec, VenueSpec)
SCHEMAS = {model: documented_schema(model) for model in MODELS}
SPECS = {model: specs(SCHEMAS[model]) for model in MODELS}  # once: making a strategy costs more than drawing from it
CEL_CHECKS = {"rules", "decimal", "duration", "quantity", "name"}  # kinds of mistake that the API server leaves to CEL


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=examples(150))
@given(data=st.data())
def test_models_and_schema_refuse_the_same_specs(model: type[Spec], data: st.DataObject) -> None:
    spec = data.draw(SPECS[model])
    stored = defaulted(spec, SCHEMAS[model])
    structural = list(mistakes(stored, SCHEMAS[model]))
    refused = mistakes_of(model, stored)
    if structural:
        assert refused
    else:
        assert refused <= CEL_CHECKS


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=examples(150))
@given(data=st.data())
def test_an_absent_field_means_the_same_in_both(model: type[Spec], data: st.DataObject) -> None:
    spec = data.draw(SPECS[model])
    stored = defaulted(spec, SCHEMAS[model])
    if mistakes_of(model, spec):
        return
    read = model.model_validate(spec)
    assert model.model_validate(stored) == read
    assert paths(read.model_dump(mode="json", by_alias=True, exclude_none=True)) == paths(stored)


def mistakes_of(model: type[Spec], spec: object) -> set[str]:
    """The kinds of the mistakes that the model finds."""
    try:
        as_written(model, spec)
    except ValidationError as error:
        return {detail["type"] for detail in error.errors()}
    return set()


def paths(value: Any, path: str = "") -> set[str]:  # noqa: ANN401 - a JSON tree
    if isinstance(value, dict):
        return {path}.union(*(paths(child, f"{path}.{name}") for name, child in value.items()))
    if isinstance(value, list):
        return {path}.union(*(paths(child, f"{path}[{index}]") for index, child in enumerate(value)))
    return {path}


def test_the_random_specs_are_not_all_refused() -> None:
    accepted = []  # a test whose every example is refused would prove nothing

    @settings(max_examples=100, database=None)
    @given(SPECS[TradingBotSpec])
    def count(spec: dict[str, Any]) -> None:
        if not mistakes_of(TradingBotSpec, spec):
            accepted.append(spec)

    count()
    assert len(accepted) > 5
