"""What a Venue says of itself: its spec, its Secret, and what the slots that use it report."""

from dataclasses import replace

import pytest

from harness.bad_manifests import good_venue
from harness.spoken import assert_in_vocabulary
from tradingbot_operator.api.v1alpha1 import VenueStatus
from tradingbot_operator.core.venue import HeardVenue, VenueSeen, venue_status
from tradingbot_runtime.config import VenueSpec, as_written
from tradingbot_runtime.model.control import VenueReport

MANIFEST = good_venue() | {"metadata": {"name": "binance", "namespace": "n", "uid": "u", "generation": 3}}
KEYED = as_written(VenueSpec, {**good_venue()["spec"], "credentialsSecretRef": {"name": "keys"}})
KEYLESS = KEYED.model_copy(update={"credentials_secret_ref": None})
SEEN = VenueSeen(spec=KEYED, bots=("maker",), heard=(), secret_missing=False, deleting=False)
SAYS = VenueReport(venue="binance", reachable=True, authenticated=True)


def heard(*reports: VenueReport) -> tuple[HeardVenue, ...]:
    return tuple(HeardVenue("maker", slot, report) for slot, report in enumerate(reports))


def said(seen: VenueSeen) -> dict[str, tuple[str, str, str]]:
    written = venue_status(MANIFEST, seen, "2026-01-01T00:00:00Z")
    assert written is not None
    status = VenueStatus.model_validate(written)
    assert_in_vocabulary("Venue", status.conditions)
    assert venue_status(MANIFEST | {"status": written}, seen, "2026-02-01T00:00:00Z") is None, "no write without news"
    return {c.type: (c.status, c.reason, c.message) for c in status.conditions}


@pytest.mark.parametrize(("seen", "credentials", "reachable", "ready"), [
    (SEEN, "NotReported", "NotReported", "Valid"),
    (replace(SEEN, spec=KEYLESS), "NotRequired", "NotReported", "Valid"),
    (replace(SEEN, heard=heard(SAYS)), "Authenticated", "Answers", "Valid"),
    (replace(SEEN, secret_missing=True, heard=heard(SAYS)), "SecretNotFound", "Answers", "SecretNotFound"),
    (replace(SEEN, spec=("spec.type: must be ...",)), "NotRequired", "NotReported", "SpecInvalid"),
    (replace(SEEN, deleting=True, heard=heard(SAYS)), "Authenticated", "Answers", "InUse"),
], ids=["nobody heard", "no Secret", "well", "its Secret is gone", "invalid", "being deleted"])  # fmt: skip
def test_each_condition_has_its_reason(seen: VenueSeen, credentials: str, reachable: str, ready: str) -> None:
    found = said(seen)
    assert [found[kind][1] for kind in ("CredentialsValid", "Reachable", "Ready")] == [credentials, reachable, ready]


def test_one_slot_whose_key_is_refused_is_enough_and_is_named() -> None:
    refused = VenueReport(venue="binance", reachable=True, authenticated=False, message="Invalid API-key (-2015)")
    found = said(replace(SEEN, heard=heard(SAYS, refused)))

    assert found["CredentialsValid"][:2] == ("False", "AuthFailed")
    assert found["CredentialsValid"][2].startswith(
        "maker/1: Invalid API-key (-2015). Put the right key into Secret keys"
    )
    assert found["Ready"][:2] == ("False", "AuthFailed")
    assert found["Reachable"][0] == "True"


def test_one_slot_that_does_not_reach_it_is_enough_and_says_why() -> None:
    away = VenueReport(venue="binance", reachable=False, message="no answer from Binance")
    found = said(replace(SEEN, heard=heard(SAYS, away)))

    assert found["Reachable"] == ("False", "Unreachable", "maker/1: no answer from Binance")
    assert found["Ready"][:2] == ("False", "Unreachable")


def test_a_deletion_names_for_whom_it_waits_and_a_long_list_is_cut() -> None:
    bots = tuple(f"bot-{number:02}" for number in range(60))
    found = said(replace(SEEN, deleting=True, bots=bots))
    written = venue_status(MANIFEST, replace(SEEN, bots=bots), "2026-01-01T00:00:00Z")

    assert "bot-00, bot-01, bot-02, bot-03, bot-04 and 55 more" in found["Ready"][2]
    assert written is not None
    assert (written["bots"], len(written["usedBy"])) == (60, 50)


def test_a_new_leader_keeps_what_was_heard_before_until_it_may_have_heard_itself() -> None:
    written = venue_status(MANIFEST, replace(SEEN, heard=heard(SAYS)), "2026-01-01T00:00:00Z")
    again = venue_status(MANIFEST | {"status": written}, replace(SEEN, settling=True), "2026-02-01T00:00:00Z")
    more = venue_status(
        MANIFEST | {"status": written}, replace(SEEN, settling=True, bots=("a", "b")), "2026-02-01T00:00:00Z"
    )

    assert again is None
    assert more is not None
    status = VenueStatus.model_validate(more)
    assert status.bots == 2, "what needs no slot to be known is told at once"
    assert {c.type: c.status for c in status.conditions}["Reachable"] == "True"
    assert venue_status(MANIFEST | {"status": written}, SEEN, "2026-02-01T00:00:00Z") is not None, (
        "afterwards it is not"
    )


def test_who_waits_to_revoke_a_former_key_is_told_since_when_every_slot_uses_another() -> None:
    def since(*moments: str) -> str | None:
        slots = tuple(HeardVenue("maker", slot, SAYS, moment) for slot, moment in enumerate(moments))
        written = venue_status(MANIFEST, replace(SEEN, heard=slots), "2026-01-01T00:00:00Z")
        assert written
        return VenueStatus.model_validate(written).credentials_since

    assert since("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z") == "2026-01-01T00:00:00Z", "the last to change counts"
    assert since("2026-01-01T00:02:00Z", "2026-01-01T00:01:00Z") == "2026-01-01T00:01:00Z"
    assert since("", "2026-01-01T00:01:00Z") == "2026-01-01T00:01:00Z", "a slot that signs nothing"
    assert since("") is None


def test_a_new_leader_keeps_the_moment_until_it_has_heard_the_slots() -> None:
    slot = HeardVenue("maker", 0, SAYS, "2026-01-01T00:00:00Z")
    told = venue_status(MANIFEST, replace(SEEN, heard=(slot,)), "2026-01-01T00:00:00Z")
    assert told

    assert venue_status(MANIFEST | {"status": told}, replace(SEEN, settling=True), "2026-01-01T00:00:01Z") is None
