"""The status of a Venue."""

from collections.abc import Sequence

from tradingbot_operator.api.v1alpha1 import ObjectMeta, VenueStatus
from tradingbot_operator.core.conditions import ConditionType, Reason, merge, no, yes
from tradingbot_operator.core.observed import Manifest


def venue_status(manifest: Manifest, problems: Sequence[str], bots: int, now: str) -> Manifest | None:
    """The status to write; None when the stored one says the same."""
    metadata = ObjectMeta.model_validate(manifest["metadata"])
    before = VenueStatus.model_validate(manifest.get("status") or {})
    if problems:
        message = "; ".join(problems)
        observations = [no(kind, Reason.SPEC_INVALID, message) for kind in KINDS]
    else:
        observations = [yes(kind, Reason.VALID, "bots may use it") for kind in KINDS]
    after = VenueStatus(
        observed_generation=metadata.generation,
        conditions=merge(before.conditions, observations, metadata.generation, now),
        bots=bots,
    )
    return None if after == before else after.model_dump(mode="json", by_alias=True)


KINDS = (ConditionType.READY, ConditionType.SPEC_ACCEPTED)
