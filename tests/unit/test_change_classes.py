"""The change class of each field is true: of the operator's decision, and of what the runtime takes while it runs."""

import functools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.bot_model import Cluster, bot
from harness.every_field import STRATEGIES, Document, bot_document, changed, venue_document
from tradingbot_operator import crdgen
from tradingbot_operator.api.v1alpha1 import Resource, TradingBot, Venue
from tradingbot_operator.core.outcome import ConfigureSlot, Outcome
from tradingbot_operator.crdgen_schema import documented_schema
from tradingbot_runtime.cold_differences import cold_differences
from tradingbot_runtime.config import SlotConfig, TradingBotSpec, VenueSpec, as_written
from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.config.change_classes import change_classes, settings

BOT, VENUE = dict(change_classes(TradingBotSpec)), dict(change_classes(VenueSpec))
NEVER_TOLD = ("pod", "restartNonce")  # what is of Kubernetes alone, the runtime does not hear of


@functools.cache
def settled(strategy: str) -> Cluster:
    venues = dict.fromkeys(("venue", "there", "third"), as_written(VenueSpec, venue_document()))
    cluster = Cluster(bot(as_written(TradingBotSpec, bot_document(strategy))), venues)
    cluster.settle()
    return cluster


def respecified(strategy: str, document: Document) -> Outcome:
    cluster = replace(settled(strategy))
    cluster.respecify(as_written(TradingBotSpec, document))
    return cluster.decide()


def with_venue(document: Document) -> Outcome:
    known = settled("marketMaking")
    return replace(known, venues={**known.venues, "venue": as_written(VenueSpec, document)}).decide()


def seen(cluster: Cluster, outcome: Outcome) -> ChangeClass:
    """What the decision does to the pods."""
    stored = cluster.children[("StatefulSet", "maker")]["spec"]
    sets = [child["spec"] for child in outcome.apply if child["kind"] == "StatefulSet"]
    pushed = [command for command in outcome.commands if isinstance(command, ConfigureSlot)]
    if any(wanted["replicas"] != stored["replicas"] for wanted in sets) or len(pushed) < len(outcome.commands):
        return ChangeClass.SCALE
    if any(wanted["template"] != stored["template"] for wanted in sets):
        for told in pushed:
            new = SlotConfig.model_validate_json(told.document)
            assert not cold_differences(cluster.config(new.slot), new), "what takes a restart waits for it"
        return ChangeClass.RESTART
    return ChangeClass.HOT_RELOAD if pushed else ChangeClass.IGNORE


def new_configurations(outcome: Outcome) -> Iterator[SlotConfig]:
    for child in outcome.apply:
        if child["kind"] == "ConfigMap":
            documents = (text for key, text in child["data"].items() if key.startswith("slot-"))
            yield from (SlotConfig.model_validate_json(text) for text in documents)


def taken_by_a_running_process(cluster: Cluster, outcome: Outcome) -> bool:
    """By the runtime's own rules: a configuration with other fields in it needs a new process."""
    return not any(cold_differences(cluster.config(new.slot), new) for new in new_configurations(outcome))


@functools.cache
def bot_changes(strategy: str) -> tuple[tuple[str, Document], ...]:
    return tuple(changed(TradingBotSpec, bot_document(strategy)))


def cases(strategy: str) -> Iterator[tuple[str, Document]]:
    """Every field once: what is not of the strategy is changed with one strategy only."""
    for path, document in bot_changes(strategy):
        if strategy == "marketMaking" or path.startswith(f"strategy.{strategy}"):
            yield path, document


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_change_of_a_bots_field_takes_what_its_class_says(strategy: str) -> None:
    wrong = {}
    for path, document in cases(strategy):
        outcome, cluster, declared = respecified(strategy, document), settled(strategy), BOT[path]
        if declared is ChangeClass.RECREATE:
            continue  # never gets here: the API server refuses it (tests/integration/test_change_refused.py)
        if seen(cluster, outcome) is not declared:
            wrong[path] = (declared, seen(cluster, outcome))
        by_the_runtime = declared is not ChangeClass.RESTART or path.startswith(NEVER_TOLD)
        if declared is not ChangeClass.SCALE and taken_by_a_running_process(cluster, outcome) is not by_the_runtime:
            wrong[f"{path}, the runtime"] = (declared, seen(cluster, outcome))
    assert wrong == {}


def test_a_change_of_a_venues_field_takes_what_its_class_says() -> None:
    wrong, cluster = {}, settled("marketMaking")
    for path, document in changed(VenueSpec, venue_document()):
        outcome, declared = with_venue(document), VENUE[path]
        if declared is ChangeClass.RECREATE:
            continue  # as above
        hot = taken_by_a_running_process(cluster, outcome)
        if (seen(cluster, outcome), hot) != (declared, declared is not ChangeClass.RESTART):
            wrong[path] = (declared, seen(cluster, outcome), hot)
    assert wrong == {}


@pytest.mark.parametrize(("kind", "classes"), [(TradingBot, BOT), (Venue, VENUE)])
def test_every_field_has_a_class_in_the_models_and_in_the_reference(
    kind: type[Resource], classes: dict[str, ChangeClass]
) -> None:
    fields = set(paths(documented_schema(kind.model_fields["spec"].annotation)))
    assert fields == set(classes)
    text = dict(crdgen.generated())[crdgen.REFERENCE]
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `spec.")]
    told = {row[0].removeprefix("| `spec.").rstrip("`"): row[5].strip() for row in rows}
    assert {path: told[path] for path in fields} == classes


def paths(schema: Document, path: str = "") -> Iterator[str]:
    for name, node in schema.get("properties", {}).items():
        yield f"{path}{name}"
        yield from paths(node, f"{path}{name}.")
        yield from paths(node.get("items", {}), f"{path}{name}[].")


def test_every_field_was_changed() -> None:
    """But for parts that are always there, which change with what is in them."""
    tried = {path for strategy in STRATEGIES for path, _ in bot_changes(strategy)}
    parts = {path for path in BOT if any(other.startswith((f"{path}.", f"{path}[].")) for other in BOT)}
    assert set(BOT) - tried <= parts
    venue_parts = {"rateLimit", "credentialsSecretRef", "endpoints"}
    assert set(VENUE) - {path for path, _ in changed(VenueSpec, venue_document())} <= venue_parts


@pytest.mark.parametrize(("before", "after"), [("marketMaking", "crossExchange"), ("crossExchange", "grid")])
def test_a_strategy_that_has_orders_in_other_markets_needs_a_restart(before: str, after: str) -> None:
    outcome = respecified(before, bot_document(before) | {"strategy": {after: STRATEGIES[after]}})

    assert seen(settled(before), outcome) is ChangeClass.RESTART
    assert not taken_by_a_running_process(settled(before), outcome)


def test_another_strategy_in_the_same_markets_is_taken_while_it_runs() -> None:
    outcome = respecified("glft", bot_document("glft") | {"strategy": {"grid": STRATEGIES["grid"]}})

    assert seen(settled("glft"), outcome) is ChangeClass.HOT_RELOAD
    assert taken_by_a_running_process(settled("glft"), outcome)


def test_what_nobody_wrote_is_no_setting() -> None:
    """Else every field that a new version brings would restart every bot."""
    market = {"name": "btc", "reference": {"venue": "v", "symbol": "BTCUSDT"},
              "execution": {"venue": "v", "symbol": "BTCUSDT"}}  # fmt: skip
    written = {"markets": [market], "strategy": {"marketMaking": {"spreadBps": "8", "sizes": ["1"]}}}

    assert settings(as_written(TradingBotSpec, written), ChangeClass.RESTART) == {
        "markets": [market], "pod.resources.requests.cpu": "50m", "pod.resources.requests.memory": "96Mi",
        "pod.resources.limits.memory": "192Mi",
    }  # fmt: skip
    market["reference"] = {"venue": "v", "symbol": "BTCUSDC"}
    cross = written | {"strategy": {"crossExchange": {"size": "1", "edgeBps": "5"}}}
    assert settings(as_written(TradingBotSpec, cross), ChangeClass.RESTART)["strategy.crossExchange"] is True
