"""Whether the venues take the bot's credentials: only the runtimes can say so, for the operator never reads them."""

from typing import TYPE_CHECKING

from tradingbot_operator.core.conditions import ConditionType, Observation, Reason, no, unknown, yes
from tradingbot_operator.core.trading import slot_names
from tradingbot_runtime.config import Mode

if TYPE_CHECKING:  # status.py imports this
    from tradingbot_operator.core.status import Picture, SlotPicture

T = ConditionType


def credentials_valid(p: "Picture") -> Observation:
    if p.refusal and p.refusal.reason is Reason.CREDENTIALS_MISSING:
        return no(T.CREDENTIALS_VALID, p.refusal.reason, p.refusal.message)
    signing = [slot for slot in p.slots if slot.config.mode is Mode.LIVE and slot.config.markets]
    if not signing:
        return yes(T.CREDENTIALS_VALID, Reason.NOT_REQUIRED, "no slot has orders at a venue: none are needed")
    for slot in signing:
        for venue in slot.report.venues if slot.report else ():
            if venue.authenticated is False:
                used = slot.config.venues.get(venue.venue)  # none: it still runs what it had before
                secret = used.credentials_secret_ref if used else None
                said = refused_key(venue.message, secret.name if secret else "")
                return no(T.CREDENTIALS_VALID, Reason.AUTH_FAILED, f"slot {slot.ordinal}, venue {venue.venue}: {said}")
    if waiting := [slot for slot in signing if not _authenticated(slot)]:
        return unknown(T.CREDENTIALS_VALID, Reason.NOT_REPORTED, f"not told by {slot_names(waiting)} yet")
    return yes(T.CREDENTIALS_VALID, Reason.AUTHENTICATED, "every venue has taken them")


def refused_key(message: str, secret: str) -> str:
    """The venue's word, and what a person can do. Kubelet renews a mounted Secret within two minutes."""
    return f"{message}. Put the right key into Secret {secret}: it is read within two minutes, without a restart"


def _authenticated(slot: "SlotPicture") -> bool:
    known = {venue.venue for venue in slot.report.venues if venue.authenticated} if slot.report else set()
    return {leg.execution.venue for leg in slot.config.legs} <= known
