"""Deleting a bot: no order is left in the market, or somebody is told; and it always ends."""

import pytest

from harness.bot_world import VENUE, World, lists, manifest
from harness.operator_process import eventually
from tradingbot_runtime.model.control import Drain
from tradingbot_runtime.model.events import TradingState

pytestmark = pytest.mark.controlplane

OPERATOR = {"DRAIN_TIMEOUT_S": "6"}  # longer than two resyncs of a busy machine


def test_a_deletion_drains_and_lets_go(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    runtime = world.node.pods["maker-0"]

    world.delete()

    world.gone(within_s=5)
    assert any(isinstance(message, Drain) for message in runtime.told)
    assert runtime.report
    assert runtime.report.state is TradingState.DRAINED
    assert not [event for event in world.events() if event["type"] == "Warning"]


def test_a_deletion_waits_for_open_orders_and_says_what_it_left_behind(world: World) -> None:
    world.node.stubborn = True
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")

    world.delete()
    world.condition("Flat", "False", "OpenOrders")
    assert world.get("TradingBot")
    world.gone(within_s=12)

    told = [event for event in world.events() if event["reason"] == "DrainTimedOut"]
    assert told
    assert told[0]["type"] == "Warning"
    assert "maker-0: last reported Active, btcusdt 2 open (0 unknown)" in told[0]["message"]


def test_a_bot_whose_pods_cannot_be_reached_is_let_go_at_the_deadline(world: World) -> None:
    world.node.silent = True
    world.apply(VENUE, manifest())
    world.condition("Ready", "False", "RuntimeUnreachable", within_s=15)

    world.delete()
    world.gone(within_s=12)

    told = [event for event in world.events() if event["reason"] == "DrainTimedOut"]
    assert "never reported" in told[0]["message"]


def test_nothing_is_applied_while_a_bot_is_being_deleted(world: World) -> None:
    world.node.stubborn = True
    world.apply(VENUE, manifest())
    world.condition("Ready", "True")
    world.delete()
    world.condition("Reconciling", "True", "Deleting")

    world.client.delete("v1", "Service", world.namespace, "maker")
    sweeps = lists(world)
    eventually(lambda: lists(world) >= sweeps + 2)

    assert world.get("TradingBot")
    assert world.get("Service") is None
