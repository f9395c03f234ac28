"""A change that gets no slot ready in time is taken back, as a whole, and stays so until somebody edits the spec."""

from dataclasses import replace
from typing import Any

import pytest

from harness.bot_model import Cluster, bot, report_of, spec
from tradingbot_operator.core import names
from tradingbot_operator.core.conditions import ConditionType, Reason
from tradingbot_operator.core.gates import Closed
from tradingbot_operator.core.observed import Manifest, Stream
from tradingbot_runtime.config import TradingBotSpec
from tradingbot_runtime.model.events import TradingState

THREE = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
SLOW = {"rollout": {"progressDeadline": "5m"}}
LATE_S = 302.0
NEW_IMAGE = {"pod": {"image": "runtime:2"}}


def wanted(**changes: Any) -> TradingBotSpec:  # noqa: ANN401 - fields of the spec
    return spec(THREE, replicas=3, **SLOW | changes)


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster(bot(wanted()))
    made.settle()
    return made


def break_change(cluster: Cluster, **changes: Any) -> None:  # noqa: ANN401 - fields of the spec
    """The first slot that it reaches does not get ready."""
    works = inputs(cluster)
    cluster.broken = lambda made_for: made_for != works
    cluster.respecify(wanted(**NEW_IMAGE | changes))
    cluster.settle()


def later(cluster: Cluster, by_s: float = LATE_S) -> None:
    cluster.pods = {n: replace(pod, age_s=pod.age_s + by_s) for n, pod in cluster.pods.items()}


def stateful_set(cluster: Cluster) -> Manifest:
    return cluster.children[("StatefulSet", "maker")]


def inputs(cluster: Cluster) -> str:
    return str(stateful_set(cluster)["metadata"]["annotations"][names.TEMPLATE_INPUTS])


def image(cluster: Cluster) -> str:
    return str(stateful_set(cluster)["spec"]["template"]["spec"]["containers"][0]["image"])


def condition(cluster: Cluster, kind: ConditionType) -> tuple[str, str]:
    (found,) = [c for c in cluster.bot.status.conditions if c.type == kind]
    return found.status, found.reason


def ready(cluster: Cluster) -> list[int]:
    return [n for n, pod in sorted(cluster.pods.items()) if pod.stream.ready]


def test_a_change_that_gets_no_slot_ready_is_taken_back(cluster: Cluster) -> None:
    template = stateful_set(cluster)["spec"]["template"]
    before = {n: pod.uid for n, pod in cluster.pods.items()}
    break_change(cluster)
    assert (image(cluster), ready(cluster)) == ("runtime:2", [0, 1])

    later(cluster)
    cluster.settle()

    assert stateful_set(cluster)["spec"]["template"] == template
    assert ready(cluster) == [0, 1, 2]
    assert {n: cluster.pods[n].uid for n in (0, 1)} == {n: before[n] for n in (0, 1)}, "nobody else was restarted"
    for kind in (ConditionType.READY, ConditionType.SPEC_ACCEPTED):
        assert condition(cluster, kind) == ("False", "RolledBack")
    assert condition(cluster, ConditionType.STALLED) == ("True", "RolledBack")
    back = cluster.bot.status.rolled_back
    assert back
    assert "slot 2 was not ready 300 s after" in back.message
    assert cluster.settle() == 0, "and stays so"


def test_it_has_its_time(cluster: Cluster) -> None:
    break_change(cluster)
    outcome = cluster.decide()
    assert outcome.requeue_after_s is not None
    assert 300 <= outcome.requeue_after_s <= 302

    later(cluster, 300)
    cluster.settle()

    assert cluster.bot.status.rolled_back is None
    assert image(cluster) == "runtime:2"


def test_limits_and_spread_go_back_with_it_and_an_edit_is_tried_anew(cluster: Cluster) -> None:
    narrow = {"strategy": {"marketMaking": {"spreadBps": "2", "sizes": ["1"]}}}
    break_change(cluster, **narrow)
    later(cluster)
    cluster.settle()
    making = cluster.config(0).strategy.market_making
    assert making
    assert str(making.spread_bps) == "8"

    cluster.broken = lambda _: False
    cluster.respecify(wanted(**NEW_IMAGE | narrow, restartNonce=1))
    cluster.settle()

    assert (image(cluster), ready(cluster)) == ("runtime:2", [0, 1, 2])
    assert cluster.bot.status.rolled_back is None
    assert condition(cluster, ConditionType.READY) == ("True", "Trading")


def test_a_person_who_wants_to_look_at_it_is_let(cluster: Cluster) -> None:
    break_change(cluster, rollout={"progressDeadline": "5m", "onFailure": "Wait"})
    later(cluster)
    cluster.settle()

    assert (image(cluster), ready(cluster)) == ("runtime:2", [0, 1])
    assert cluster.bot.status.rolled_back is None


def test_others_that_are_no_better_off_prove_nothing_against_the_change(cluster: Cluster) -> None:
    """The venue is away, most likely."""
    break_change(cluster)
    for n in (0, 1):
        pod = cluster.pods[n]
        assert pod.stream.report
        waiting = report_of(cluster.config(n), pod.uid, ready=False, state=TradingState.RECONCILING)
        cluster.pods[n] = replace(pod, stream=replace(pod.stream, report=waiting))
    later(cluster)
    cluster.step()

    assert cluster.bot.status.rolled_back is None


def test_a_slot_that_has_halted_is_not_the_changes_fault(cluster: Cluster) -> None:
    break_change(cluster)
    halted = report_of(cluster.config(2), cluster.pods[2].uid, ready=False, state=TradingState.HALTED)
    cluster.pods[2] = replace(cluster.pods[2], started=True, stream=Stream(report=halted, connected=True))
    later(cluster)
    cluster.step()

    assert cluster.bot.status.rolled_back is None


def test_a_change_on_a_change_that_never_worked_goes_back_to_what_did(cluster: Cluster) -> None:
    template = stateful_set(cluster)["spec"]["template"]
    break_change(cluster)
    cluster.respecify(wanted(pod={"image": "runtime:3"}))
    cluster.settle()
    later(cluster)
    cluster.settle()

    assert stateful_set(cluster)["spec"]["template"] == template
    assert ready(cluster) == [0, 1, 2]


def test_a_person_who_takes_it_back_gets_the_template_that_was_there_also_from_a_newer_operator(
    cluster: Cluster,
) -> None:
    template = stateful_set(cluster)["spec"]["template"]
    break_change(cluster)
    cluster.installation = replace(cluster.installation, runtime_image="runtime:newer")

    cluster.respecify(wanted())
    cluster.settle()

    assert stateful_set(cluster)["spec"]["template"] == template
    assert ready(cluster) == [0, 1, 2]


def test_a_change_that_arrived_is_what_the_next_one_goes_back_to(cluster: Cluster) -> None:
    cluster.respecify(wanted(**NEW_IMAGE))
    cluster.settle()
    assert ready(cluster) == [0, 1, 2]
    break_change(cluster, pod={"image": "runtime:3"})
    later(cluster)
    cluster.settle()

    assert image(cluster) == "runtime:2"


def test_to_go_back_to_what_once_ran_takes_todays_template(cluster: Cluster) -> None:
    """What is kept from before a change that has arrived is history."""
    cluster.respecify(wanted(**NEW_IMAGE))
    cluster.settle()
    cluster.installation = replace(cluster.installation, runtime_image="runtime:newer")
    cluster.respecify(wanted())
    cluster.settle()

    assert image(cluster) == "runtime:newer"


def test_a_bot_that_never_was_ready_has_nothing_to_go_back_to() -> None:
    cluster = Cluster(bot(wanted()), broken=lambda _: True)
    cluster.settle()
    cluster.respecify(wanted(**NEW_IMAGE))
    cluster.settle()
    later(cluster)
    cluster.settle()

    assert cluster.bot.status.rolled_back is None
    assert image(cluster) == "runtime:2"


CANARY = {"rollout": {"progressDeadline": "5m", "canary": {"duration": "10m"}}}


def with_canary(**changes: Any) -> Cluster:  # noqa: ANN401 - fields of the spec
    """A change has reached the first slot."""
    cluster = Cluster(bot(wanted(**CANARY)))
    cluster.settle()
    cluster.respecify(wanted(**NEW_IMAGE | CANARY | changes))
    cluster.settle()
    return cluster


def on_new(cluster: Cluster) -> list[int]:
    return [n for n, pod in sorted(cluster.pods.items()) if pod.inputs == inputs(cluster)]


def test_the_others_wait_for_the_first_until_it_has_run_for_its_time() -> None:
    cluster = with_canary()
    assert (image(cluster), on_new(cluster), ready(cluster)) == ("runtime:2", [2], [0, 1, 2])
    assert condition(cluster, ConditionType.READY) == ("False", "CanaryRunning")
    pending = cluster.bot.status.pending_change
    assert pending
    assert (pending.slots, pending.message) == ((0, 1), "slot 2 runs the change alone for 600 s from its start")
    assert cluster.decide().requeue_after_s == 31

    later(cluster, 600)
    cluster.settle()

    assert (on_new(cluster), ready(cluster)) == ([0, 1, 2], [0, 1, 2])
    assert condition(cluster, ConditionType.READY) == ("True", "Trading")


def test_a_limit_that_the_first_one_breaks_takes_the_change_back_and_the_halt_stays() -> None:
    cluster = with_canary()
    cluster.breach(2, "maker-2-1")
    cluster.settle()

    assert image(cluster) == "runtime:1"
    back = cluster.bot.status.rolled_back
    assert back
    assert "slot 2, the first to run it, has halted: RiskBreachMaxLoss" in back.message
    assert [(halt.id, halt.slot) for halt in cluster.bot.status.halts] == [("maker-2-1", 2)]


def test_a_halt_by_hand_or_of_another_slot_says_nothing_of_the_change() -> None:
    cluster = with_canary()
    cluster.breach(2, "maker-2-1", "ManualHalt")
    cluster.breach(0, "maker-0-1")
    cluster.settle()

    assert cluster.bot.status.rolled_back is None
    assert on_new(cluster) == [2]


def test_a_first_slot_that_does_not_get_ready_is_not_waited_for_longer_than_its_deadline() -> None:
    cluster = Cluster(bot(wanted(**CANARY)))
    cluster.settle()
    break_change(cluster, **CANARY)
    later(cluster)
    cluster.settle()

    assert (image(cluster), ready(cluster)) == ("runtime:1", [0, 1, 2])


def test_the_way_back_of_a_slot_that_is_not_ready_waits_for_no_window() -> None:
    """It trades nothing that a window would protect."""
    cluster = Cluster(bot(wanted()))
    cluster.settle()
    break_change(cluster)
    pod = cluster.pods[2]
    silent = report_of(cluster.config(2), pod.uid, ready=False, state=TradingState.STARTING)
    cluster.pods[2] = replace(pod, started=True, stream=Stream(report=silent, connected=True))
    later(cluster)
    cluster.step()
    cluster.observed = replace(cluster.observed, closed=Closed(Reason.BLACKOUT, "no restart now"))
    cluster.settle()

    assert (image(cluster), ready(cluster)) == ("runtime:1", [0, 1, 2])
