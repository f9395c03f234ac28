"""Halts as the operator has them: seen, shown, put into the configuration, ordered, and released one by one."""

from dataclasses import replace

import pytest

from harness.bot_model import Cluster, bot, spec
from harness.slot_volume import Volume
from tradingbot_operator.api.v1alpha1 import LabelSelector, Phase
from tradingbot_operator.core import names
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import Pod, StopOrder, Stream
from tradingbot_operator.core.outcome import HaltSlot, Outcome, ResumeSlot
from tradingbot_operator.core.trading_halts import selects
from tradingbot_runtime.model.events import TradingState

TWO = ("AAAUSDT", "BBBUSDT")
ALL = StopOrder("all", "0123456789", "audit", flatten=False, until_deleted=False, selected=True)


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster(bot(spec(TWO, replicas=2)))
    made.settle()
    return made


def condition(cluster: Cluster, kind: str) -> tuple[str, str, str]:
    found = next(c for c in cluster.bot.status.conditions if c.type == kind)
    return found.status, found.reason, found.message


def resume(cluster: Cluster, ids: str) -> None:
    metadata = cluster.bot.metadata.model_copy(update={"annotations": {names.RESUME: ids}})
    cluster.bot = replace(cluster.bot, metadata=metadata)


def order(cluster: Cluster, *orders: StopOrder) -> None:
    cluster.observed = replace(cluster.observed, stop_orders=orders)


def states(cluster: Cluster) -> list[TradingState]:
    return [pod.stream.report.state for _, pod in sorted(cluster.pods.items()) if pod.stream.report]


def test_a_breach_is_in_the_condition_the_status_and_the_slots_configuration(cluster: Cluster) -> None:
    cluster.breach(1, "maker-1-a")

    first = cluster.step()
    cluster.settle()

    assert [(e.reason, e.warning) for e in first.events if e.reason == "RiskBreachMaxLoss"] == [
        ("RiskBreachMaxLoss", True)]  # fmt: skip
    status, reason, message = condition(cluster, "Halted")
    assert (status, reason) == ("True", "RiskBreachMaxLoss")
    assert "slot 1" in message
    assert "120 USDT, limit 100 USDT" in message
    assert f"{names.RESUME}=maker-1-a" in message
    assert cluster.bot.status.phase is Phase.HALTED
    assert [(h.id, h.slot, h.confirmed) for h in cluster.bot.status.halts] == [("maker-1-a", 1, True)]
    assert [latch.id for latch in cluster.config(1).halts] == ["maker-1-a"]
    assert cluster.config(0).halts == []


def test_a_resume_releases_the_halt_that_it_names_and_no_other(cluster: Cluster) -> None:
    cluster.breach(0, "a")
    cluster.breach(1, "b")
    cluster.settle()

    resume(cluster, "a, something-old")
    outcome = cluster.step()
    assert outcome.halts == (ResumeSlot("maker-0", "a", "annotation tradingbot.dev/resume"),)
    cluster.settle()

    assert [halt.id for halt in cluster.bot.status.halts] == ["b"]
    assert states(cluster) == [TradingState.ACTIVE, TradingState.HALTED]
    cluster.breach(0, "c")
    cluster.settle()
    assert sorted(halt.id for halt in cluster.bot.status.halts) == ["b", "c"], "an old approval releases nothing new"


def test_a_pod_that_lost_its_volume_starts_halted(cluster: Cluster) -> None:
    cluster.breach(1, "b")
    cluster.settle()
    cluster.volumes[1] = Volume()
    del cluster.pods[1]

    cluster.settle()

    assert states(cluster)[1] is TradingState.HALTED
    assert [halt.id for halt in cluster.bot.status.halts] == ["b"]


def test_a_runtime_that_has_forgotten_a_halt_is_told_of_it_again(cluster: Cluster) -> None:
    cluster.breach(1, "b")
    cluster.settle()
    cluster.volumes[1] = Volume()
    cluster.report(1)

    outcome = cluster.step()

    assert [type(o) for o in outcome.halts] == [HaltSlot]
    cluster.settle()
    assert states(cluster)[1] is TradingState.HALTED


def test_a_resume_of_a_silent_slot_reaches_its_next_pod(cluster: Cluster) -> None:
    cluster.breach(1, "b")
    cluster.settle()
    pod = cluster.pods[1]
    cluster.pods[1] = replace(pod, stream=replace(pod.stream, connected=False))
    resume(cluster, "b")
    cluster.settle()
    assert [halt.id for halt in cluster.bot.status.halts] == ["b"], "it is in force until the runtime says otherwise"
    assert (cluster.config(1).halts, [r.id for r in cluster.config(1).resumed]) == ([], ["b"])
    resume(cluster, "")  # the annotation may go: the configuration remembers

    del cluster.pods[1]
    cluster.settle()

    assert cluster.bot.status.halts == ()
    assert cluster.config(1).resumed == []
    assert states(cluster)[1] is TradingState.ACTIVE


def test_a_trading_halt_halts_every_slot_and_holds_after_its_deletion(cluster: Cluster) -> None:
    order(cluster, ALL)
    outcome = cluster.step()
    assert [o.pod for o in outcome.halts] == ["maker-0", "maker-1"]
    cluster.settle()
    assert states(cluster) == [TradingState.HALTED] * 2
    assert condition(cluster, "Halted")[:2] == ("True", "GlobalHalt")

    order(cluster)
    cluster.settle()
    assert states(cluster) == [TradingState.HALTED] * 2, "its deletion releases nothing"
    resume(cluster, "all-01234567-0,all-01234567-1")
    cluster.settle()
    assert states(cluster) == [TradingState.ACTIVE] * 2
    assert condition(cluster, "Halted")[:2] == ("False", "NotHalted")


LAID = "all-01234567-0,all-01234567-1"


def told(outcome: Outcome) -> list[tuple[str, str]]:
    return [(event.reason, event.message) for event in outcome.events
            if event.reason in (Reason.RESUME_REFUSED, Reason.NO_SUCH_HALT)]  # fmt: skip


def begin_anew(cluster: Cluster) -> dict[int, Pod]:
    """Another leader has just begun: it has what was written, and has heard nobody. What is left of the pods."""
    heard = dict(cluster.pods)
    for n, pod in heard.items():
        cluster.pods[n] = replace(pod, stream=Stream())
    cluster.observed = replace(cluster.observed, since_start_s=1.0)
    return heard


@pytest.mark.parametrize("crashes", [False, True])
def test_a_resume_of_what_a_trading_halt_holds_is_refused_for_good_and_is_told(
    cluster: Cluster,
    crashes: bool,  # noqa: FBT001 - a row of the table
) -> None:
    order(cluster, ALL)
    cluster.settle()
    resume(cluster, LAID)
    first = cluster.step()
    cluster.settle()

    assert first.halts == ()
    assert told(first) == [("ResumeRefused", (
        f"annotation tradingbot.dev/resume resumes nothing of {LAID.replace(',', ', ')}, also later: TradingHalt/all "
        "still holds it. Delete that first, take the annotation away, then write it anew"))]  # fmt: skip
    assert told(cluster.step()) == [], "once"
    message = condition(cluster, "Halted")[2]
    assert "The resume that is written resumes nothing, also later" in message
    assert message.endswith(f"To resume: delete tradinghalt/all first, then take the annotation {names.RESUME} away, "
                            f"then annotate the bot with {names.RESUME}={LAID}")  # fmt: skip

    order(cluster)
    if crashes:
        heard = begin_anew(cluster)
        cluster.step()
        cluster.pods |= heard
        cluster.observed = replace(cluster.observed, since_start_s=60.0)
    cluster.settle()

    assert states(cluster) == [TradingState.HALTED] * 2, "its deletion releases nothing"
    assert told(cluster.step()) == []
    resume(cluster, "")
    cluster.settle()
    assert condition(cluster, "Halted")[2].endswith(f"To resume: annotate the bot with {names.RESUME}={LAID}")
    resume(cluster, LAID)  # anew
    cluster.settle()
    assert states(cluster) == [TradingState.ACTIVE] * 2


def test_a_refused_resume_is_recorded_also_while_a_new_leader_has_not_heard_everybody(cluster: Cluster) -> None:
    order(cluster, ALL)
    cluster.settle()
    heard = begin_anew(cluster)
    resume(cluster, LAID)
    assert [reason for reason, _ in told(cluster.step())] == ["ResumeRefused"]

    order(cluster)
    cluster.step()
    cluster.pods |= heard
    cluster.settle()

    assert states(cluster) == [TradingState.HALTED] * 2


def test_a_resume_that_names_no_halt_in_force_is_told_once_and_blanks_are_as_good_as_commas(cluster: Cluster) -> None:
    cluster.breach(0, "a")
    cluster.breach(1, "b")
    cluster.settle()

    resume(cluster, "b wrong\nold")
    first = cluster.step()

    assert told(first) == [
        (
            "NoSuchHalt",
            ("annotation tradingbot.dev/resume: no halt in force is called old, wrong; status.halts has their ids"),
        )
    ]
    cluster.settle()
    assert [halt.id for halt in cluster.bot.status.halts] == ["a"]
    resume(cluster, "a b")  # which was resumed: it may stay
    second = cluster.step()
    cluster.settle()
    assert told(second) == []
    assert states(cluster) == [TradingState.ACTIVE] * 2


def test_a_resume_of_a_silent_slot_is_acknowledged(cluster: Cluster) -> None:
    cluster.breach(1, "b")
    cluster.settle()
    cluster.pods[1] = replace(cluster.pods[1], stream=replace(cluster.pods[1].stream, connected=False))
    resume(cluster, "b")
    cluster.settle()

    message = condition(cluster, "Halted")[2]
    assert message.endswith("The resume of b is known, and waits for the runtime of slot 1 to confirm it")
    assert "To resume" not in message


def test_a_breach_is_told_at_once_although_another_slot_has_not_been_heard_by_a_new_leader(cluster: Cluster) -> None:
    heard = begin_anew(cluster)
    cluster.pods[0] = heard[0]
    before = {c.type: c for c in cluster.bot.status.conditions}
    cluster.breach(0, "a")

    outcome = cluster.step()

    assert [event.reason for event in outcome.events] == ["RiskBreachMaxLoss"]
    assert [halt.id for halt in cluster.bot.status.halts] == ["a"]
    assert cluster.bot.status.phase is Phase.HALTED
    assert condition(cluster, "Halted")[:2] == ("True", "RiskBreachMaxLoss")
    assert condition(cluster, "Ready")[:2] == ("False", "Halted")
    assert condition(cluster, "Stalled")[:2] == ("True", "HaltRequiresManualReset")
    now = {c.type: c for c in cluster.bot.status.conditions}
    changed = {kind for kind, known in now.items() if before[kind] != known}
    assert changed == {"Halted", "Ready", "Reconciling", "Stalled", "TradingEnabled"}, (
        "of the rest nobody has heard better"
    )


def test_what_a_trading_halt_says_is_known_also_where_only_the_configuration_has_kept_it(cluster: Cluster) -> None:
    """Its status was never written: the leader was killed, or has only begun."""
    status = cluster.bot.status
    order(cluster, ALL)
    cluster.step()
    cluster.bot = replace(cluster.bot, status=status)

    cluster.settle()

    assert {(halt.by, halt.message) for halt in cluster.bot.status.halts} == {("TradingHalt/all", "audit")}
    assert "GlobalHalt: audit, by TradingHalt/all" in condition(cluster, "Halted")[2]


def test_a_trading_halt_that_says_so_releases_what_it_laid_when_it_is_deleted(cluster: Cluster) -> None:
    cluster.breach(0, "a")
    order(cluster, ALL)
    cluster.settle()
    order(cluster, replace(ALL, until_deleted=True))  # written into it later
    cluster.settle()

    order(cluster)
    cluster.settle()

    assert [halt.id for halt in cluster.bot.status.halts] == ["a"]
    assert states(cluster) == [TradingState.HALTED, TradingState.ACTIVE]


def test_a_bot_that_is_created_under_a_trading_halt_starts_halted() -> None:
    cluster = Cluster(bot(spec(TWO, replicas=2)))
    order(cluster, ALL)

    cluster.step()

    assert [latch.id for latch in cluster.config(0).halts] == ["all-01234567-0"]
    cluster.settle()
    assert states(cluster) == [TradingState.HALTED] * 2


def test_a_bot_that_is_selected_again_after_its_resume_is_halted_again(cluster: Cluster) -> None:
    order(cluster, ALL)
    cluster.settle()
    order(cluster, replace(ALL, selected=False))
    resume(cluster, "all-01234567-0,all-01234567-1")
    cluster.settle()
    assert states(cluster) == [TradingState.ACTIVE] * 2

    order(cluster, ALL)
    cluster.settle()

    assert states(cluster) == [TradingState.HALTED] * 2
    assert {halt.id for halt in cluster.bot.status.halts} == {"all-01234567-0.2", "all-01234567-1.2"}


def test_halts_survive_the_loss_of_the_status(cluster: Cluster) -> None:
    cluster.breach(1, "b")
    cluster.settle()
    cluster.bot = replace(cluster.bot, status=cluster.bot.status.model_copy(update={"halts": ()}))
    pod = cluster.pods[1]
    cluster.pods[1] = replace(pod, stream=replace(pod.stream, connected=False))

    cluster.settle()

    assert [latch.id for latch in cluster.config(1).halts] == ["b"]
    assert [halt.id for halt in cluster.bot.status.halts] == ["b"]


SELECTORS: list[tuple[dict[str, object], dict[str, str], bool]] = [
    ({}, {}, True),
    ({"matchLabels": {"venue": "d"}}, {"venue": "d", "x": "y"}, True),
    ({"matchLabels": {"venue": "d"}}, {"venue": "b"}, False),
    ({"matchLabels": {"venue": "d"}}, {}, False),
    ({"matchExpressions": [{"key": "k", "operator": "In", "values": ["a", "b"]}]}, {"k": "b"}, True),
    ({"matchExpressions": [{"key": "k", "operator": "In", "values": ["a", "b"]}]}, {}, False),
    ({"matchExpressions": [{"key": "k", "operator": "NotIn", "values": ["a"]}]}, {"k": "a"}, False),
    ({"matchExpressions": [{"key": "k", "operator": "NotIn", "values": ["a"]}]}, {}, True),
    ({"matchExpressions": [{"key": "k", "operator": "Exists"}]}, {"k": ""}, True),
    ({"matchExpressions": [{"key": "k", "operator": "DoesNotExist"}]}, {"k": ""}, False),
    ({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "k", "operator": "Exists"}]}, {"a": "1"}, False),
]


@pytest.mark.parametrize(("selector", "labels", "expected"), SELECTORS)
def test_a_selector_selects_as_kubernetes_does(
    selector: dict[str, object],
    labels: dict[str, str],
    expected: bool,  # noqa: FBT001 - a row of the table
) -> None:
    assert selects(LabelSelector.model_validate(selector), labels) is expected
