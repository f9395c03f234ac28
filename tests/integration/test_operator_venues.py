"""A Venue's status at a real API server: what its bots report, and a deletion that waits for them."""

from typing import Any

import msgspec
import pytest

from harness.bot_world import API, KEYED, KEYS, LIVE, VENUE, World, manifest
from harness.operator_process import eventually
from harness.spoken import assert_in_vocabulary
from tradingbot_operator.api.v1alpha1 import VenueStatus
from tradingbot_runtime.model.control import VenueReport

pytestmark = pytest.mark.controlplane
REFUSED = VenueReport(venue="venue", reachable=True, authenticated=False, message="Invalid API-key (-2015)")


def status(world: World) -> dict[str, Any]:
    found = (world.get("Venue", "venue") or {}).get("status", {})
    assert_in_vocabulary("Venue", VenueStatus.model_validate(found).conditions)
    return dict(found)


def test_what_its_bots_report_is_in_its_status_and_a_refused_key_is_said_of_both(world: World) -> None:
    world.apply(KEYED, KEYS, manifest(**LIVE))
    world.condition("CredentialsValid", "True", "Authenticated")
    world.venue_condition("CredentialsValid", "True", "Authenticated")
    world.venue_condition("Reachable", "True", "Answers")
    assert (status(world)["bots"], status(world)["usedBy"]) == (1, ["maker"])

    world.node.update("maker-0", venues=(REFUSED,))
    message = world.condition("CredentialsValid", "False", "AuthFailed")
    assert "slot 0, venue venue: Invalid API-key (-2015). Put the right key into Secret keys" in message
    world.venue_condition("CredentialsValid", "False", "AuthFailed")
    world.venue_condition("Ready", "False", "AuthFailed")

    world.node.update("maker-0", venues=(msgspec.structs.replace(REFUSED, reachable=False, authenticated=None),))
    world.venue_condition("Reachable", "False", "Unreachable")


def test_a_venue_of_which_nobody_is_heard_any_more_is_not_called_reachable(world: World) -> None:
    world.apply(VENUE, manifest())
    world.venue_condition("Reachable", "True", "Answers")

    world.delete()
    world.venue_condition("Reachable", "Unknown", "NotReported")
    eventually(lambda: status(world)["bots"] == 0, 10, "no bot uses it")


def test_a_missing_secret_is_named_until_it_is_there(world: World) -> None:
    world.apply(KEYED)
    world.venue_condition("CredentialsValid", "False", "SecretNotFound")

    world.apply(KEYS)
    world.venue_condition("CredentialsValid", "Unknown", "NotReported")


def test_the_deletion_of_a_venue_in_use_waits_and_says_for_whom(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True", "Trading")

    world.client.delete(API, "Venue", world.namespace, "venue")
    world.venue_condition("Ready", "False", "InUse")
    assert "maker" in str(status(world)["conditions"])
    world.condition("SpecAccepted", "True", "Valid")
    world.apply(manifest("late"))
    message = world.condition("SpecAccepted", "False", "ReferenceNotFound", name="late")
    assert message == "Venue venue is being deleted: no other bot begins there"
    assert status(world)["usedBy"] == ["maker"]

    world.delete()
    eventually(lambda: world.get("Venue", "venue") is None, 15, "one that was never accepted does not hold it up")
    eventually(lambda: "there is no Venue" in world.condition("SpecAccepted", "False", name="late"))
