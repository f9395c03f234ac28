"""What a Lease says and whose it is. Pure: time comes in, documents go out.

Expiry counts from the moment at which *this* process saw the Lease change last, on its own boot-time clock. The
Lease's `renewTime` is another machine's wall clock: it is written for people and never compared with ours.
Fields: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from tradingbot_runtime.config import LeaseReference
from tradingbot_runtime.errors import ConfigError, TradingError

_SECOND_NS = 1_000_000_000
_MICROSECOND_NS = 1_000
# Only an edit by hand leaves the duration out; then the holder is given what it has by default.
_UNSAID_DURATION_NS: int = LeaseReference(name="unsaid").duration_ns

CANCEL_LATENCY_NS = 5 * _SECOND_NS  # cancel all and have it confirmed, as on SIGTERM
RECV_WINDOW_NS = 5 * _SECOND_NS  # how long after its timestamp a venue may still accept an order
MARGIN_NS = CANCEL_LATENCY_NS + RECV_WINDOW_NS
ORDERLY_NS = _SECOND_NS  # between `keep()` saying that the Lease is lost and the fence that needs no event loop


class LeaseGone(TradingError):
    """The Lease does not exist: it was deleted to stop the slot, or never made."""


class LeaseConflict(TradingError):
    """The Lease has changed since it was read; nothing was written."""


class LeaseUnavailable(TradingError):
    """No usable answer from the API server; a write may or may not have taken effect."""


class _Metadata(msgspec.Struct, rename="camel"):
    uid: str
    resource_version: str


class _LeaseSpec(msgspec.Struct, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    lease_transitions: int | None = None
    renew_time: str | None = None


class _Lease(msgspec.Struct):
    metadata: _Metadata
    spec: _LeaseSpec = msgspec.field(default_factory=_LeaseSpec)


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A Lease as read. `document` is the whole object: what we do not know of goes back unchanged."""

    uid: str
    version: str  # metadata.resourceVersion
    holder: str  # empty: nobody
    duration_ns: int
    transitions: int
    renew_time: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Free:
    """Nobody holds it, or the holder has not renewed for its duration."""


@dataclass(frozen=True, slots=True)
class Ours:
    """Held under our own identity, by this process or by one before it in the same pod."""


@dataclass(frozen=True, slots=True)
class HeldByOther:
    holder: str
    free_at_ns: int  # when it runs out, unless it is renewed


@dataclass(frozen=True, slots=True)
class Gone:
    """It does not exist."""


Verdict = Free | Ours | HeldByOther | Gone


@dataclass(frozen=True, slots=True)
class LeaseTiming:
    """The proof of the fence: `renew < deadline < duration - margin`. ConfigError where it does not hold.

    An order leaves at the latest `duration - margin` after the start of the last successful renewal; it is accepted
    within the venue's window and cancelled within the cancel latency, and both are over before another pod may take.
    """

    duration_ns: int
    renew_ns: int
    margin_ns: int = MARGIN_NS

    def __post_init__(self) -> None:
        if not 0 < self.renew_ns < self.deadline_ns < self.fence_ns:
            seconds = [f"{nanos / _SECOND_NS:g} s" for nanos in (self.renew_ns, self.duration_ns, self.margin_ns)]
            raise ConfigError(
                f"lease: renew {seconds[0]}, duration {seconds[1]}: the duration must exceed renew + {seconds[2]} "
                f"(cancel latency and recvWindow) + {ORDERLY_NS / _SECOND_NS:g} s"
            )

    @property
    def fence_ns(self) -> int:
        """From the start of the last successful renewal to the moment from which no order may be sent."""
        return self.duration_ns - self.margin_ns

    @property
    def deadline_ns(self) -> int:
        """From the start of the last successful renewal to giving up.

        As late as can be: an API server that is away for less (an upgrade of the control plane) stops no bot.
        """
        return self.fence_ns - ORDERLY_NS


def parse_lease(raw: bytes) -> LeaseRecord:
    """A Lease from JSON; ValueError (of which msgspec's errors are a kind) when it is none."""
    document = msgspec.json.decode(raw)
    lease = msgspec.convert(document, _Lease)
    duration_s = lease.spec.lease_duration_seconds
    return LeaseRecord(
        uid=lease.metadata.uid,
        version=lease.metadata.resource_version,
        holder=lease.spec.holder_identity or "",
        duration_ns=_UNSAID_DURATION_NS if duration_s is None else duration_s * _SECOND_NS,
        transitions=lease.spec.lease_transitions or 0,
        renew_time=lease.spec.renew_time or "",
        document=document,
    )


def judge(record: LeaseRecord | None, holder: str, observed_since_ns: int, now_ns: int) -> Verdict:
    """Whose the Lease is for `holder`, who saw it change last at `observed_since_ns` (own boot-time clock)."""
    if record is None:
        return Gone()
    if record.holder == holder:
        return Ours()
    free_at_ns = observed_since_ns + record.duration_ns
    if not record.holder or now_ns >= free_at_ns:
        return Free()
    return HeldByOther(record.holder, free_at_ns)


def claimed(record: LeaseRecord, holder: str, duration_ns: int, wall_ns: int) -> dict[str, Any]:
    """The document that takes or renews the Lease.

    It always differs from `record`: the API server keeps the version of an object when an update changes nothing,
    and other pods would not see that we renewed.
    """
    renew_time = _micro_time(wall_ns)
    if renew_time == record.renew_time:  # a wall clock that stands still
        renew_time = _micro_time(wall_ns + _MICROSECOND_NS)
    spec = dict(record.document.get("spec") or {})
    if record.holder != holder:
        spec |= {"holderIdentity": holder, "acquireTime": renew_time, "leaseTransitions": record.transitions + 1}
    spec |= {"renewTime": renew_time, "leaseDurationSeconds": -(-duration_ns // _SECOND_NS)}
    return {**record.document, "spec": spec}


def released(record: LeaseRecord) -> dict[str, Any]:
    """The document that gives the Lease back; the count of transitions stays."""
    spec = {key: value for key, value in record.document["spec"].items() if key != "holderIdentity"}
    return {**record.document, "spec": spec}


def _micro_time(wall_ns: int) -> str:
    """Kubernetes' MicroTime. Integer arithmetic: a float cannot hold microseconds of this century exactly."""
    seconds, nanos = divmod(wall_ns, _SECOND_NS)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanos // _MICROSECOND_NS)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
