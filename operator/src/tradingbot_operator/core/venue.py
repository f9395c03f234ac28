"""The status of a Venue: its spec, and what the slots that use it say."""

from collections.abc import Sequence
from dataclasses import dataclass

from tradingbot_operator.api.v1alpha1 import ObjectMeta, VenueStatus
from tradingbot_operator.api.v1alpha1.venue import MAX_USERS
from tradingbot_operator.core.conditions import ConditionType, Observation, Reason, merge, no, unknown, yes
from tradingbot_operator.core.credentials import refused_key
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.core.wording import listed
from tradingbot_runtime.config import VenueSpec
from tradingbot_runtime.model.control import VenueReport

T = ConditionType
HEARD = frozenset({T.CREDENTIALS_VALID, T.REACHABLE, T.READY})  # conditions that follow from what the slots say


@dataclass(frozen=True, slots=True)
class HeardVenue:
    """A venue, as one slot sees it."""

    bot: str
    slot: int
    report: VenueReport
    credentials_since: str = ""  # RFC 3339: when the slot began to use its present ones; empty: it uses none


@dataclass(frozen=True, slots=True)
class VenueSeen:
    """All that the status of a Venue depends on."""

    spec: VenueSpec | tuple[str, ...]  # or what is wrong with it
    bots: tuple[str, ...]  # that name it, sorted
    heard: tuple[HeardVenue, ...]
    secret_missing: bool
    deleting: bool
    settling: bool = False  # a new leader has heard no slot yet: what the one before it wrote of them is better


def venue_status(manifest: Manifest, seen: VenueSeen, now: str) -> Manifest | None:
    """The status to write; None when the stored one says the same."""
    metadata = ObjectMeta.model_validate(manifest["metadata"])
    before = VenueStatus.model_validate(manifest.get("status") or {})
    observations = [_spec_accepted(seen), _credentials_valid(seen), _reachable(seen)]
    fresh = merge(before.conditions, [_ready(seen, observations), *observations], metadata.generation, now)
    kept = {condition.type: condition for condition in before.conditions if seen.settling and condition.type in HEARD}
    after = VenueStatus(
        observed_generation=metadata.generation,
        conditions=tuple(kept.get(condition.type, condition) for condition in fresh),
        bots=len(seen.bots),
        used_by=seen.bots[:MAX_USERS],
        credentials_since=before.credentials_since if seen.settling else _credentials_since(seen),
    )
    return None if after == before else after.model_dump(mode="json", by_alias=True, exclude_none=True)


def _credentials_since(seen: VenueSeen) -> str | None:
    return min((heard.credentials_since for heard in seen.heard if heard.credentials_since), default=None)


def _ready(seen: VenueSeen, observations: Sequence[Observation]) -> Observation:
    if seen.deleting:
        return no(
            T.READY, Reason.IN_USE, f"its deletion waits for TradingBot {listed(seen.bots)}: delete or change first"
        )
    for found in observations:
        if found.status == "False":
            return no(T.READY, found.reason, found.message)
    return yes(T.READY, Reason.VALID, "bots may use it")


def _spec_accepted(seen: VenueSeen) -> Observation:
    if isinstance(seen.spec, tuple):
        return no(T.SPEC_ACCEPTED, Reason.SPEC_INVALID, "; ".join(seen.spec))
    return yes(T.SPEC_ACCEPTED, Reason.VALID, "the spec can be used")


def _credentials_valid(seen: VenueSeen) -> Observation:
    """One slot whose key is refused is enough: the key is the same for all, and the others may not have used it yet."""
    kind, reference = T.CREDENTIALS_VALID, getattr(seen.spec, "credentials_secret_ref", None)
    if reference is None:
        return yes(kind, Reason.NOT_REQUIRED, "it names no Secret: market data and mode Paper need none")
    if seen.secret_missing:
        return no(kind, Reason.SECRET_NOT_FOUND, f"there is no Secret {reference.name}")
    if refused := [heard for heard in seen.heard if heard.report.authenticated is False]:
        said = refused_key(refused[0].report.message, reference.name)
        return no(kind, Reason.AUTH_FAILED, f"{_slots(refused)}: {said}")
    if any(heard.report.authenticated for heard in seen.heard):
        return yes(kind, Reason.AUTHENTICATED, "the venue has taken these credentials")
    return unknown(kind, Reason.NOT_REPORTED, "no slot in mode Live has used them yet")


def _reachable(seen: VenueSeen) -> Observation:
    kind = T.REACHABLE
    if not seen.heard:
        return unknown(kind, Reason.NOT_REPORTED, "no slot that uses it is heard")
    if away := [heard for heard in seen.heard if not heard.report.reachable]:
        return no(kind, Reason.UNREACHABLE, f"{_slots(away)}: {away[0].report.message}".removesuffix(": "))
    return yes(kind, Reason.ANSWERS, "every slot that uses it has an answer, and its streams are open")


def _slots(heard: Sequence[HeardVenue]) -> str:
    return listed([f"{each.bot}/{each.slot}" for each in heard])
