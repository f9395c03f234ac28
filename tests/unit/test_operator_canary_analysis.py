"""A first slot that quotes worse than the others takes the change back: refusals, markouts, profit, over one window."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from harness.bot_model import Cluster, bot, spec
from tradingbot_operator.core import names
from tradingbot_runtime.config import TradingBotSpec
from tradingbot_runtime.model.control import QuotingReport

THREE = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
CANARY: dict[str, Any] = {"duration": "10m", "analysis": {"minFills": 20}}
USUAL = QuotingReport(orders=1000, refused=10, fills=100, turnover="100000", profit="20", marked=100,
                      marked_turnover="100000", markout="10")  # fmt: skip
NOTHING = QuotingReport(orders=0, refused=0, fills=0, turnover="0", profit="0", marked=0, marked_turnover="0",
                        markout="0")  # fmt: skip


def wanted(canary: dict[str, Any] = CANARY, **changes: Any) -> TradingBotSpec:  # noqa: ANN401 - fields of the spec
    return spec(THREE, replicas=3, **{"rollout": {"progressDeadline": "5m", "canary": canary}} | changes)


def tell(cluster: Cluster, slot: int, **sums: Any) -> None:  # noqa: ANN401 - fields of the report
    """What the slot has summed up since it started."""
    pod = cluster.pods[slot]
    assert pod.stream.report
    quoting = msgspec.structs.replace(USUAL, **sums)
    markets = tuple(msgspec.structs.replace(market, quoting=quoting) for market in pod.stream.report.markets)
    report = msgspec.structs.replace(pod.stream.report, markets=markets)
    cluster.pods[slot] = replace(pod, stream=replace(pod.stream, report=report))


def trying(canary: dict[str, Any] = CANARY) -> Cluster:
    """The others have long been well; slot 2 has just started with a change."""
    cluster = Cluster(bot(wanted(canary)))
    cluster.settle()
    for slot in range(3):
        tell(cluster, slot)
    cluster.respecify(wanted(canary, pod={"image": "runtime:2"}))
    cluster.settle()
    return cluster


def window(cluster: Cluster) -> str:
    return str(cluster.children[("ConfigMap", "maker-slots")]["metadata"]["annotations"].get(names.CANARY, ""))


def twice(sums: QuotingReport) -> dict[str, Any]:
    """The others have gone on as before."""
    counts = {name: 2 * getattr(sums, name) for name in ("orders", "refused", "fills", "marked")}
    return counts | {name: str(2 * int(getattr(sums, name)))
                     for name in ("turnover", "profit", "marked_turnover", "markout")}  # fmt: skip


def judged(cluster: Cluster, **sums: Any) -> str:  # noqa: ANN401 - as above
    """Why the change is taken back when slot 2 has summed up `sums`; empty: it is not."""
    for slot in (0, 1):
        tell(cluster, slot, **twice(USUAL))
    tell(cluster, 2, **sums)
    cluster.settle()
    back = cluster.bot.status.rolled_back
    return back.message if back else ""


@pytest.mark.parametrize(
    ("sums", "says"),
    [
        ({"refused": 70}, "its share of refused orders is 0.07, the other slots' 0.01: worse by more than 0.05"),
        ({"markout": "-11"}, "its markout after 10s in bps is -1.1, the other slots' 1: worse by more than 2"),
        ({"profit": "-81"}, "its profit in bps of its turnover is -8.1, the other slots' 2: worse by more than 10"),
    ],
)
def test_a_first_slot_that_quotes_worse_takes_the_change_back(sums: dict[str, Any], says: str) -> None:
    cluster = trying()

    assert says in judged(cluster, **sums)

    template = cluster.children[("StatefulSet", "maker")]["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "runtime:1"
    assert cluster.settle() == 0


@pytest.mark.parametrize("sums", [{}, {"refused": 60}, {"markout": "-10"}, {"profit": "-80"}, {"markout": "500"},
                                  {"orders": 19, "refused": 19, "fills": 19, "profit": "-9000", "marked": 19,
                                   "markout": "-9000"}])  # fmt: skip
def test_as_well_as_the_others_within_the_tolerance_or_with_too_few_fills_it_goes_on(sums: dict[str, Any]) -> None:
    cluster = trying()

    assert judged(cluster, **sums) == ""

    assert cluster.settle() == 0, "and nothing is written"


def test_the_others_count_from_the_same_moment_on() -> None:
    """A bad hour before the change is not what the change is measured by."""
    cluster = Cluster(bot(wanted()))
    cluster.settle()
    for slot in range(3):
        tell(cluster, slot, markout="-1000")
    cluster.respecify(wanted(pod={"image": "runtime:2"}))
    cluster.settle()
    for slot in (0, 1):
        tell(cluster, slot, **twice(USUAL) | {"markout": "-990"})
    tell(cluster, 2, markout="-50")
    cluster.settle()

    assert cluster.bot.status.rolled_back
    assert "-5, the other slots' 1" in cluster.bot.status.rolled_back.message


def test_another_process_of_the_others_counts_from_its_start() -> None:
    cluster = trying()
    for slot in (0, 1):
        tell(cluster, slot, orders=100, fills=50, marked=50, turnover="50000", marked_turnover="50000", markout="5")
    tell(cluster, 2, markout="-11")
    cluster.settle()

    assert cluster.bot.status.rolled_back


def test_the_window_outlives_the_leader_and_ends_with_the_trial() -> None:
    cluster = trying()
    kept = window(cluster)
    assert kept
    tell(cluster, 0, **twice(USUAL))
    cluster.settle()
    assert window(cluster) == kept

    cluster.pods = {n: replace(pod, age_s=pod.age_s + 600) for n, pod in cluster.pods.items()}
    cluster.settle()

    assert window(cluster) == ""


def test_a_window_that_somebody_has_edited_begins_anew() -> None:
    cluster = trying()
    cluster.children[("ConfigMap", "maker-slots")]["metadata"]["annotations"][names.CANARY] = "{"
    cluster.settle()

    assert judged(cluster, markout="-11") == ""  # the others have had no fill since
    assert window(cluster) not in ("", "{")


def test_markets_of_several_quote_assets_count_by_their_fills() -> None:
    """A satoshi is no dollar: each market's basis points, not sums of money."""
    cluster = trying()
    for slot, factor in ((0, 1), (1, 1000)):
        sums = {name: str(int(value) * factor) if isinstance(value, str) else value
                for name, value in twice(USUAL).items()}  # fmt: skip
        tell(cluster, slot, **sums)
    tell(cluster, 2, markout="-11")
    cluster.settle()

    assert cluster.bot.status.rolled_back


def test_nothing_traded_is_nothing_proved() -> None:
    cluster = trying()

    assert judged(cluster, **msgspec.structs.asdict(NOTHING)) == ""


def test_tolerances_are_the_specs() -> None:
    wide = {"duration": "10m", "analysis": {"minFills": 20, "markoutBps": "3"}}

    assert judged(trying(wide), markout="-11") == ""


def test_another_change_meanwhile_begins_another_window() -> None:
    cluster = trying()
    kept = window(cluster)
    for slot in (0, 1):
        tell(cluster, slot, **twice(USUAL))
    cluster.respecify(wanted(pod={"image": "runtime:3"}))
    cluster.settle()

    assert window(cluster) not in ("", kept)
    assert '"orders": 2000' in window(cluster)


def test_the_window_of_another_change_is_none() -> None:
    cluster = trying()
    annotations = cluster.children[("ConfigMap", "maker-slots")]["metadata"]["annotations"]
    annotations[names.CANARY] = '{"before": {}, "inputs": "another"}'

    assert judged(cluster, markout="-11") == ""  # the others have had no fill since
    assert '"inputs": "another"' not in window(cluster)
