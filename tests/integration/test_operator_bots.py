"""A bot's life against a real API server: the operator is a real process with its own rights and nothing more."""

import json
import logging
import time
from typing import Any

import pytest

from harness.bot_world import API, KEYED, KEYS, LIVE, VENUE, World, manifest
from harness.live_risk import LIVE_RISK
from harness.operator_process import conditions, eventually
from tradingbot_operator.core.conditions import OF_A_VENUE, ConditionType
from tradingbot_runtime.model.control import Configure, Drain, Hello, MarketReport
from tradingbot_runtime.model.events import TradingState

pytestmark = pytest.mark.controlplane


def test_a_bot_gets_its_children_and_is_ready(world: World) -> None:
    world.apply(VENUE, manifest())

    world.condition("Ready", "True", "Trading")

    bot = world.get("TradingBot")
    assert bot
    assert bot["metadata"]["finalizers"] == ["tradingbot.dev/drain"]
    status = bot["status"]
    assert (status["phase"], status["observedGeneration"], status["readyReplicas"]) == ("Running", 1, 1)
    assert status["configHash"]["desired"] == status["configHash"]["applied"] != ""
    lease = world.get("Lease", "maker-0")
    assert lease
    assert status["slots"][0]["leaseUID"] == lease["metadata"]["uid"]
    assert set(conditions(bot)) == set(ConditionType) - OF_A_VENUE
    assert conditions(bot)["ConfigApplied"] == ("True", "AllSlotsAcknowledged")
    assert conditions(bot)["Progressing"] == ("True", "NewRevisionAvailable")
    for kind, name in (("StatefulSet", "maker"), ("ConfigMap", "maker-slots"), ("Secret", "maker-control"),
                       ("Service", "maker"), ("ServiceAccount", "maker"), ("Role", "maker"),
                       ("RoleBinding", "maker"), ("Lease", "maker-0"), ("PodDisruptionBudget", "maker"),
                       ("NetworkPolicy", "maker")):  # fmt: skip
        child = world.get(kind, name)
        assert child, kind
        assert child["metadata"]["ownerReferences"][0]["uid"] == bot["metadata"]["uid"]
        assert child["metadata"]["labels"]["tradingbot.dev/bot"] == "maker"
    assert world.client.get(API, "Venue", world.namespace, "venue")["status"]["bots"] == 1  # type: ignore[index]  # it is there


def test_a_bot_is_quickly_there_and_quickly_gone(world: World) -> None:
    """The targets are 1 s each; the rest of the limits is for the machine, whose two cores run everything else too."""
    started = time.monotonic()
    world.apply(VENUE, manifest())
    eventually(lambda: world.get("Pod", "maker-0"))
    there = time.monotonic()
    eventually(lambda: "maker-0" in world.node.pods)
    running = time.monotonic()
    world.condition("Ready", "True")
    ready = time.monotonic()
    world.delete()
    world.gone()
    times = {"apply to pod": there - started, "running to Ready": ready - running, "delete": time.monotonic() - ready}

    logging.getLogger(__name__).info("seconds: %s", times)  # --log-cli-level=INFO shows it
    assert max(times.values()) < 3, times


def test_a_new_spread_is_pushed_and_acknowledged_and_restarts_nothing(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    template = world.spec("StatefulSet")["template"]
    uid = world.node.pods["maker-0"].uid

    world.apply(manifest(strategy={"marketMaking": {"spreadBps": "12", "sizes": ["0.001"]}}))

    eventually(lambda: any(isinstance(m, Configure) for m in world.node.pods["maker-0"].told))
    eventually(lambda: (world.get("TradingBot") or {})["status"]["observedGeneration"] == 2)
    world.condition("Ready", "True")
    assert world.spec("StatefulSet")["template"] == template
    assert world.node.pods["maker-0"].uid == uid
    hashes = (world.get("TradingBot") or {})["status"]["configHash"]
    assert hashes["applied"] == hashes["desired"]
    config_map = world.get("ConfigMap", "maker-slots")
    assert config_map
    assert json.loads(config_map["data"]["slot-0.json"])["strategy"]["marketMaking"]["spreadBps"] == "12"


def test_a_restart_class_change_replaces_the_pod(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    uid = world.node.pods["maker-0"].uid

    world.apply(manifest(symbols=("BTCUSDT", "ETHUSDT")))

    eventually(lambda: "maker-0" in world.node.pods and world.node.pods["maker-0"].uid != uid)
    eventually(lambda: (world.get("TradingBot") or {})["status"]["observedGeneration"] == 2)
    world.condition("Ready", "True")
    assert world.traded("maker-0") == {"btcusdt", "ethusdt"}
    assert world.spec("StatefulSet")["updateStrategy"]["rollingUpdate"]["partition"] == 0


def test_a_restart_that_has_not_reached_every_slot_is_pending(world: World) -> None:
    symbols = ("BTCUSDT", "ETHUSDT", "ADAUSDT", "SOLUSDT")
    world.apply(VENUE, manifest(symbols=symbols, replicas=2))
    world.condition("Ready", "True")
    world.node.delay.set()  # the next pod does not start

    world.apply(manifest(symbols=symbols, replicas=2, pod={"priorityClassName": "system-cluster-critical"}))

    def waits() -> Any:  # noqa: ANN401 - as it is stored
        return (world.get("TradingBot") or {})["status"].get("pendingChange")

    eventually(lambda: (waits() or {}).get("slots") == [0], 15, lambda: str(waits()))
    assert (waits()["class"], waits()["reason"]) == ("Restart", "SlotsUpdating")
    assert waits()["message"].startswith("slot 1 must be up first: slot 1 ")
    world.node.delay.clear()
    eventually(lambda: waits() is None, 15, lambda: str(waits()))
    world.condition("Ready", "True")


def test_a_missing_venue_is_named_and_its_appearance_is_enough(world: World) -> None:
    world.apply(manifest())

    message = world.condition("SpecAccepted", "False", "ReferenceNotFound")
    assert "venue" in message
    assert world.get("StatefulSet") is None

    world.apply(VENUE)
    world.condition("Ready", "True")


def test_a_refused_spec_leaves_the_last_valid_one_running(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    before = world.get("ConfigMap", "maker-slots")

    elsewhere = manifest()
    elsewhere["spec"]["markets"][0]["execution"]["venue"] = "nowhere"
    world.apply(elsewhere)

    world.condition("SpecAccepted", "False", "ReferenceNotFound")
    world.condition("Stalled", "True", "ReferenceNotFound")
    world.condition("Available", "True")
    after = world.get("ConfigMap", "maker-slots")
    assert before
    assert after
    assert after["data"] == before["data"]
    world.client.delete("v1", "ConfigMap", world.namespace, "maker-slots")
    world.apply(manifest())
    world.condition("Ready", "True")


def test_the_younger_of_two_bots_on_one_market_is_refused_until_the_older_is_gone(world: World) -> None:
    world.apply(KEYS, KEYED, manifest("elder", **LIVE))
    world.condition("Ready", "True", name="elder")

    world.apply(manifest("younger", **LIVE))

    message = world.condition("SpecAccepted", "False", "MarketTaken", name="younger")
    assert message == "venue/BTCUSDT belongs to TradingBot elder"
    world.delete("elder")
    world.condition("Ready", "True", name="younger")


def test_a_paper_bot_on_a_live_bots_market_is_ready_and_claims_it_only_when_it_goes_live(world: World) -> None:
    world.apply(KEYS, KEYED, manifest("trial"), manifest("second-trial"))
    world.condition("Ready", "True", name="trial")
    world.condition("Ready", "True", name="second-trial")
    world.apply(manifest("real", **LIVE))
    world.condition("Ready", "True", name="real")

    world.apply(manifest("trial", **LIVE))
    assert "belongs to TradingBot real" in world.condition("SpecAccepted", "False", "MarketTaken", name="trial")
    assert world.node.pods["trial-0"].config.mode == "Paper", "its last valid spec goes on"
    world.apply(manifest("real", mode="Paper", risk=LIVE_RISK))
    world.condition("SpecAccepted", "True", name="trial")
    world.condition("Ready", "True", name="trial")


def test_a_slot_that_goes_is_drained_before_its_market_moves(world: World) -> None:
    symbols = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")
    world.apply(VENUE, manifest(symbols=symbols, replicas=2))
    world.condition("Ready", "True")
    leaving = world.node.pods["maker-1"]
    assert world.traded("maker-1")

    world.apply(manifest(symbols=symbols, replicas=1))

    eventually(lambda: "maker-1" not in world.node.pods, 15)
    assert any(isinstance(message, Drain) for message in leaving.told)
    eventually(lambda: len(world.traded("maker-0")) == 4, 15)
    world.condition("Ready", "True")
    slots = {slot["ordinal"]: slot for slot in (world.get("TradingBot") or {})["status"]["slots"]}
    assert slots[1]["state"] == "Removed"
    assert slots[1]["leaseUID"], "its Lease must never be created again"


def test_a_halt_is_shown_at_once(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")

    flat = (MarketReport(market="btcusdt", position="1", open_orders=0, unknown_orders=0),)
    world.node.update("maker-0", state=TradingState.HALTED, reason="MaxDailyLoss", ready=False, markets=flat)

    world.condition("Ready", "False", "Halted", within_s=2)
    world.condition("Stalled", "True", "HaltRequiresManualReset")
    world.condition("Flat", "True")
    assert (world.get("TradingBot") or {})["status"]["phase"] == "Halted"


def test_the_term_of_the_leader_is_in_every_message(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    runtime = world.node.pods["maker-0"]
    lease = world.client.get("coordination.k8s.io/v1", "Lease", "tradingbot-system", "tradingbot-operator")
    assert lease
    assert {message.term for message in runtime.told} == {lease["spec"]["leaseTransitions"]}
    assert isinstance(runtime.told[0], Hello)
