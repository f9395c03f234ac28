"""Whatever stands where the operator reads: it decides, gives nobody what another slot has, and forgets no halt."""

from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.bot_model import KEYED, Cluster, bot, spec
from harness.examples import examples
from harness.junk import SHAPES, reports, texts
from harness.live_risk import LIVE_RISK
from tradingbot_operator.core import names
from tradingbot_operator.core.claims import claims
from tradingbot_operator.core.heard import known_id, within_bounds
from tradingbot_operator.core.observed import StopOrder, Stream
from tradingbot_operator.pod_reading import read_pod
from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.model.control import Halt, SlotReport

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
OURS = frozenset(f"venue/{symbol}" for symbol in SYMBOLS)
CONFIG_MAP, STATEFUL_SET = ("ConfigMap", "maker-slots"), ("StatefulSet", "maker")
DATA = (names.ACCEPTED, names.STABLE, names.CLOSED, "slot-0.json", "slot-1.json", "slot-7.json", "slot-x.json")
NOTES = (names.RELEASING, names.HELD, names.CANARY, names.ONLY_PAPER, names.SPEC_HASH)
TEMPLATES = (names.TEMPLATE, names.TEMPLATE_HASH, names.TEMPLATE_INPUTS, names.STABLE_TEMPLATE)
PLACES = [*(("data", key) for key in DATA), *(("notes", key) for key in NOTES), *(("set", key) for key in TEMPLATES)]
Place = tuple[str, str]
STOP = StopOrder("stop", "0123456789", "audit", flatten=False, until_deleted=False, selected=True)


@cache
def _settled() -> Cluster:
    cluster = Cluster(bot(spec(SYMBOLS, mode="Live", risk=LIVE_RISK, replicas=2)), venues={"venue": KEYED})
    cluster.settle()
    cluster.breach(1, "broke")
    cluster.settle()
    return cluster


def live() -> Cluster:
    """Three markets in two slots; the second has halted."""
    made = _settled()
    return replace(made, children=deepcopy(made.children), pods=dict(made.pods), volumes=deepcopy(made.volumes))


def write(cluster: Cluster, place: Place, text: str) -> None:
    """By hand, as the API server then has it. A template comes with its hash: only its shape is wrong."""
    kind, key = place
    child = cluster.children[STATEFUL_SET if kind == "set" else CONFIG_MAP]
    if kind == "data":
        cluster.children[CONFIG_MAP] = child | {"data": child["data"] | {key: text}}
        return
    written = {key: text}
    if key == names.TEMPLATE:
        with suppress(msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
            written[names.TEMPLATE_HASH] = names.digest(msgspec.json.decode(text))
    metadata = child["metadata"] | {"annotations": child["metadata"]["annotations"] | written}
    cluster.children[STATEFUL_SET if kind == "set" else CONFIG_MAP] = child | {"metadata": metadata}


def documents(cluster: Cluster) -> dict[int, SlotConfig]:
    """Of the slots that there are, as each process would read its own."""
    data = cluster.children[CONFIG_MAP]["data"]
    return {n: SlotConfig.model_validate_json(data[f"slot-{n}.json"]) for n in sorted(cluster.pods)}


def assert_nothing_is_doubled(cluster: Cluster) -> None:
    traded = cluster.traded()
    for slot, config in documents(cluster).items():
        for other, markets in traded.items():
            assert slot == other or not markets & {market.name for market in config.markets}, (slot, other)


def silence(cluster: Cluster, slot: int) -> None:
    """Its process goes on, and is not heard any more."""
    pod = cluster.pods[slot]
    cluster.pods[slot] = replace(pod, stream=replace(pod.stream, connected=False))


def assert_works(cluster: Cluster, steps: int = 6) -> None:
    for _ in range(steps):
        cluster.step()
        assert_nothing_is_doubled(cluster)
        assert [halt.id for halt in cluster.bot.status.halts] == ["broke"]
        assert [latch.id for latch in cluster.config(1).halts] == ["broke"]


@pytest.mark.parametrize("text", SHAPES)
@pytest.mark.parametrize("place", PLACES, ids="-".join)
def test_whatever_somebody_writes_nothing_is_doubled_no_halt_lost_and_it_is_put_right(place: Place, text: str) -> None:
    cluster = live()
    write(cluster, place, text)
    claims(cluster.children[CONFIG_MAP])

    assert_works(cluster, 3)

    cluster.settle()
    assert {m.name for config in documents(cluster).values() for m in config.markets} == {s.lower() for s in SYMBOLS}


@pytest.mark.parametrize("text", ["junk", "[1]", '{"venue/AAAUSDT": "x"}', '{"venue/AAAUSDT": 999}'])
def test_what_is_let_go_of_is_given_to_nobody_until_every_slot_has_said_what_it_has(text: str) -> None:
    """The slot that is to let go does not answer, trades on, and its entry is the one that somebody destroys."""
    cluster = live()
    leaving = cluster.traded()[0]
    silence(cluster, 0)
    cluster.respecify(spec(SYMBOLS, mode="Live", risk=LIVE_RISK, replicas=5))
    cluster.step()
    assert (
        f'"venue/{min(leaving).upper()}": 0' in cluster.children[CONFIG_MAP]["metadata"]["annotations"][names.RELEASING]
    )
    write(cluster, ("notes", names.RELEASING), text)

    first = cluster.step()

    assert "RecordUnreadable" in {event.reason for event in first.events}
    assert_works(cluster)
    assert "RecordUnreadable" not in {event.reason for event in cluster.step().events}, "told once"
    assert leaving <= cluster.traded()[0]
    heard = cluster.pods[0]
    cluster.pods[0] = replace(heard, stream=replace(heard.stream, connected=True))
    for _ in range(30):
        cluster.step()
        assert_nothing_is_doubled(cluster)
    given = {m.name for config in documents(cluster).values() for m in config.markets}
    assert given == {symbol.lower() for symbol in SYMBOLS}
    assert cluster.children[CONFIG_MAP]["metadata"]["annotations"][names.RELEASING] == "{}"


@pytest.mark.parametrize("text", ["junk", "{}", '{"markets": 5}'])
def test_a_slot_whose_document_is_destroyed_keeps_what_it_trades(text: str) -> None:
    cluster = live()
    silence(cluster, 0)
    traded = cluster.traded()[0]
    write(cluster, ("data", "slot-0.json"), text)
    cluster.respecify(spec(SYMBOLS, mode="Live", risk=LIVE_RISK, replicas=5))

    assert_works(cluster)

    assert cluster.traded()[0] == traded


def test_a_document_of_another_version_still_says_what_its_slot_trades() -> None:
    cluster = live()
    silence(cluster, 0)
    before = cluster.config(0)
    text = cluster.children[CONFIG_MAP]["data"]["slot-0.json"]
    write(cluster, ("data", "slot-0.json"), text.replace('{"', '{"ofALaterVersion":1,"', 1))

    cluster.step()

    assert cluster.config(0).markets == before.markets
    assert cluster.config(0).generation == before.generation + 1, "newer than what the process has in its journal"


@pytest.mark.parametrize("place", [("notes", names.HELD), ("notes", names.RELEASING), ("data", names.ACCEPTED)])
def test_an_operator_that_starts_takes_a_record_it_cannot_read_for_all_that_it_could_be(place: Place) -> None:
    cluster = live()
    write(cluster, place, "x")

    assert claims(cluster.children[CONFIG_MAP]) == OURS


def test_a_paper_bot_whose_held_markets_are_unreadable_holds_what_the_operator_remembers() -> None:
    cluster = live()
    cluster.pods.pop(1)
    cluster.bot = replace(cluster.bot, status=cluster.bot.status.model_copy(update={"halts": ()}))
    cluster.respecify(spec(("DDDUSDT",), mode="Paper", replicas=2))
    held = cluster.step().holds
    assert held == OURS
    write(cluster, ("notes", names.HELD), "x")
    cluster.observed = replace(cluster.observed, claimed=held or frozenset())

    assert (cluster.step().holds or frozenset()) >= OURS


@given(st.dictionaries(st.sampled_from(PLACES), texts(), min_size=1, max_size=4), st.booleans())
@settings(max_examples=examples(350))
def test_several_at_once(written: dict[Place, str], is_silent: bool) -> None:  # noqa: FBT001 - drawn
    cluster = live()
    if is_silent:
        silence(cluster, 0)
    for place, text in written.items():
        write(cluster, place, text)
    cluster.respecify(spec(SYMBOLS, mode="Live", risk=LIVE_RISK, replicas=3))

    assert_works(cluster, 4)


@given(reports(), st.booleans())
@settings(max_examples=examples(700))
def test_whatever_a_runtime_reports_the_operator_decides_and_has_every_halt(report: SlotReport, goes: bool) -> None:  # noqa: FBT001 - drawn
    cluster = live()
    heard = within_bounds(report)
    stream = Stream(report=heard, connected=True, halt_times={})
    cluster.pods[0] = replace(cluster.pods[0], stream=stream)
    cluster.observed = replace(cluster.observed, stop_orders=(STOP,))
    if goes:
        cluster.respecify(spec(SYMBOLS, mode="Live", risk=LIVE_RISK, replicas=1))

    outcome = cluster.decide()

    released = {known_id(said) for said in report.resumed}
    wanted = {known_id(halt.id) for halt in report.halts} | {f"stop-{STOP.uid[:8]}-0"} - released
    assert wanted <= {halt.id for halt in outcome.status.halts if halt.slot == 0}
    for child in outcome.apply:
        if child["kind"] == "ConfigMap":
            for n in (0, 1):
                assert SlotConfig.model_validate_json(child["data"][f"slot-{n}.json"]).halts


def test_a_report_of_ours_is_what_it_was() -> None:
    for pod in live().pods.values():
        assert pod.stream.report is not None
        assert within_bounds(pod.stream.report) == pod.stream.report


def test_a_halt_with_too_many_words_or_none_holds_with_the_strictest_policy() -> None:
    cluster = live()
    long = Halt(id="i" * 100, reason="R" * 100, at_ns=2**63 - 1, message="m" * 2000, policy="Zork", by="b" * 400,
                value="9" * 100, limit="8" * 100)  # fmt: skip
    for halt in (long, Halt(id="", reason="", at_ns=-1, message="")):
        pod = cluster.pods[0]
        report = pod.stream.report
        assert report
        told = within_bounds(msgspec.structs.replace(report, halts=(halt,)))
        cluster.pods[0] = replace(pod, stream=replace(pod.stream, report=told))
        kept = [one for one in cluster.decide().status.halts if one.slot == 0]

        assert [(one.id, one.policy) for one in kept] == [(known_id(halt.id), "CancelAll")]


@given(texts())
@settings(max_examples=examples(200))
def test_whatever_a_containers_last_words_are_its_pod_is_read(words: str) -> None:
    ended = {"terminated": {"exitCode": 1, "message": words, "finishedAt": "2026-01-01T00:00:00Z"}}
    statuses = [{"name": "runtime", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended}]
    manifest = {"metadata": {"name": "maker-0", "uid": "u"}, "status": {"containerStatuses": statuses}}

    pod = read_pod(manifest, "maker", Stream(), datetime(2026, 1, 2, tzinfo=UTC))

    assert pod
    assert pod.trouble


@pytest.mark.parametrize(("name", "owner"), [
    ("other-0", None), ("maker-debug-0", None), ("maker-00", None), ("maker-99", None), ("maker-9" + "9" * 30, None),
    ("maker-٣", None), ("maker-", None), ("maker-0", ("Job", "maker")), ("maker-0", ("StatefulSet", "other")),
])  # fmt: skip
def test_somebodys_pod_with_the_bots_labels_is_no_slot(name: str, owner: tuple[str, str] | None) -> None:
    owners = [{"kind": owner[0], "name": owner[1], "controller": True}] if owner else []
    manifest = {"metadata": {"name": name, "uid": "u", "ownerReferences": owners}, "status": {}}

    assert read_pod(manifest, "maker", Stream(), datetime(2026, 1, 2, tzinfo=UTC)) is None


def test_a_pod_whose_statefulset_was_deleted_without_it_is_still_a_slot() -> None:
    manifest = {"metadata": {"name": "maker-7", "uid": "u"}, "status": {}}

    assert read_pod(manifest, "maker", Stream(), datetime(2026, 1, 2, tzinfo=UTC))
