"""The dead man's switch at a real API server: a slot is lost when nobody hears it and its Lease has run out."""

import json

import pytest

from harness.api_client import Object
from harness.bot_world import API, KEYED, KEYS, LIVE, VENUE, World, lists, manifest
from harness.operator_process import eventually

pytestmark = pytest.mark.controlplane

OPERATOR = {"DRAIN_TIMEOUT_S": "8"}
LEASE = "coordination.k8s.io/v1"
SHORT_S = 3
LOST_WITHIN_S = 30.0  # the Lease, looked at every five seconds


def bot(world: World) -> Object:
    found = world.get("TradingBot")
    assert found
    return found


def withdrawal(world: World) -> Object:
    """Of slot 0."""
    (slot, *_) = bot(world)["status"]["slots"]
    return dict(slot.get("withdrawal") or {})


def job(world: World) -> Object | None:
    return world.get("Job", str(withdrawal(world)["job"])) if withdrawal(world) else None


def lose(world: World, pod: str = "maker-0") -> None:
    """Its process is gone with its node, and has left a Lease that nobody renews."""
    world.client.merge(LEASE, "Lease", world.namespace, pod, {"spec": {"leaseDurationSeconds": SHORT_S}})
    world.node.cut(pod)


def done(world: World) -> None:
    """The pod of the Job has ended well, as kubelet would say; the Job's own controller does the rest."""
    found = job(world)
    assert found
    of_job = f"job-name={found['metadata']['name']}"
    (pod,) = eventually(lambda: world.client.list("v1", "Pod", world.namespace, of_job), 15, "the Job's pod")
    ended = {"status": {"phase": "Succeeded"}}
    world.client.merge("v1", "Pod", world.namespace, pod["metadata"]["name"], ended, part="status")


def told(world: World, reason: str) -> list[Object]:
    return [event for event in world.events() if event["reason"] == reason]


@pytest.fixture
def live(world: World) -> World:
    """A Live bot that trades."""
    world.apply(KEYS, KEYED, manifest(**LIVE))
    world.condition("Ready", "True")
    return world


def test_a_slot_that_is_lost_has_a_job_that_the_api_server_takes_and_the_status_says_how_it_ends(live: World) -> None:
    lose(live)

    eventually(lambda: job(live), LOST_WITHIN_S, lambda: f"a Job; it is {bot(live)['status']}")
    assert withdrawal(live)["state"] == "Running"
    eventually(lambda: told(live, "DeadMansSwitch"))
    done(live)
    eventually(lambda: withdrawal(live)["state"] == "Succeeded", 15, "the status says so")
    eventually(lambda: told(live, "OrdersWithdrawn"))


def test_a_slot_that_is_lost_while_its_market_is_on_its_way_elsewhere_has_its_orders_withdrawn(world: World) -> None:
    """Its node is gone, so that its pod cannot end; an autoscaler scales the bot at that moment."""
    world.apply(KEYS, KEYED, manifest(**LIVE, replicas=2, symbols=("BTCUSDT", "ETHUSDT", "ADAUSDT")))
    world.converged()
    pinned = {"metadata": {"finalizers": ["example.com/node-gone"]}}
    world.client.merge("v1", "Pod", world.namespace, "maker-0", pinned)
    lose(world)
    world.client.merge(API, "TradingBot", world.namespace, "maker", {"spec": {"replicas": 3}})

    found = eventually(lambda: job(world), LOST_WITHIN_S, lambda: f"a Job; it is {bot(world)['status']}")
    brought = found["spec"]["template"]["metadata"]["annotations"]["tradingbot.dev/left"]
    assert [market["name"] for market in json.loads(brought)["markets"]] == ["adausdt"]
    world.client.merge("v1", "Pod", world.namespace, "maker-0", {"metadata": {"finalizers": None}})


def test_a_slot_that_comes_back_needs_no_job(live: World) -> None:
    lose(live)
    eventually(lambda: job(live), LOST_WITHIN_S, "a Job")
    name = str(withdrawal(live)["job"])
    live.client.delete("v1", "Pod", live.namespace, "maker-0")  # its successor starts on another node

    live.condition("Ready", "True", within_s=30)
    eventually(lambda: not withdrawal(live), 10, "the status does not speak of it any more")
    eventually(lambda: live.get("Job", name) is None, 10, "the Job is gone")


def test_a_bot_is_let_go_once_the_job_has_found_its_venue_empty(live: World) -> None:
    lose(live)
    eventually(lambda: job(live), LOST_WITHIN_S, "a Job")
    live.delete()
    live.condition("Ready", "False", "Deleting")
    done(live)

    live.gone(within_s=15)
    assert not told(live, "DrainTimedOut")


def test_an_operator_that_hears_nobody_while_the_leases_are_renewed_withdraws_for_nobody(live: World) -> None:
    """It is the operator that is cut off. The Lease is short: to be renewed within the test is what saves the slot."""
    lose(live)
    renewals, before = 0, lists(live)

    def looked_again() -> bool:
        nonlocal renewals
        renewals += 1
        renewed = {"spec": {"leaseTransitions": renewals}}
        live.client.merge(LEASE, "Lease", live.namespace, "maker-0", renewed)
        return lists(live) > before + 15  # a second each

    eventually(looked_again, 60, "it has looked for many times the length of the Lease")
    assert not withdrawal(live)
    assert live.client.list("batch/v1", "Job", live.namespace) == []


def test_the_venue_of_a_paper_bot_has_nothing_of_it(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    lose(world)

    world.condition("Ready", "False", "RuntimeUnreachable", within_s=15)
    before = lists(world)
    eventually(lambda: lists(world) > before + 2 * SHORT_S + 5, 40, "many sweeps later")
    assert world.client.list("batch/v1", "Job", world.namespace) == []
