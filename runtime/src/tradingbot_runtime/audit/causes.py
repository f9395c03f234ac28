"""Who caused a step, and why: what the journal's record says of it, or what follows from its kind."""

from collections.abc import Mapping
from typing import Any

from tradingbot_runtime.model import Instrument

RUNTIME = "runtime"  # the bot itself; as `halted_by` has it
PAPER = "paper"  # the venue's part, where no order leaves the process
WANTED = "quotes want it, and risk approved it"
UNWANTED = "no quote wants it any more"
_BY_VENUE = frozenset({
    "BalancesReported", "BuildExpired", "CancelRejected", "ForeignOrdersSeen", "OrderAccepted", "OrderBuilt",
    "OrderCanceled", "OrderExpired", "OrderFilled", "OrderRejected", "OrderReported", "VenueLocked",
})  # fmt: skip
_ASKED_FOR = frozenset({"ConfigApplied", "ConfigRefused", "CredentialsTaken", "CredentialsNotTaken", "Halted",
                        "Resumed"})  # fmt: skip
_WHY = ("reason", "message", "why")  # fields of records that say so
_TAKEN = "the mounted credentials have changed, and the venue takes them"


def who(kind: str, record: Mapping[str, Any], market: str, instrument: Instrument | None) -> str:
    """Who asked, by name, the venue, or the bot; empty where a journal of an earlier version does not know."""
    if kind in _ASKED_FOR:
        return str(record.get("by", ""))
    if kind not in _BY_VENUE:
        return RUNTIME
    if market.endswith(f"/{PAPER}"):
        return PAPER
    name = record.get("venue") or (instrument.venue if instrument is not None else "")
    return f"venue {name}".rstrip()


def why(kind: str, record: Mapping[str, Any]) -> str:
    """Empty where there is nothing to say: that an order was filled is the market's doing."""
    if kind == "CredentialsTaken":
        return _TAKEN
    return ": ".join(str(record[name]) for name in _WHY if record.get(name))


def released(reason: str, message: str) -> str:
    """Of a halt's release: what was accepted by it."""
    return ": ".join(filter(None, (f"accepted {reason}", message)))


def why_decided(step: str, command: Mapping[str, Any]) -> str:
    """Of an order that was decided on, or of a cancel; `command` as the step tells it."""
    if step != "CancelDecided":
        return WANTED
    new = command.get("replaced_by", "")
    return f"replaced by {new}" if new else UNWANTED
