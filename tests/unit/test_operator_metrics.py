"""/metrics of the operator: exactly what is declared, a bounded number of series, and no bot's name without the bot."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

import aiohttp
import pytest
from kubernetes.aio.client import Configuration
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from harness.in_process import runtime_client
from harness.lived import live_through
from harness.operator_telemetry import telemetry
from tradingbot_operator import metrics
from tradingbot_operator.bot_metrics import bot_readings
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core.conditions import ConditionType
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.identities import Identities
from tradingbot_operator.queue import Priority
from tradingbot_operator.telemetry import ERROR, SUCCESS, Telemetry, serve
from tradingbot_runtime.metric_families import Family, Kind


def bot(name: str = "maker", **status: object) -> Manifest:
    spec = {"mode": "Live", "desiredState": "Running", "replicas": 2}
    metadata = {"namespace": "n", "name": name, "uid": name, "resourceVersion": "1", "generation": 7}
    return {"kind": "TradingBot", "metadata": metadata, "spec": spec, "status": status}


BUSY = bot(
    phase="Halted", observedGeneration=6, replicas=2, readyReplicas=1, strategy="grid", currentRevision="maker-1",
    conditions=[{"type": "Ready", "status": "False", "reason": "Halted"}],
    slots=[{"ordinal": 0, "state": "Active"}, {"ordinal": 1, "state": "Halted"}, {"ordinal": 2}],
    halts=[{"id": "1", "reason": "ManualHalt"}, {"id": "2", "reason": "ManualHalt"}, {"id": "3", "reason": "Moon"}],
)  # fmt: skip


VENUE = {"spec": {"credentialsExpire": "2027-01-31"},
    "kind": "Venue", "metadata": {"namespace": "n", "name": "binance", "uid": "v", "resourceVersion": "1"},
    "status": {"conditions": [{"type": "CredentialsValid", "status": "False", "reason": "CredentialsRefused"}]},
}  # fmt: skip


def idle(_: aiohttp.ClientSession) -> Telemetry:
    return telemetry(10, leading=False)


def at_work(session: aiohttp.ClientSession) -> Telemetry:
    """One of everything has happened."""
    runtime = runtime_client(session, Identities(Cluster(Configuration())))
    runtime.counters["connected"] += 1
    for pod, until in (("maker-0", 2e9), ("maker-1", 1e9)):
        runtime.ensure(("n", "maker"), pod, pod, "127.0.0.1")
        next(stream for stream in runtime.streams if stream.pod == pod).certificate_until = until
    shown = telemetry(10, runtime=runtime)
    queue = shown.health.queue
    queue.add(("TradingBot", "n", "maker"), Priority.HALT)
    queue.machine.take(10)
    queue.machine.done(("TradingBot", "n", "maker"), 10.5)
    runtime.counters["config_Applied"] += 1
    live_through(shown.recorder.history)
    shown.reconciliations.count("TradingBot", SUCCESS, 0.5)
    shown.reconciliations.count("TradingBot", ERROR, 0.5)
    shown.cluster.requests["2xx", "GET", "Pod"] += 1
    shown.health.watches.hear("Pod", ("n", "maker-0"))
    shown.health.canary.arrive("n")
    shown.store.put("TradingBot", BUSY)
    shown.store.put("Venue", VENUE)
    return replace(shown, spans_dropped=lambda: {"QueueFull": 1})


def scraped(made: Callable[[aiohttp.ClientSession], Telemetry]) -> dict[str, Metric]:
    """By name, from a real server."""

    async def ask() -> str:
        async with aiohttp.ClientSession() as session:
            runner = await serve(made(session), "127.0.0.1", 0)
            async with session.get(f"http://127.0.0.1:{runner.addresses[0][1]}/metrics") as answer:
                text = await answer.text()
            await runner.cleanup()
            return text

    return {family.name: family for family in text_string_to_metric_families(asyncio.run(ask()))}


def sample_labels(family: Metric) -> Iterator[frozenset[str]]:
    return (frozenset(sample.labels) - {"le"} for sample in family.samples)


def test_what_is_shown_is_exactly_what_is_declared() -> None:
    found = {name: family for name, family in scraped(at_work).items() if not name.startswith("process_")}
    declared = {family.name.removesuffix("_total"): family for family in metrics.FAMILIES}

    assert found.keys() == declared.keys()
    for name, family in declared.items():
        assert (found[name].type, found[name].documentation) == (family.kind, family.help), name
        assert found[name].samples, f"{name}: nothing of it was read"
        assert set(sample_labels(found[name])) == {frozenset(family.labels)}, name


def test_a_standby_shows_no_bots_and_that_it_does_not_lead() -> None:
    found = scraped(idle)

    assert [sample.value for sample in found["leader_election_master_status"].samples] == [0]
    assert found["tradingbot_condition"].samples == []


def test_every_metric_is_declared_once_with_a_meaning_and_counters_alone_are_named_total() -> None:
    names = [family.name for family in metrics.FAMILIES]

    assert len(set(names)) == len(names)
    for family in metrics.FAMILIES:
        assert family.help.endswith("."), family.name
        assert family.name.endswith("_total") == (family.kind is Kind.COUNTER), family.name


def test_of_a_bots_certificates_the_one_that_ends_first_is_told_and_a_venues_conditions_are() -> None:
    found = scraped(at_work)

    (certificate,) = found["tradingbot_control_certificate_expiry_timestamp_seconds"].samples
    assert (certificate.labels, certificate.value) == ({"namespace": "n", "bot": "maker"}, 1e9)
    (condition,) = found["tradingbot_venue_condition"].samples
    assert condition.labels == {"namespace": "n", "venue": "binance", "type": "CredentialsValid", "status": "False"}
    (ends,) = found["tradingbot_venue_credentials_expiry_timestamp_seconds"].samples
    assert (ends.labels, ends.value) == ({"namespace": "n", "venue": "binance"}, 1_801_353_600)  # 2027-01-31T00:00:00Z


@pytest.mark.parametrize(("family", "values"), [
    (metrics.BOT_INFO, {("grid", "Live", "maker-1"): 1}),
    (metrics.BOT_DESIRED_STATE, {("Running",): 1}),
    (metrics.BOT_PHASE, {("Halted",): 1}),
    (metrics.BOT_CONDITION, {("Ready", "False"): 1}),
    (metrics.BOT_REPLICAS, {("desired",): 2, ("current",): 2, ("ready",): 1, ("updated",): 0}),
    (metrics.BOT_SLOTS, {("Active",): 1, ("Halted",): 1, ("Unknown",): 1}),
    (metrics.BOT_HALTED, {("ManualHalt",): 2, ("Halted",): 1}),
    (metrics.BOT_GENERATION, {("desired",): 7, ("observed",): 6}),
])  # fmt: skip
def test_a_bot_is_shown_as_its_spec_and_status_say(family: Family, values: dict[tuple[str, ...], int]) -> None:
    assert bot_readings([BUSY])[family] == {("n", "maker", *labels): value for labels, value in values.items()}


def test_a_bot_that_nobody_has_looked_at_yet_is_pending() -> None:
    found = bot_readings([bot() | {"status": {}}])

    assert found[metrics.BOT_PHASE] == {("n", "maker", "Pending"): 1}
    assert found[metrics.BOT_GENERATION]["n", "maker", "observed"] == 0


def test_words_that_are_not_ours_make_no_series_of_their_own() -> None:
    """A pod says what halted it: what it makes up must not fill a disk."""
    halts = [{"id": str(n), "reason": f"made-up-{n}"} for n in range(500)]
    slots = [{"ordinal": n, "state": f"made-up-{n}"} for n in range(50)]
    strange = bot(halts=halts, slots=slots, phase="Odd", conditions=[{"type": "Odd", "status": "True"}])

    found = bot_readings([strange])

    assert sum(len(values) for values in found.values()) <= 12
    assert found[metrics.BOT_HALTED] == {("n", "maker", "Halted"): 500}
    assert found[metrics.BOT_SLOTS] == {("n", "maker", "Unknown"): 50}


def test_no_series_of_five_thousand_bots_is_left_out() -> None:
    """Each at its largest: every condition, which is the family with most of them."""
    conditions = [{"type": kind, "status": "True"} for kind in ConditionType]
    found = bot_readings([bot(f"bot-{n}", conditions=conditions) for n in range(5_000)])

    assert len(found[metrics.BOT_CONDITION]) == 5_000 * len(ConditionType) <= metrics.BOT_CONDITION.most_series
