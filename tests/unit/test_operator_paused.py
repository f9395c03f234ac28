"""A person takes the operator's hands off a bot: nothing is applied, and what keeps money safe goes on."""

from dataclasses import replace

import pytest

from harness.bot_model import Cluster, bot, spec
from tradingbot_operator.core import names
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import StopOrder
from tradingbot_operator.core.outcome import Finalizer, HaltSlot, Outcome
from tradingbot_runtime.model.events import TradingState

STOP = StopOrder("all", "0123456789", "audit", flatten=False, until_deleted=False, selected=True)


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster(bot(spec(("AAAUSDT",))))
    made.settle()
    annotate(made, names.DISABLED)
    return made


def annotate(cluster: Cluster, value: str) -> None:
    metadata = cluster.bot.metadata.model_copy(update={"annotations": {names.RECONCILE: value}})
    cluster.bot = replace(cluster.bot, metadata=metadata)


def paused(cluster: Cluster) -> tuple[str, str]:
    found = next(c for c in cluster.bot.status.conditions if c.type == "ReconciliationPaused")
    return found.status, found.reason


def test_nothing_is_applied_whatever_the_spec_becomes_or_somebody_deletes(cluster: Cluster) -> None:
    cluster.respecify(spec(("AAAUSDT", "BBBUSDT"), replicas=2))
    del cluster.children[("Service", "maker")]
    outcome = cluster.step()

    assert (outcome.apply, outcome.leases, outcome.commands, outcome.prune, outcome.replace) == ((), (), (), (), None)
    assert paused(cluster) == ("True", "Annotation")


def test_a_hand_over_that_waits_is_told_when_it_is_done() -> None:
    four = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")
    cluster = Cluster(bot(spec(four)))
    cluster.settle()
    cluster.respecify(spec(four, replicas=2))
    while not hand_overs(cluster.decide()):
        cluster.step()

    annotate(cluster, names.DISABLED)
    assert not hand_overs(cluster.step())
    annotate(cluster, "")
    assert hand_overs(cluster.step())


def hand_overs(outcome: Outcome) -> list[str]:
    return [event.message for event in outcome.events if event.reason is Reason.HANDED_OVER]


def test_halts_go_on(cluster: Cluster) -> None:
    cluster.observed = replace(cluster.observed, stop_orders=(STOP,))
    outcome = cluster.step()

    assert [type(order) for order in outcome.halts] == [HaltSlot]
    report = cluster.pods[0].stream.report
    assert report
    assert report.state is TradingState.HALTED


@pytest.mark.parametrize("value", ["", "enabled", " Enabled"])
def test_without_it_the_bot_is_kept_as_its_spec_asks(cluster: Cluster, value: str) -> None:
    annotate(cluster, value)
    cluster.respecify(spec(("AAAUSDT", "BBBUSDT"), replicas=2))

    assert cluster.step().apply != ()
    assert paused(cluster) == ("False", "NotPaused")


@pytest.mark.parametrize("value", ["Disabled", " disabled ", "DISABLED\n"])
def test_it_may_be_written_in_capitals_and_with_blanks(cluster: Cluster, value: str) -> None:
    annotate(cluster, value)
    cluster.respecify(spec(("AAAUSDT", "BBBUSDT"), replicas=2))

    assert cluster.step().apply == ()
    assert paused(cluster) == ("True", "Annotation")


@pytest.mark.parametrize("value", ["true", "off", "x" * 5000])
def test_a_value_that_is_not_understood_is_told_once_and_keeps_nothing_back(cluster: Cluster, value: str) -> None:
    annotate(cluster, value)
    cluster.respecify(spec(("AAAUSDT", "BBBUSDT"), replicas=2))

    first, second = cluster.step(), cluster.step()

    assert first.apply != ()
    assert paused(cluster) == ("False", "AnnotationNotUnderstood")
    (event,) = [event for event in first.events if event.reason is Reason.ANNOTATION_NOT_UNDERSTOOD]
    assert event.warning
    assert f"annotation tradingbot.dev/reconcile: '{value[:50]}" in event.message
    assert Reason.ANNOTATION_NOT_UNDERSTOOD not in {event.reason for event in second.events}


@pytest.mark.parametrize("refused", [False, True])
def test_that_its_deletion_would_wait_for_nothing_is_told_once_while_it_lives(
    cluster: Cluster,
    refused: bool,  # noqa: FBT001 - a row of the table
) -> None:
    annotate(cluster, "")
    if refused:
        cluster.venues = {}
        cluster.settle()
    metadata = cluster.bot.metadata.model_copy(update={"annotations": {names.ABANDON: "true"}})
    cluster.bot = replace(cluster.bot, metadata=metadata)

    first, second = cluster.step(), cluster.step()

    (event,) = [event for event in first.events if event.reason is Reason.ABANDON_ANNOTATED]
    assert event.warning
    assert "will not wait for orders to be withdrawn" in event.message
    assert Reason.ABANDON_ANNOTATED not in {event.reason for event in second.events}
    assert event.message in next(c.message for c in cluster.bot.status.conditions if c.type == "SpecAccepted")


def test_its_deletion_lets_go_as_ever(cluster: Cluster) -> None:
    metadata = cluster.bot.metadata.model_copy(update={"deletion_timestamp": cluster.observed.now})
    cluster.bot = replace(cluster.bot, metadata=metadata)

    assert cluster.decide().finalizer is Finalizer.REMOVE
