"""Halt, ship the mended image, resume: a rollout goes on while its slots are halted, and says what it waits for."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from harness.bot_model import Cluster, bot, spec
from tradingbot_operator.core.observed import Pod
from tradingbot_runtime.config import TradingBotSpec
from tradingbot_runtime.model.events import TradingState

FOUR = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")
NEW = {"pod": {"image": "runtime:2"}}


def wanted(**changes: object) -> TradingBotSpec:
    return spec(FOUR, replicas=2, **{"rollout": {"progressDeadline": "5m"}} | changes)


@pytest.fixture
def cluster() -> Cluster:
    """Both slots are halted by hand."""
    made = Cluster(bot(wanted()))
    made.settle()
    for n in (0, 1):
        made.breach(n, f"halt-{n}", "ManualHalt")
    made.settle()
    return made


def uids(cluster: Cluster) -> dict[int, str]:
    return {n: pod.uid for n, pod in cluster.pods.items()}


def image(cluster: Cluster) -> str:
    template = cluster.children[("StatefulSet", "maker")]["spec"]["template"]
    return str(template["spec"]["containers"][0]["image"])


def pending(cluster: Cluster) -> str:
    waits = cluster.bot.status.pending_change
    return waits.message if waits else ""


@pytest.mark.parametrize("change", [NEW, {"restartNonce": 1}])
def test_what_is_shipped_while_halted_reaches_every_slot_and_the_halts_stay(
    cluster: Cluster, change: dict[str, object]
) -> None:
    before = uids(cluster)

    cluster.respecify(wanted(**change))
    cluster.settle()

    assert set(uids(cluster).values()).isdisjoint(before.values())
    assert len({pod.revision for pod in cluster.pods.values()}) == 1
    assert [halt.id for halt in cluster.bot.status.halts] == ["halt-0", "halt-1"]
    assert {pod.stream.report.state for pod in cluster.pods.values() if pod.stream.report} == {TradingState.HALTED}
    assert cluster.bot.status.pending_change is None


def with_orders(pod: Pod) -> Pod:
    return told(pod, open_orders=1)


def with_orders_of_live(pod: Pod) -> Pod:
    return told(pod, live_orders_left=1)


def told(pod: Pod, **market: int) -> Pod:
    assert pod.stream.report
    markets = tuple(msgspec.structs.replace(found, **market) for found in pod.stream.report.markets)
    report = msgspec.structs.replace(pod.stream.report, markets=markets)
    return replace(pod, stream=replace(pod.stream, report=report))


def without_venue(pod: Pod) -> Pod:
    assert pod.stream.report
    venues = tuple(msgspec.structs.replace(venue, reachable=False) for venue in pod.stream.report.venues)
    report = msgspec.structs.replace(pod.stream.report, venues=venues)
    return replace(pod, stream=replace(pod.stream, report=report))


def uncompared(pod: Pod) -> Pod:
    """By kubelet's probe it has not passed its start barrier."""
    return replace(pod, ready=False)


def unheard(pod: Pod) -> Pod:
    return replace(pod, stream=replace(pod.stream, connected=False, trouble="10.0.0.7: refused"))


@pytest.mark.parametrize(("lacking", "says"), [
    (with_orders, "slot 1 is halted, and orders in {markets} are not proved closed"),
    (with_orders_of_live, "slot 1 is halted, and orders in {markets} are not proved closed"),
    (without_venue, "slot 1 is halted, and cannot be sure of its orders: venue venue is away"),
    (uncompared, "slot 1 is halted, and has not compared its orders with its venues yet"),
    (unheard, "slot 1 does not answer: 10.0.0.7: refused"),
])  # fmt: skip
def test_one_that_has_not_proved_it_is_waited_for_by_name(
    cluster: Cluster, lacking: Callable[[Pod], Pod], says: str
) -> None:
    before = uids(cluster)
    cluster.respecify(wanted(**NEW))
    while cluster.pods[1].uid == before[1]:
        cluster.step()
        assert 1 in cluster.pods
    cluster.pods[1] = lacking(cluster.pods[1])
    for _ in range(5):
        cluster.step()

    assert uids(cluster)[0] == before[0]
    markets = ", ".join(market.name for market in cluster.config(1).markets)
    assert pending(cluster) == f"slot 1 must be up first: {says.format(markets=markets)}"


def test_a_change_that_does_not_start_is_taken_back_while_halted_as_well(cluster: Cluster) -> None:
    """The others are up: they are no excuse for it."""
    cluster.broken = lambda _: True
    cluster.respecify(wanted(**NEW))
    cluster.settle()
    assert pending(cluster) == "slot 1 must be up first: slot 1 does not answer"

    cluster.broken = lambda _: False
    cluster.pods = {n: replace(pod, age_s=302.0) for n, pod in cluster.pods.items()}
    cluster.settle()

    assert (image(cluster), len(cluster.bot.status.halts)) == ("runtime:1", 2)
    assert cluster.bot.status.rolled_back
