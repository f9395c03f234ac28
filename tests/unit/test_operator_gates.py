"""A restart that waits for a window or for a flat slot: what is held back, what is not, and what the status says."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from harness.bot_model import Cluster, bot, spec
from tradingbot_operator.api.v1alpha1 import Condition, Phase
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.gates import Closed
from tradingbot_operator.core.observed import Trouble
from tradingbot_operator.core.outcome import ConfigureSlot
from tradingbot_runtime.cold_differences import cold_differences
from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.model.events import TradingState

FOUR = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")
NIGHT = Closed(Reason.OUTSIDE_MAINTENANCE_WINDOW, "restarts wait for window W", "2026-01-03T00:00:00Z", 3600.0)
NEW_IMAGE = {"pod": {"image": "runtime:2"}}


def waiting(**changes: Any) -> Cluster:  # noqa: ANN401 - fields of the spec
    """A rollout that the calendar holds up."""
    cluster = Cluster(bot(spec(FOUR, replicas=3)))
    cluster.settle()
    cluster.observed = replace(cluster.observed, closed=NIGHT)
    cluster.respecify(spec(FOUR, replicas=3, **(changes or NEW_IMAGE)))
    return cluster


def said(cluster: Cluster, kind: str) -> Condition:
    return next(c for c in cluster.bot.status.conditions if c.type == kind)


def uids(cluster: Cluster) -> dict[int, str]:
    return {n: pod.uid for n, pod in cluster.pods.items()}


def test_a_restart_waits_for_its_window_says_so_and_is_no_stall() -> None:
    cluster = waiting()
    before = uids(cluster)
    cluster.settle()

    assert uids(cluster) == before
    waits = cluster.bot.status.pending_change
    assert waits
    assert (waits.change, waits.slots, waits.reason) == ("Restart", (0, 1, 2), "OutsideMaintenanceWindow")
    assert (waits.message, waits.not_before) == (NIGHT.message, NIGHT.until)
    told = {kind: (said(cluster, kind).status, said(cluster, kind).reason) for kind in (
        "Ready", "Reconciling", "Stalled", "Progressing", "Available", "TradingEnabled")}  # fmt: skip
    assert told == {
        "Ready": ("False", "OutsideMaintenanceWindow"), "Reconciling": ("False", "OutsideMaintenanceWindow"),
        "Stalled": ("False", "Progressing"), "Progressing": ("False", "OutsideMaintenanceWindow"),
        "Available": ("True", "MinimumSlotsReady"), "TradingEnabled": ("True", "Enabled"),
    }  # fmt: skip
    assert cluster.bot.status.phase is Phase.RUNNING
    assert cluster.decide().requeue_after_s == 3601
    assert not any(event.warning for event in cluster.decide().events)


def test_it_goes_on_when_the_window_opens() -> None:
    cluster = waiting()
    before = uids(cluster)
    cluster.settle()
    cluster.observed = replace(cluster.observed, closed=None)
    cluster.settle()

    assert set(uids(cluster).values()).isdisjoint(before.values())
    assert (cluster.bot.status.pending_change, said(cluster, "Ready").status) == (None, "True")


def test_a_window_that_closes_in_the_middle_leaves_the_others_as_they_are() -> None:
    cluster = waiting()
    cluster.observed = replace(cluster.observed, closed=None)
    before = uids(cluster)
    while cluster.pods.get(2) is None or cluster.pods[2].uid == before[2]:
        cluster.step()
    cluster.observed = replace(cluster.observed, closed=NIGHT)
    cluster.settle()

    assert [n for n, uid in uids(cluster).items() if uid == before[n]] == [0, 1]
    waits = cluster.bot.status.pending_change
    assert waits
    assert (waits.slots, waits.reason) == ((0, 1), "OutsideMaintenanceWindow")


def test_a_pod_that_is_evicted_meanwhile_comes_back_on_the_template_that_it_had() -> None:
    cluster = waiting()
    cluster.settle()
    revision = cluster.pods[1].revision
    del cluster.pods[1]
    cluster.settle()

    assert cluster.pods[1].revision == revision


def test_a_hot_change_waits_for_no_window() -> None:
    cluster = waiting(strategy={"marketMaking": {"spreadBps": "12", "sizes": ["1"]}})
    cluster.settle()

    assert (cluster.bot.status.pending_change, said(cluster, "Ready").status) == (None, "True")


@pytest.mark.parametrize(("before", "after"), [(3, 1), (1, 3)])
def test_markets_that_move_wait_for_no_window(before: int, after: int) -> None:
    """Nobody would trade them until it opens."""
    cluster = Cluster(bot(spec(FOUR, replicas=before)))
    cluster.settle()
    cluster.observed = replace(cluster.observed, closed=NIGHT)
    cluster.respecify(spec(FOUR, replicas=after))
    seen = set()
    for _ in range(15):
        cluster.step()
        seen |= {waits.change for waits in (cluster.bot.status.pending_change,) if waits}

    assert sorted(market for markets in cluster.traded().values() for market in markets) == [s.lower() for s in FOUR]
    assert (seen, said(cluster, "Ready").status) == ({"Scale"}, "True")


def test_a_slot_that_does_not_run_is_mended_at_once() -> None:
    cluster = waiting()
    before = uids(cluster)
    broken = Trouble(Reason.IMAGE_PULL_FAILED, "no such image", hopeless=True)
    cluster.pods[2] = replace(cluster.pods[2], started=False, trouble=broken)
    for _ in range(5):
        cluster.step()

    assert [n for n, uid in uids(cluster).items() if uid == before[n]] == [0, 1]


def with_position(cluster: Cluster, slot: int, position: str) -> None:
    pod = cluster.pods[slot]
    assert pod.stream.report
    markets = tuple(msgspec.structs.replace(market, position=position) for market in pod.stream.report.markets)
    told = msgspec.structs.replace(pod.stream.report, markets=markets)
    cluster.pods[slot] = replace(pod, stream=replace(pod.stream, report=told))


def test_flat_only_waits_for_the_slot_that_is_next_and_for_no_other() -> None:
    cluster = waiting(rollout={"flatOnly": True}, **NEW_IMAGE)
    cluster.observed = replace(cluster.observed, closed=None)
    before = uids(cluster)
    with_position(cluster, 2, "0.5")
    with_position(cluster, 0, "-1")
    cluster.settle()
    assert uids(cluster) == before
    waits = cluster.bot.status.pending_change
    assert waits
    assert waits.reason == "NotFlat"
    assert waits.message.startswith("slot 2 holds a position in ")
    assert waits.not_before is None
    assert cluster.decide().requeue_after_s == 6

    with_position(cluster, 2, "0.000")
    cluster.settle()

    assert [n for n, uid in uids(cluster).items() if uid == before[n]] == [0]
    waits = cluster.bot.status.pending_change
    assert waits
    assert (waits.slots, waits.reason) == ((0,), "NotFlat")


def test_a_slot_that_does_not_answer_is_not_called_flat() -> None:
    cluster = waiting(rollout={"flatOnly": True}, **NEW_IMAGE)
    cluster.observed = replace(cluster.observed, closed=None)
    cluster.pods[2] = replace(cluster.pods[2], stream=replace(cluster.pods[2].stream, connected=False))
    before = uids(cluster)
    for _ in range(5):
        cluster.step()

    assert uids(cluster) == before
    waits = cluster.bot.status.pending_change
    assert waits
    assert waits.reason == "NotFlat"


def test_a_schedule_that_never_comes_is_refused_and_the_last_valid_spec_goes_on() -> None:
    cluster = waiting()
    wrong = ("spec.rollout.windows[0].schedule: 'x': no such day ever comes",)
    cluster.observed = replace(cluster.observed, closed=None, schedule_problems=wrong)
    before = uids(cluster)
    cluster.settle()

    assert uids(cluster) == before
    assert (said(cluster, "SpecAccepted").status, said(cluster, "SpecAccepted").reason) == ("False", "SpecInvalid")
    assert "no such day ever comes" in said(cluster, "SpecAccepted").message


def test_markets_that_nobody_trades_until_a_window_opens_are_named() -> None:
    """Scaled down while a restart waits: what the slots that went have left, the others take with their restart."""
    cluster = waiting()
    cluster.settle()
    cluster.respecify(spec(FOUR, replicas=1, **NEW_IMAGE))
    cluster.settle()
    left = sorted({s.lower() for s in FOUR} - {m for markets in cluster.traded().values() for m in markets})

    assert left
    waits = cluster.bot.status.pending_change
    assert waits
    for message in (waits.message, said(cluster, "Ready").message):
        assert f"until then no slot trades {', '.join(left)}" in message


LESS: dict[str, Any] = {"desiredState": "Stopped", "risk": {"maxPosition": "0.5"}}


def told(cluster: Cluster) -> dict[str, SlotConfig]:
    """What is pushed now, by pod."""
    pushed = [command for command in cluster.decide().commands if isinstance(command, ConfigureSlot)]
    return {command.pod: SlotConfig.model_validate_json(command.document) for command in pushed}


@pytest.mark.parametrize("held_up", ["by a window", "behind a slot that does not get ready"])
def test_a_stop_and_tighter_limits_do_not_wait_with_a_restart(held_up: str) -> None:
    cluster = waiting()
    former = cluster.pods[0].inputs
    if held_up != "by a window":
        cluster.observed = replace(cluster.observed, closed=None)
        cluster.broken = lambda inputs: inputs != former
        for _ in range(8):
            cluster.step()
    cluster.respecify(spec(FOUR, replicas=3, **NEW_IMAGE, **LESS))
    waits = [pod for pod in cluster.pods.values() if pod.inputs == former and pod.stream.connected]

    assert len(waits) >= 2
    for pod in waits:
        config, running = told(cluster)[pod.name], pod.stream.report
        assert running
        assert (config.desired_state, config.risk.max_position) == ("Stopped", Decimal("0.5"))
        assert [market.name for market in config.markets] == [market.market for market in running.markets]
    cluster.step()
    assert not {pod.name for pod in waits} & told(cluster).keys(), "once"


def test_what_takes_a_restart_is_not_in_what_is_told_meanwhile() -> None:
    cluster = waiting()
    before = {slot: cluster.config(slot) for slot in range(3)}
    cluster.respecify(spec(FOUR, replicas=3, paper={"latency": "7ms"}, **LESS))
    meanwhile = told(cluster)
    cluster.settle()

    assert len(meanwhile) == 3
    for config in meanwhile.values():
        assert not cold_differences(before[config.slot], config)
        assert config.desired_state == "Stopped"
        mounted = cluster.config(config.slot)
        assert mounted.paper.latency_ns == 7_000_000 != config.paper.latency_ns
        assert config.generation < mounted.generation, "the mount is newer"


def test_a_bot_is_not_called_stopped_while_a_slot_says_that_it_trades() -> None:
    cluster = waiting()
    cluster.settle()
    cluster.respecify(spec(FOUR, replicas=3, **NEW_IMAGE, desiredState="Stopped"))
    cluster.settle()  # these pods say Active, whatever they are told
    assert cluster.bot.status.phase == "Progressing"
    for n, pod in cluster.pods.items():
        assert pod.stream.report
        stopped = msgspec.structs.replace(pod.stream.report, state=TradingState.STOPPED)
        cluster.pods[n] = replace(pod, stream=replace(pod.stream, report=stopped))
    cluster.settle()
    assert cluster.bot.status.phase == "Stopped"
