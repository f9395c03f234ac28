"""A bot that has never sent an order is let go at once; what is just not known of it proves nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from harness.bot_model import INSTALLATION, KEYED, Cluster, bot, spec
from harness.live_risk import LIVE_RISK
from tradingbot_operator.api.v1alpha1 import TradingBotStatus
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Manifest, Stream
from tradingbot_operator.core.outcome import DrainSlot, Finalizer, Outcome
from tradingbot_operator.pod_reading import never_held
from tradingbot_operator.pod_trouble import ended_untraded
from tradingbot_runtime.config import TradingBotSpec
from tradingbot_runtime.model.events import TradingState

TWO = ("AAAUSDT", "BBBUSDT")
SILENT = Stream(lost_for_s=5.0)


def live(**changes: Any) -> TradingBotSpec:  # noqa: ANN401 - fields of the spec
    return spec(TWO, mode="Live", risk=LIVE_RISK, **changes)


def settled(wanted: TradingBotSpec) -> Cluster:
    cluster = Cluster(bot(wanted), {"venue": KEYED})
    cluster.settle()
    return cluster


def delete(cluster: Cluster) -> Outcome:
    metadata = cluster.bot.metadata.model_copy(update={"deletion_timestamp": "2026-01-02T00:00:00Z"})
    cluster.bot = replace(cluster.bot, metadata=metadata)
    return cluster.decide()


def say(cluster: Cluster, n: int = 0, *, connected: bool = True, **changes: Any) -> None:  # noqa: ANN401 - fields of the report
    report = cluster.pods[n].stream.report
    assert report
    told = msgspec.structs.replace(report, **changes)
    stream = replace(cluster.pods[n].stream, report=told, connected=connected)
    cluster.pods[n] = replace(cluster.pods[n], stream=stream)


def silence(cluster: Cluster, n: int = 0, **changes: Any) -> None:  # noqa: ANN401 - fields of the pod
    cluster.pods[n] = replace(cluster.pods[n], stream=SILENT, **changes)


# -- mode Paper -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("happens", [lambda _: None, silence, lambda c: silence(c, started=False)])
def test_a_bot_that_was_in_mode_paper_for_all_its_life_goes_at_once(happens: Callable[[Cluster], None]) -> None:
    cluster = settled(spec(TWO))
    cluster.respecify(spec(TWO, strategy={"marketMaking": {"spreadBps": "12", "sizes": ["1"]}}))
    cluster.settle()
    happens(cluster)

    outcome = delete(cluster)

    assert outcome.finalizer is Finalizer.REMOVE
    assert not any(event.warning for event in outcome.events)


def test_one_that_was_in_mode_live_for_a_moment_has_to_prove_it() -> None:
    cluster = settled(spec(TWO))
    cluster.respecify(live())
    cluster.step()
    cluster.respecify(spec(TWO))
    cluster.settle()
    silence(cluster)

    assert delete(cluster).finalizer is Finalizer.KEEP


def test_a_configuration_that_was_lost_and_made_anew_proves_nothing() -> None:
    cluster = settled(live())
    del cluster.children[("ConfigMap", "maker-slots")]
    cluster.respecify(spec(TWO))
    cluster.settle()
    silence(cluster)
    assert delete(cluster).finalizer is Finalizer.KEEP

    cluster = settled(live())
    del cluster.children[("ConfigMap", "maker-slots")]
    del cluster.children[("StatefulSet", "maker")]
    cluster.respecify(spec(TWO))
    cluster.settle()
    silence(cluster)
    assert delete(cluster).finalizer is Finalizer.KEEP


def test_a_status_that_was_lost_with_the_configuration_proves_nothing_either() -> None:
    cluster = settled(live())
    del cluster.children[("ConfigMap", "maker-slots")]
    cluster.bot = replace(cluster.bot, status=TradingBotStatus())
    cluster.respecify(spec(TWO))
    cluster.settle()
    silence(cluster)

    assert delete(cluster).finalizer is Finalizer.KEEP


def test_the_configuration_of_a_namesake_proves_nothing() -> None:
    cluster = settled(spec(TWO))
    cluster.children[("ConfigMap", "maker-slots")]["metadata"]["annotations"][names.ONLY_PAPER] = "another uid"
    silence(cluster)

    assert delete(cluster).finalizer is Finalizer.KEEP


def test_what_a_live_life_may_have_left_is_waited_for_and_told() -> None:
    """Of a bot of this name before this one, whose volume it has taken."""
    cluster = settled(spec(TWO))
    report = cluster.pods[0].stream.report
    assert report
    left = tuple(msgspec.structs.replace(market, live_orders_left=2) for market in report.markets)
    say(cluster, markets=left, state=TradingState.DRAINED)
    cluster.pods[0] = replace(cluster.pods[0], stream=replace(cluster.pods[0].stream, reported_since_drain=True))

    outcome = delete(cluster)
    assert outcome.finalizer is Finalizer.KEEP
    ready = next(c for c in outcome.status.conditions if c.type == "Ready")
    assert "orders of mode Live may be left in aaausdt, bbbusdt" in ready.message

    cluster.observed = replace(cluster.observed, deleting_for_s=INSTALLATION.drain_timeout_s + 1)
    (event,) = cluster.decide().events
    assert event.warning
    assert "of mode Live in aaausdt" in event.message


# -- by the journal ---------------------------------------------------------------------------------------------------


def test_a_slot_that_is_stuck_in_its_start_and_has_never_traded_goes_when_it_has_heard_the_drain() -> None:
    """A wrong key, an unknown symbol: it never gets to the point where it could say that it is drained."""
    cluster = settled(live())
    say(cluster, state=TradingState.STARTING, ready=False, never_traded=True)

    first = delete(cluster)
    assert first.finalizer is Finalizer.KEEP
    assert [type(command) for command in first.commands] == [DrainSlot]

    say(cluster, draining=True)
    assert cluster.decide().finalizer is Finalizer.REMOVE


@pytest.mark.parametrize("changes", [
    {"never_traded": False, "draining": True}, {"never_traded": True, "draining": False},
    {"never_traded": True, "draining": True, "connected": False},
])  # fmt: skip
def test_a_report_that_is_old_or_does_not_say_both_proves_nothing(changes: dict[str, Any]) -> None:
    cluster = settled(live())
    say(cluster, state=TradingState.STARTING, ready=False)
    say(cluster, **changes)

    assert delete(cluster).finalizer is Finalizer.KEEP


def test_of_several_slots_each_has_to_prove_it() -> None:
    cluster = settled(live(replicas=2))
    for n in (0, 1):
        say(cluster, n, state=TradingState.STARTING, ready=False, never_traded=n == 0, draining=True)

    outcome = delete(cluster)

    assert outcome.finalizer is Finalizer.KEEP
    assert [command.pod for command in outcome.commands] == ["maker-1"]


ENDED = '{"ts":"x","level":"info","event":"Ended","logger":"app","exit_code":2,"never_traded":true}'


def container(state: Manifest, message: str, *, before: bool = True) -> Manifest:
    end = {"terminated": {"exitCode": 2, "message": message}}
    last = {"lastState": end} if before else {}
    return {"containerStatuses": [{"name": "runtime", "state": state or end, **last}]}


LOG = f"{ENDED}\nVenue venue: environment is Testnet, but the venue says that it is Simulated\n"
WAITS: Manifest = {"waiting": {"reason": "CrashLoopBackOff"}}


@pytest.mark.parametrize(("status", "proved"), [
    (container(WAITS, LOG), True), (container({}, LOG, before=False), True),
    (container({"running": {}}, LOG), False), (container(WAITS, LOG.replace("true", "false")), False),
    (container(WAITS, LOG.replace("true", '"yes"')), False), (container(WAITS, LOG.replace("Ended", "Ending")), False),
    (container(WAITS, "spec.a: is required\n"), False), (container(WAITS, ""), False), (container(WAITS, "[]"), False),
    ({}, False), ({"containerStatuses": [{"name": "runtime", "lastState": {"terminated": {"message": LOG}}}]}, False),
    ({"containerStatuses": [{"name": "other", "state": {"terminated": {"message": LOG}}}]}, False),
])  # fmt: skip
def test_the_last_words_of_a_process_count_while_none_runs(status: Manifest, *, proved: bool) -> None:
    assert ended_untraded(status) is proved


def test_a_slot_whose_runtime_ends_again_and_again_goes_by_its_last_words() -> None:
    cluster = settled(live())
    silence(cluster, ended_untraded=True)
    assert delete(cluster).finalizer is Finalizer.REMOVE

    say_again = settled(live())
    say_again.pods[0] = replace(say_again.pods[0], ended_untraded=True)
    assert delete(say_again).finalizer is Finalizer.KEEP, "the connection says that a process runs"


# -- by the Lease -----------------------------------------------------------------------------------------------------


def test_a_slot_whose_lease_nobody_has_ever_held_goes_at_once() -> None:
    cluster = settled(live(replicas=2))
    for n in (0, 1):
        silence(cluster, n, started=n == 0)
    cluster.observed = replace(cluster.observed, leases_never_held=frozenset({0}))
    assert delete(cluster).finalizer is Finalizer.KEEP

    cluster.observed = replace(cluster.observed, leases_never_held=frozenset({0, 1}))
    assert cluster.decide().finalizer is Finalizer.REMOVE


def lease(**spec: Any) -> Manifest:  # noqa: ANN401 - fields of the spec
    return {"metadata": {"uid": "u"}, "spec": spec}


@pytest.mark.parametrize(("found", "uid", "proved"), [
    (lease(), "u", True), ({"metadata": {"uid": "u"}}, "u", True),
    (lease(holderIdentity="p"), "u", False), (lease(leaseTransitions=1), "u", False),
    (lease(renewTime="2026-01-02T00:00:00Z"), "u", False), (lease(), "another", False), (lease(), "", False),
    (None, "u", False),
])  # fmt: skip
def test_a_lease_proves_it_that_is_the_slots_own_and_as_it_was_made(
    found: Manifest | None, uid: str, *, proved: bool
) -> None:
    assert never_held(found, uid) is proved
