"""A restart that waits for its window, at a real API server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness.bot_world import VENUE, World, lists, manifest
from harness.operator_process import eventually

pytestmark = pytest.mark.controlplane


def later_today() -> dict[str, Any]:
    """A window that opens in six hours."""
    opens = datetime.now(UTC) + timedelta(hours=6)
    return {"windows": [{"schedule": f"{opens.minute} {opens.hour} * * *", "duration": "1m"}]}


def waits(world: World) -> Any:  # noqa: ANN401 - as it is stored
    return (world.get("TradingBot") or {})["status"].get("pendingChange")


def test_a_restart_waits_for_its_window_writes_nothing_meanwhile_and_goes_on_without_it(world: World) -> None:
    world.apply(VENUE, manifest(rollout=later_today()))
    world.converged()
    uid = world.node.pods["maker-0"].uid

    world.apply(manifest(rollout=later_today(), restartNonce=1))

    world.condition("Ready", "False", "OutsideMaintenanceWindow")
    found = eventually(lambda: waits(world))
    assert (found["class"], found["slots"], found["reason"]) == ("Restart", [0], "OutsideMaintenanceWindow")
    ahead = datetime.fromisoformat(found["notBefore"]) - datetime.now(UTC)
    assert timedelta(hours=5) < ahead <= timedelta(hours=6)
    world.condition("Available", "True")
    world.condition("Stalled", "False")
    eventually(lambda: quiet(world), 20, lambda: str(world.get("TradingBot")))
    assert world.node.pods["maker-0"].uid == uid

    world.apply(manifest(restartNonce=1))

    eventually(lambda: "maker-0" in world.node.pods and world.node.pods["maker-0"].uid != uid, 15)
    world.converged()
    assert waits(world) is None


def quiet(world: World) -> bool:
    before, sweeps = world.versions(), lists(world)
    eventually(lambda: lists(world) >= sweeps + 2, what="two more resyncs")
    return world.versions() == before


def test_a_schedule_that_is_none_is_named(world: World) -> None:
    world.apply(
        VENUE, manifest(rollout={"windows": [{"schedule": "0 0 31 2 *", "duration": "1h", "timeZone": "Moon"}]})
    )

    assert "spec.rollout.windows[0].timeZone: 'Moon'" in world.condition("SpecAccepted", "False", "SpecInvalid")
