"""Deleting a bot: no order is left in the market, or somebody is told; and it always ends."""

import pytest

from harness.bot_world import KEYED, KEYS, LIVE, VENUE, World, lists, manifest
from harness.operator_process import eventually
from tradingbot_runtime.model.control import Drain
from tradingbot_runtime.model.events import TradingState

pytestmark = pytest.mark.controlplane

OPERATOR = {"DRAIN_TIMEOUT_S": "6"}  # longer than two resyncs of a busy machine


def test_a_deletion_drains_and_lets_go(world: World) -> None:
    world.apply(KEYS, KEYED, manifest(**LIVE))
    world.condition("Ready", "True")
    runtime = world.node.pods["maker-0"]

    world.delete()

    world.gone(within_s=5)
    assert any(isinstance(message, Drain) for message in runtime.told)
    assert runtime.report
    assert runtime.report.state is TradingState.DRAINED
    assert not [event for event in world.events() if event["type"] == "Warning"]


def timed_out(world: World) -> list[str]:
    """What is told, as a warning, of a bot that was let go without proof; Events are posted after all else."""
    return [event["message"] for event in world.events()
            if (event["reason"], event["type"]) == ("DrainTimedOut", "Warning")]  # fmt: skip


def test_a_deletion_waits_for_open_orders_and_says_what_it_left_behind(world: World) -> None:
    world.node.stubborn = True
    world.apply(KEYS, KEYED, manifest(**LIVE))
    world.condition("Ready", "True")

    world.delete()
    world.condition("Flat", "False", "OpenOrders")
    assert world.get("TradingBot")
    world.gone(within_s=12)

    told = eventually(lambda: timed_out(world))
    assert "maker-0: last reported Active, btcusdt 2 open (0 unknown)" in told[0]


def test_a_bot_whose_pods_cannot_be_reached_is_let_go_at_the_deadline(world: World) -> None:
    world.node.silent = True
    world.apply(KEYS, KEYED, manifest(**LIVE))
    world.condition("Ready", "False", "RuntimeUnreachable", within_s=15)

    world.delete()
    world.gone(within_s=12)

    assert "never reported" in eventually(lambda: timed_out(world))[0]


def test_nothing_is_applied_while_a_bot_is_being_deleted(world: World) -> None:
    world.node.stubborn = True
    world.apply(KEYS, KEYED, manifest(**LIVE))
    world.condition("Ready", "True")
    world.delete()
    world.condition("Reconciling", "True", "Deleting")

    world.client.delete("v1", "Service", world.namespace, "maker")
    sweeps = lists(world)
    eventually(lambda: lists(world) >= sweeps + 2)

    assert world.get("TradingBot")
    assert world.get("Service") is None


# -- what has never sent an order ------------------------------------------------------------------------------------

AT_ONCE_S = 4.0  # less than the drain's timeout, and time for a busy machine


def assert_gone_at_once(world: World) -> None:
    world.gone(within_s=AT_ONCE_S)
    assert [event["message"] for event in world.events() if event["reason"] == "DrainTimedOut"] == []


def test_a_bot_that_was_in_mode_paper_for_all_its_life_goes_at_once_whatever_its_pods_do(world: World) -> None:
    world.node.stubborn = True
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    world.apply(manifest(strategy={"marketMaking": {"spreadBps": "12", "sizes": ["0.001"]}}))
    world.condition("Ready", "True")

    world.delete()

    assert_gone_at_once(world)


def test_a_bot_that_is_stuck_in_its_start_goes_when_its_journal_proves_that_it_never_sent_an_order(
    world: World,
) -> None:
    world.node.stubborn = True
    world.apply(KEYS, KEYED, manifest(**LIVE))
    world.condition("Ready", "True")
    refused = "waiting for venue venue: Invalid API-key, IP, or permissions for action. (-2015)"
    world.node.update("maker-0", state=TradingState.STARTING, ready=False, reason="Provisioning", message=refused,
                      never_traded=True)  # fmt: skip
    world.condition("Ready", "False")

    world.delete()

    assert_gone_at_once(world)


LAST_WORDS = (
    '{"ts":"x","level":"info","event":"Ended","logger":"app","exit_code":2,"never_traded":true}\n'
    "Venue venue: environment is Testnet, but the venue says that it is Simulated\n"
)


def _crash_loop(world: World) -> None:
    end = {"exitCode": 2, "reason": "Error", "message": LAST_WORDS, "startedAt": "2026-01-01T00:00:00Z",
           "finishedAt": "2026-01-01T00:00:01Z", "containerID": "x"}  # fmt: skip
    container = {"name": "runtime", "ready": False, "restartCount": 3, "image": "runtime:1", "imageID": "",
                 "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": end}}  # fmt: skip
    status = {"phase": "Running", "podIP": "127.0.0.9", "containerStatuses": [container]}
    world.client.merge("v1", "Pod", world.namespace, "maker-0", {"status": status}, part="status")


def test_a_bot_whose_runtime_refuses_to_start_goes_by_its_last_words(world: World) -> None:
    """Its process has held the Lease: only what it says itself proves that it has not traded."""
    world.node.delay.set()
    world.apply(KEYS, KEYED, manifest(**LIVE))
    eventually(lambda: world.get("Pod", "maker-0") and world.get("Lease", "maker-0"))
    held = {"spec": {"leaseTransitions": 3}}
    world.client.merge("coordination.k8s.io/v1", "Lease", world.namespace, "maker-0", held)
    _crash_loop(world)
    world.condition("Stalled", "True", "StartRefused")

    world.delete()

    assert_gone_at_once(world)


def test_a_bot_whose_pods_never_took_their_lease_goes_at_once(world: World) -> None:
    world.node.delay.set()
    world.apply(KEYS, KEYED, manifest(**LIVE))
    world.condition("Ready", "False", "Provisioning")
    eventually(lambda: world.get("Pod", "maker-0"))
    eventually(lambda: (world.get("TradingBot") or {})["status"]["slots"][0]["leaseUID"])

    world.delete()

    assert_gone_at_once(world)


def test_a_pod_that_has_not_started_may_follow_one_that_left_orders_behind(world: World) -> None:
    world.apply(KEYS, KEYED, manifest(**LIVE))
    world.condition("Ready", "True")
    world.node.delay.set()
    world.client.delete("v1", "Pod", world.namespace, "maker-0")
    world.condition("Ready", "False", "Provisioning")

    world.delete()

    told = world.condition("Ready", "False", "Deleting")
    assert "its slot may have left orders in the market" in told
    eventually(lambda: "its Lease has to run out first" in world.condition("Ready", "False", "Deleting"))
    world.abandon()
    world.gone(within_s=12)

    def warnings() -> list[str]:
        return [event["reason"] for event in world.events() if event["type"] == "Warning"]

    eventually(lambda: "Abandoned" in warnings())  # Events are posted after all else
    warned = warnings()
    assert set(warned) - {"Provisioning", "RuntimeUnreachable"} == {"Abandoned"}, "beside the pod's end: once"
    assert warned.count("Abandoned") == 1
