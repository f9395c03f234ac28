"""What the conditions say to the engineer on call: true, never empty, and the same as long as nothing changes."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from harness.bot_model import INSTALLATION, KEYED, Cluster, bot, spec
from harness.live_risk import LIVE_RISK
from tradingbot_operator.api.v1alpha1 import Condition, ConditionStatus, Phase
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import Stream, Trouble
from tradingbot_runtime.model.events import TradingState

REFUSED = Trouble(Reason.START_REFUSED, "the runtime refuses to start: environment is Testnet", hopeless=True)
LOOPS = Trouble(Reason.CRASH_LOOPING, "the runtime ends again and again (exit code 1, Error): KeyError")
TWO = ("AAAUSDT", "BBBUSDT")


def said(cluster: Cluster, kind: str) -> Condition:
    return next(c for c in cluster.bot.status.conditions if c.type == kind)


def brief(cluster: Cluster, kind: str) -> tuple[ConditionStatus, str]:
    return (said(cluster, kind).status, said(cluster, kind).reason)


def settled(**changes: Any) -> Cluster:  # noqa: ANN401 - fields of the spec
    """In mode Live: only there a deletion has something to wait for."""
    cluster = Cluster(bot(spec(TWO, mode="Live", risk=LIVE_RISK, **changes)), {"venue": KEYED})
    cluster.settle()
    return cluster


def with_trouble(cluster: Cluster, trouble: Trouble, slot: int = 0, **stream: Any) -> Cluster:  # noqa: ANN401 - fields of the stream
    cluster.pods[slot] = replace(cluster.pods[slot], trouble=trouble, ready=False, stream=Stream(**stream))
    cluster.step()
    return cluster


def test_a_runtime_that_refuses_to_start_says_why_and_asks_for_a_person() -> None:
    cluster = with_trouble(settled(), REFUSED)

    assert brief(cluster, "Ready") == (ConditionStatus.FALSE, "StartRefused")
    assert said(cluster, "Ready").message == "slot 0: the runtime refuses to start: environment is Testnet"
    assert brief(cluster, "Stalled") == (ConditionStatus.TRUE, "StartRefused")
    assert brief(cluster, "Reconciling") == (ConditionStatus.FALSE, "StartRefused")
    assert cluster.bot.status.phase is Phase.DEGRADED


def test_a_crash_loop_may_end_by_itself_until_the_deadline() -> None:
    cluster = with_trouble(settled(), LOOPS)

    assert brief(cluster, "Ready") == (ConditionStatus.FALSE, "CrashLooping")
    assert brief(cluster, "Stalled") == (ConditionStatus.FALSE, "Progressing")
    cluster.observed = replace(cluster.observed, reconciling_for_s=601)
    cluster.step()
    assert brief(cluster, "Stalled") == (ConditionStatus.TRUE, "ProgressDeadlineExceeded")
    assert "KeyError" in said(cluster, "Stalled").message


def test_the_slot_that_needs_a_person_is_named_first() -> None:
    cluster = with_trouble(settled(replicas=2), LOOPS)
    with_trouble(cluster, REFUSED, slot=1)

    assert said(cluster, "Ready").message.startswith("slot 1: the runtime refuses")


def test_a_slot_that_starts_again_after_a_bad_end_keeps_its_reason_and_one_that_trades_does_not() -> None:
    """Else the conditions would change with every restart of kubelet's."""
    cluster = settled()
    report = cluster.pods[0].stream.report
    assert report
    starting = msgspec.structs.replace(report, state=TradingState.STARTING, ready=False)
    with_trouble(cluster, REFUSED, report=starting, connected=True)
    assert brief(cluster, "Ready") == (ConditionStatus.FALSE, "StartRefused")
    ending = msgspec.structs.replace(starting, state=TradingState.STOPPED, reason="Terminating")
    with_trouble(cluster, REFUSED, report=ending, connected=True)
    assert brief(cluster, "Ready") == (ConditionStatus.FALSE, "StartRefused")
    assert brief(cluster, "Stalled") == (ConditionStatus.TRUE, "StartRefused")

    with_trouble(cluster, REFUSED, report=report, connected=True)
    assert brief(cluster, "Ready") == (ConditionStatus.TRUE, "Trading")


def test_a_bot_without_slots_is_stopped_as_requested_and_says_what_it_knows_of_orders() -> None:
    cluster = Cluster(bot(spec(TWO, replicas=0)))
    cluster.settle()

    assert brief(cluster, "Ready") == (ConditionStatus.TRUE, "StoppedAsRequested")
    assert brief(cluster, "Flat") == (ConditionStatus.UNKNOWN, "NotReported")
    assert cluster.bot.status.phase is Phase.STOPPED


def test_a_bot_that_was_scaled_to_nothing_stays_flat_as_its_slots_had_confirmed() -> None:
    cluster = settled(replicas=2)
    cluster.respecify(spec(TWO, replicas=0))
    cluster.settle()

    assert brief(cluster, "Flat") == (ConditionStatus.TRUE, "NoOpenOrders")
    assert "had confirmed" in said(cluster, "Flat").message


def test_a_bot_that_was_never_accepted_is_neither_available_nor_flat() -> None:
    cluster = Cluster(bot(), venues={})
    cluster.step()

    assert brief(cluster, "Available") == (ConditionStatus.FALSE, "SlotsUnavailable")
    assert brief(cluster, "Flat") == (ConditionStatus.UNKNOWN, "NotReported")


def deleted(cluster: Cluster) -> Cluster:
    metadata = cluster.bot.metadata.model_copy(update={"deletion_timestamp": "2026-01-02T00:00:00Z"})
    cluster.bot = replace(cluster.bot, metadata=metadata)
    cluster.bot = replace(cluster.bot, status=cluster.decide().status)
    return cluster


def test_a_deletion_says_what_it_waits_for_and_for_how_long_at_most() -> None:
    cluster = settled(replicas=2)
    cluster.pods[1] = replace(cluster.pods[1], stream=Stream())
    deleted(cluster)

    message = said(cluster, "Ready").message
    assert f"at most {INSTALLATION.drain_timeout_s:g} s" in message
    assert "maker-0: Active, open orders in" in message
    assert "maker-1: does not answer" in message


def test_a_pod_that_is_not_reached_is_named_with_the_address_and_the_cause() -> None:
    cluster = settled(replicas=2)
    why = "wss://10.0.0.7:8443/control: connection refused: nothing listens there"
    cluster.pods[1] = replace(cluster.pods[1], stream=Stream(trouble=why))
    cluster.step()

    assert brief(cluster, "Ready") == (ConditionStatus.FALSE, "RuntimeUnreachable")
    assert said(cluster, "Ready").message.endswith(f": {why}")
    assert f"maker-1 ({why})" in said(cluster, "Flat").message
    assert f"maker-1: does not answer: {why}" in said(deleted(cluster), "Ready").message


def test_a_new_leader_tells_at_once_of_a_pod_that_does_not_get_going() -> None:
    cluster = settled()
    cluster.observed = replace(cluster.observed, since_start_s=1.0)

    assert brief(with_trouble(cluster, REFUSED), "Ready") == (ConditionStatus.FALSE, "StartRefused")


def test_a_process_that_has_just_started_is_not_called_unreachable() -> None:
    """It opens its port after seconds. Kubelet calls one ready that the operator alone does not reach."""
    cluster = settled(replicas=2)
    refused = Stream(trouble="wss://10.0.0.7:8443/control: connection refused")
    cluster.pods[1] = replace(cluster.pods[1], ready=False, stream=refused)
    cluster.step()
    assert brief(cluster, "Ready") == (ConditionStatus.FALSE, "Provisioning")
    assert said(cluster, "Ready").message.endswith("its runtime does not answer yet: " + refused.trouble)

    cluster.pods[1] = replace(cluster.pods[1], ready=True)
    cluster.step()
    assert brief(cluster, "Ready") == (ConditionStatus.FALSE, "RuntimeUnreachable")


def test_a_bot_that_was_never_accepted_has_no_configuration_that_was_applied() -> None:
    cluster = Cluster(bot(), {})
    cluster.step()

    assert brief(cluster, "ConfigApplied") == (ConditionStatus.FALSE, "ReferenceNotFound")


def test_a_deletion_writes_no_status_for_a_fill() -> None:
    cluster = deleted(settled())
    before, pod = cluster.bot.status, cluster.pods[0]
    assert pod.stream.report
    fewer = tuple(msgspec.structs.replace(m, open_orders=1) for m in pod.stream.report.markets)
    report = msgspec.structs.replace(pod.stream.report, markets=fewer)
    cluster.pods[0] = replace(pod, stream=replace(pod.stream, report=report))

    assert cluster.decide().status == before


def fenced(cluster: Cluster) -> None:
    report = cluster.pods[0].stream.report
    assert report
    lost = msgspec.structs.replace(
        report, state=TradingState.FENCED, reason="LeaseNotHeld", message="gone", ready=False
    )
    with_trouble(cluster, LOOPS, report=lost, connected=True)


def silent(cluster: Cluster) -> None:
    cluster.pods[0] = replace(cluster.pods[0], stream=Stream())
    cluster.step()


def unstarted(cluster: Cluster) -> None:
    cluster.pods[0] = replace(cluster.pods[0], started=False, stream=Stream())
    cluster.step()


def absent(cluster: Cluster) -> None:
    cluster.pods.clear()
    cluster.bot = replace(cluster.bot, status=cluster.decide().status)


def invalid(cluster: Cluster) -> None:
    cluster.bot = replace(cluster.bot, spec=None, problems=("spec.risk: is required",))
    cluster.step()


@pytest.mark.parametrize("happens", [
    lambda _: None, lambda c: with_trouble(c, REFUSED), lambda c: with_trouble(c, LOOPS), deleted, fenced, silent,
    unstarted, absent, invalid,
])  # fmt: skip
def test_no_condition_is_without_a_message(happens: Any) -> None:  # noqa: ANN401 - a function of the cluster
    cluster = settled()

    happens(cluster)

    assert [c.type for c in cluster.bot.status.conditions if not c.message] == []


def test_what_a_runtime_says_last_gets_into_the_status_of_its_pod() -> None:
    (container,) = settled().children[("StatefulSet", "maker")]["spec"]["template"]["spec"]["containers"]

    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
