"""While a change is taken back: what passes through it, what does not, and what is a second try."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.bot_model import Cluster, bot, report_of, spec
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Manifest, Stream
from tradingbot_runtime.config import DesiredState, TradingBotSpec
from tradingbot_runtime.model.events import TradingState

FOUR = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")
FAILS: dict[str, Any] = {"pod": {"image": "runtime:2"}}
MORE = ("EEEUSDT", "FFFUSDT", "GGGUSDT")


def wanted(**changes: Any) -> TradingBotSpec:  # noqa: ANN401 - fields of the spec
    return spec(FOUR + MORE, **{"replicas": 3, "rollout": {"progressDeadline": "5m"}} | changes)


def failed(before: dict[str, Any] | None = None, **changes: Any) -> Cluster:  # noqa: ANN401 - as above
    """A change of `before` that gets no slot ready has been taken back."""
    cluster = Cluster(bot(wanted(**before or {})))
    cluster.settle()
    fail(cluster, **(before or {}) | FAILS | changes)
    return cluster


def fail(cluster: Cluster, **changes: Any) -> None:  # noqa: ANN401 - as above
    works = inputs(cluster)
    cluster.broken = lambda made_for: made_for != works
    cluster.respecify(wanted(**changes))
    cluster.settle()
    cluster.pods = {n: replace(pod, age_s=302.0) for n, pod in cluster.pods.items()}
    cluster.settle()
    assert is_taken_back(cluster)


def edit(cluster: Cluster, **changes: Any) -> None:  # noqa: ANN401 - as above
    cluster.respecify(wanted(**FAILS | changes))
    cluster.settle()


def stateful_set(cluster: Cluster) -> Manifest:
    return cluster.children[("StatefulSet", "maker")]


def inputs(cluster: Cluster) -> str:
    return str(stateful_set(cluster)["metadata"]["annotations"][names.TEMPLATE_INPUTS])


def image(cluster: Cluster) -> str:
    return str(stateful_set(cluster)["spec"]["template"]["spec"]["containers"][0]["image"])


def is_taken_back(cluster: Cluster) -> bool:
    (accepted,) = [c for c in cluster.bot.status.conditions if c.type == "SpecAccepted"]
    return accepted.reason == "RolledBack" and cluster.bot.status.rolled_back is not None


def runs(cluster: Cluster) -> tuple[bool, str, list[int]]:
    """Whether it is taken back, with what the slots run, and which of them are ready."""
    return is_taken_back(cluster), image(cluster), [n for n, pod in sorted(cluster.pods.items()) if pod.stream.ready]


@pytest.mark.parametrize("replicas", [5, 4, 2, 1])
def test_a_scaling_is_done_with_what_ran_before_and_is_no_second_try(replicas: int) -> None:
    cluster = failed()
    seen = set()
    cluster.respecify(wanted(**FAILS, replicas=replicas))
    for _ in range(40):
        cluster.step()
        seen.add(image(cluster))
    cluster.settle()

    assert seen == {"runtime:1"}
    assert runs(cluster) == (True, "runtime:1", list(range(replicas)))
    traded = [market for markets in cluster.traded().values() for market in markets]
    assert sorted(traded) == sorted(symbol.lower() for symbol in FOUR + MORE)


def test_a_scaling_while_the_way_back_is_not_over_is_no_second_try_either() -> None:
    cluster = Cluster(bot(wanted()))
    cluster.settle()
    works = inputs(cluster)
    cluster.broken = lambda made_for: made_for != works
    cluster.respecify(wanted(**FAILS))
    cluster.settle()
    cluster.pods = {n: replace(pod, age_s=302.0) for n, pod in cluster.pods.items()}
    cluster.step()
    assert cluster.bot.status.rolled_back

    edit(cluster, replicas=4)

    assert runs(cluster) == (True, "runtime:1", [0, 1, 2, 3])


def test_it_stays_so_over_many_scalings_and_ends_with_an_edit_of_what_failed() -> None:
    cluster = failed()
    for replicas in (4, 3, 5, 3):
        edit(cluster, replicas=replicas)
        assert runs(cluster)[:2] == (True, "runtime:1")
    cluster.broken = lambda _: False

    edit(cluster, replicas=3, restartNonce=1)

    assert runs(cluster) == (False, "runtime:2", [0, 1, 2])
    assert cluster.bot.status.rolled_back is None


@pytest.mark.parametrize("changes", [
    {"pod": {"image": "runtime:3"}}, {"strategy": {"marketMaking": {"spreadBps": "9", "sizes": ["1"]}}},
    {"onStop": "Leave"}, {"rollout": {"progressDeadline": "6m"}}, {"risk": {"onBreach": "ReduceOnly"}},
])  # fmt: skip
def test_any_other_edit_is_a_second_try(changes: dict[str, Any]) -> None:
    cluster = failed()
    cluster.broken = lambda _: False

    edit(cluster, **changes)

    assert runs(cluster)[::2] == (False, [0, 1, 2])
    assert image(cluster) in ("runtime:2", "runtime:3")


def desired(cluster: Cluster) -> set[DesiredState]:
    return {cluster.config(n).desired_state for n in cluster.pods}


@pytest.mark.parametrize("state", ["Stopped", "Paused"])
def test_a_stop_in_one_edit_with_what_fails_holds(state: str) -> None:
    assert desired(failed(desiredState=state)) == {state}


@pytest.mark.parametrize("state", ["Stopped", "Paused"])
def test_a_stop_of_what_is_taken_back_holds_until_it_is_taken_back_itself(state: str) -> None:
    cluster = failed()
    edit(cluster, desiredState=state)
    assert (runs(cluster)[:2], desired(cluster)) == ((True, "runtime:1"), {state})

    edit(cluster)

    assert (runs(cluster)[:2], desired(cluster)) == ((True, "runtime:1"), {"Running"})


def test_a_bot_that_was_stopped_is_not_started_by_what_failed() -> None:
    assert desired(failed({"desiredState": "Stopped"}, desiredState="Running")) == {"Stopped"}


def limit(cluster: Cluster) -> set[str]:
    return {str(cluster.config(n).risk.max_position) for n in cluster.pods}


def test_of_the_limits_the_tighter_ones_hold_and_none_is_a_second_try() -> None:
    cluster = failed({"risk": {"maxPosition": "10"}}, risk={"maxPosition": "5"})
    assert limit(cluster) == {"5"}
    for asked, holds in (("3", "3"), ("8", "8"), ("20", "10")):
        edit(cluster, risk={"maxPosition": asked})
        assert (runs(cluster)[:2], limit(cluster)) == ((True, "runtime:1"), {holds})


def test_what_was_tempered_meanwhile_is_not_what_the_next_failure_goes_back_to() -> None:
    cluster = failed({"risk": {"maxPosition": "10"}})
    edit(cluster, desiredState="Stopped", risk={"maxPosition": "2"})

    fail(cluster, pod={"image": "runtime:3"}, risk={"maxPosition": "10"})

    assert runs(cluster)[:2] == (True, "runtime:1")
    assert (desired(cluster), limit(cluster)) == ({"Running"}, {"10"})


def test_what_is_accepted_after_it_is_what_the_next_failure_goes_back_to() -> None:
    """The spec says again what ran before, with another spread."""
    wide = {"strategy": {"marketMaking": {"spreadBps": "30", "sizes": ["1"]}}}
    cluster = failed()
    cluster.broken = lambda _: False
    cluster.respecify(wanted(**wide))
    cluster.settle()
    assert runs(cluster) == (False, "runtime:1", [0, 1, 2])

    fail(cluster, pod={"image": "runtime:3"})

    making = cluster.config(0).strategy.market_making
    assert making
    assert (image(cluster), str(making.spread_bps)) == ("runtime:1", "30")


def test_a_single_slot_that_kubelet_finds_ready_and_nobody_hears_goes_back_to_what_ran_before() -> None:
    """Then the StatefulSet is whole with the very change that is taken back."""
    cluster = Cluster(bot(wanted(replicas=1)))
    cluster.settle()
    cluster.respecify(wanted(**FAILS, replicas=1))
    cluster.settle()
    pod = cluster.pods[0]
    starts = report_of(cluster.config(0), pod.uid, ready=False, state=TradingState.STARTING)
    cluster.pods[0] = replace(pod, age_s=302.0, stream=Stream(report=starts, connected=True))
    cluster.settle()

    assert runs(cluster) == (True, "runtime:1", [0])


def invalid(one: Cluster) -> None:
    metadata = one.bot.metadata.model_copy(update={"generation": one.bot.metadata.generation + 1})
    one.bot = replace(one.bot, spec=None, problems=("spec.replicas: no number",), metadata=metadata)


def without_venue(one: Cluster) -> None:
    one.venues = {}


@pytest.mark.parametrize("refused", [invalid, without_venue])
def test_a_spec_that_is_refused_meanwhile_does_not_let_it_be_tried_again(refused: Callable[[Cluster], None]) -> None:
    cluster = failed()
    venues = cluster.venues
    refused(cluster)
    cluster.settle()
    assert cluster.bot.status.rolled_back

    cluster.venues = venues
    edit(cluster)

    assert runs(cluster) == (True, "runtime:1", [0, 1, 2])


def test_what_an_earlier_operator_has_taken_back_stays_so_until_the_next_edit() -> None:
    """It has noted no more than the generation."""
    cluster = failed()
    known = cluster.bot.status.rolled_back
    assert known
    status = cluster.bot.status.model_copy(update={"rolled_back": known.model_copy(update={"settings": ""})})
    cluster.bot = replace(cluster.bot, status=status)
    cluster.settle()
    assert runs(cluster) == (True, "runtime:1", [0, 1, 2])
    cluster.broken = lambda _: False

    edit(cluster, replicas=4)

    assert runs(cluster) == (False, "runtime:2", [0, 1, 2, 3])
