"""What an armed fault does to a request: before it is handled, and to its answer. Shared by REST and websocket API."""

import msgspec

from tradingbot_runtime.simulator.faults import REQUEST_FAULTS, FaultKind
from tradingbot_runtime.simulator.refusals import Reason, Refusal
from tradingbot_runtime.simulator.venue import SimulatedVenue

_REFUSED = {
    FaultKind.HTTP_5XX: Reason.DISCONNECTED,
    FaultKind.TOO_MANY: Reason.TOO_MANY_REQUESTS,
    FaultKind.BANNED: Reason.BANNED,
}
DEFAULT_RETRY_S = 1


class Ordeal(msgspec.Struct, frozen=True, kw_only=True):
    """What one request goes through. `delay_s` includes the venue's own latency."""

    delay_s: float
    refusal: Refusal | None = None  # in place of handling it
    lost: bool = False  # not handled, connection cut
    unanswered: bool = False  # handled, connection cut
    answer: Refusal | None = None  # handled, and this is the answer
    retry_after_s: int = DEFAULT_RETRY_S


def ordeal(venue: SimulatedVenue, target: str) -> Ordeal:
    """What happens to a request for `target`: "POST /api/v3/order", or "order.place"."""
    fault = venue.faults.take(REQUEST_FAULTS, target, venue.clock.now_ms()) if venue.faults.armed else None
    if fault is None:
        return Ordeal(delay_s=venue.latency_s)
    reason = _REFUSED.get(fault.kind)
    return Ordeal(
        delay_s=venue.latency_s + (fault.delay_ms / 1000 if fault.kind is FaultKind.DELAY else 0),
        refusal=Refusal(reason, venue.limits.weight.limit) if reason else None,
        lost=fault.kind is FaultKind.DROP,
        unanswered=fault.kind is FaultKind.ACCEPT_THEN_DROP,
        answer=Refusal(Reason.STATUS_UNKNOWN) if fault.kind is FaultKind.ACCEPT_THEN_5XX else None,
        retry_after_s=fault.retry_after_s,
    )
