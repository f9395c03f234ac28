"""Letting a deleted bot go: drained, or gone, or out of time, and never silently."""

from dataclasses import replace

import msgspec
import pytest

from harness.bot_model import INSTALLATION, KEYED, Cluster, bot, spec
from harness.live_risk import LIVE_RISK
from tradingbot_operator.api.v1alpha1 import Phase
from tradingbot_operator.core.observed import Silence, Stream
from tradingbot_operator.core.outcome import DrainSlot, Finalizer
from tradingbot_operator.observation import read_status
from tradingbot_runtime.model.control import VenueReport
from tradingbot_runtime.model.events import TradingState


def deleted() -> Cluster:
    """A settled bot in mode Live that somebody deleted."""
    cluster = Cluster(bot(spec(("AAAUSDT", "BBBUSDT"), replicas=2, mode="Live", risk=LIVE_RISK)), {"venue": KEYED})
    cluster.settle()
    metadata = cluster.bot.metadata.model_copy(update={"deletion_timestamp": "2026-01-02T00:00:00Z"})
    cluster.bot = replace(cluster.bot, metadata=metadata)
    return cluster


def test_every_slot_is_drained_and_nothing_is_applied() -> None:
    cluster = deleted()
    cluster.children.clear()

    outcome = cluster.decide()

    assert outcome.finalizer is Finalizer.KEEP
    assert {command.pod for command in outcome.commands if isinstance(command, DrainSlot)} == {"maker-0", "maker-1"}
    assert (outcome.apply, outcome.leases, outcome.control_secret_due) == ((), (), False)
    assert outcome.status.phase is Phase.TERMINATING


def test_it_goes_when_every_slot_has_confirmed() -> None:
    cluster = deleted()
    cluster.step()

    outcome = cluster.decide()

    assert outcome.finalizer is Finalizer.REMOVE
    assert not any(event.warning for event in outcome.events)


def test_an_old_report_without_orders_proves_nothing() -> None:
    """Between two quotes a slot has no open order, too."""
    cluster = deleted()
    for n, pod in cluster.pods.items():
        assert pod.stream.report
        flat = tuple(msgspec.structs.replace(m, open_orders=0) for m in pod.stream.report.markets)
        empty = msgspec.structs.replace(pod.stream.report, markets=flat)
        cluster.pods[n] = replace(pod, stream=replace(pod.stream, report=empty, draining_for_s=0.1))

    assert cluster.decide().finalizer is Finalizer.KEEP
    for n, pod in cluster.pods.items():  # heard after the drain, but still trading
        cluster.pods[n] = replace(pod, stream=replace(pod.stream, reported_since_drain=True))
    assert cluster.decide().finalizer is Finalizer.KEEP


def test_what_a_slot_said_before_the_connection_was_lost_proves_nothing() -> None:
    """It was halted; since then its container may have started again."""
    cluster = deleted()
    for n, pod in cluster.pods.items():
        assert pod.stream.report
        halted = msgspec.structs.replace(pod.stream.report, state=TradingState.HALTED, markets=())
        cluster.pods[n] = replace(pod, stream=Stream(report=halted, draining_for_s=1.0))

    assert cluster.decide().finalizer is Finalizer.KEEP


def test_a_venue_that_does_not_do_as_it_is_told_is_named() -> None:
    cluster = deleted()
    pod = cluster.pods[0]
    assert pod.stream.report
    refused = VenueReport(venue="venue", reachable=True, authenticated=False, message="Invalid API-key (-2015)")
    report = msgspec.structs.replace(pod.stream.report, venues=(refused,))
    cluster.pods[0] = replace(pod, stream=replace(pod.stream, report=report))

    (message,) = (c.message for c in cluster.decide().status.conditions if c.type == "Ready")
    assert "; venue venue: Invalid API-key (-2015)" in message


def test_pods_that_are_gone_hold_nothing_up() -> None:
    cluster = deleted()
    cluster.pods.clear()

    assert cluster.decide().finalizer is Finalizer.REMOVE


def test_at_the_deadline_it_goes_and_says_what_may_be_left() -> None:
    cluster = deleted()
    cluster.pods[0] = replace(cluster.pods[0], stream=Stream())
    cluster.observed = replace(cluster.observed, deleting_for_s=INSTALLATION.drain_timeout_s + 1)

    outcome = cluster.decide()

    assert outcome.finalizer is Finalizer.REMOVE
    (event,) = outcome.events
    assert event.warning
    assert "maker-0: never reported, look at the venue" in event.message
    assert "maker-1: last reported Active" in event.message


def test_orders_that_are_left_on_purpose_do_not_hold_it_up() -> None:
    """`onStop: Leave`: the runtime is drained, its orders stay in the market."""
    cluster = deleted()
    for n, pod in cluster.pods.items():
        assert pod.stream.report
        left = msgspec.structs.replace(pod.stream.report, state=TradingState.DRAINED)
        cluster.pods[n] = replace(pod, stream=replace(pod.stream, report=left, draining_for_s=1.0,
                                                      reported_since_drain=True))  # fmt: skip

    assert cluster.decide().finalizer is Finalizer.REMOVE


def test_a_pod_that_never_started_may_follow_one_that_left_orders_behind() -> None:
    cluster = deleted()
    for n, pod in cluster.pods.items():
        cluster.pods[n] = replace(pod, started=False, stream=Stream())

    assert cluster.decide().finalizer is Finalizer.KEEP

    fresh = [slot.model_copy(update={"config_hash": ""}) for slot in cluster.bot.status.slots]
    cluster.bot = replace(cluster.bot, status=cluster.bot.status.model_copy(update={"slots": tuple(fresh)}))
    assert cluster.decide().finalizer is Finalizer.KEEP, "that it was never heard proves nothing"


def test_a_status_of_another_version_does_not_hold_a_deletion_up() -> None:
    cluster = deleted()
    strange = [condition.model_copy(update={"reason": "FromTheFuture"}) for condition in cluster.bot.status.conditions]
    cluster.bot = replace(cluster.bot, status=cluster.bot.status.model_copy(update={"conditions": tuple(strange)}))

    assert cluster.decide().status.phase is Phase.TERMINATING


def test_leases_are_remembered_also_from_a_status_that_cannot_be_read() -> None:
    slots = [{"ordinal": 0, "leaseUID": "lease-1"}]

    status = read_status({"phase": "FromTheFuture", "slots": slots})

    assert status.slots[0].lease_uid == "lease-1"


HELD = Silence("pod-of-old", "renewal-1", duration_s=120.0, unrenewed_for_s=10.0)
LATE_S = INSTALLATION.drain_timeout_s + 30


def with_a_lost_slot(silence: Silence = HELD, *, pod: bool = True) -> Cluster:
    """Slot 0's node is gone; slot 1 is drained. The drain timeout is over."""
    cluster = deleted()
    cluster.step()
    if pod:
        cluster.pods[0] = replace(cluster.pods[0], stream=Stream())
    else:
        del cluster.pods[0]
    cluster.observed = replace(cluster.observed, silences={0: silence}, deleting_for_s=LATE_S)
    return cluster


@pytest.mark.parametrize("pod", [True, False])
def test_a_slot_that_is_lost_is_waited_for_until_its_orders_are_withdrawn(pod: bool) -> None:  # noqa: FBT001 - a parameter
    cluster = with_a_lost_slot(pod=pod)
    outcome = cluster.decide()
    assert outcome.finalizer is Finalizer.KEEP
    (message,) = (c.message for c in outcome.status.conditions if c.type == "Ready")
    assert "slot 0 is lost: its Lease has to run out first" in message
    assert "tradingbot.dev/abandon=true" in message

    cluster.observed = replace(cluster.observed, silences={0: replace(HELD, unrenewed_for_s=123.0)})
    outcome = cluster.decide()
    (job,) = outcome.withdraw
    assert outcome.finalizer is Finalizer.KEEP
    cluster.bot = replace(cluster.bot, status=outcome.status)
    cluster.observed = replace(cluster.observed, jobs={0: job})
    assert cluster.decide().finalizer is Finalizer.KEEP, "it runs"
    done = job | {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    cluster.observed = replace(cluster.observed, jobs={0: done})
    assert cluster.decide().finalizer is Finalizer.REMOVE


def test_a_lease_that_was_given_back_is_waited_for_by_nobody() -> None:
    assert with_a_lost_slot(replace(HELD, holder=""), pod=False).decide().finalizer is Finalizer.REMOVE


def test_a_person_may_let_it_go_and_is_told_what_is_left() -> None:
    cluster = with_a_lost_slot()
    metadata = cluster.bot.metadata.model_copy(update={"annotations": {"tradingbot.dev/abandon": "true"}})
    cluster.bot = replace(cluster.bot, metadata=metadata)

    outcome = cluster.decide()

    assert outcome.finalizer is Finalizer.REMOVE
    (event,) = outcome.events
    assert (event.reason, event.warning) == ("Abandoned", True)
    assert "maker-0: never reported, look at the venue" in event.message


def test_it_is_not_waited_for_without_an_end() -> None:
    cluster = with_a_lost_slot()
    cluster.observed = replace(cluster.observed, deleting_for_s=3601.0)

    outcome = cluster.decide()
    assert (outcome.finalizer, outcome.events[0].reason) == (Finalizer.REMOVE, "DrainTimedOut")
