"""What a fault does to a request: before it is handled, and to its answer. Shared by every protocol."""

from enum import Enum, auto

import msgspec

from tradingbot_runtime.simulator.conditions import Conditions
from tradingbot_runtime.simulator.faults import REQUEST_FAULTS, FaultKind

DEFAULT_RETRY_S = 1
_NOT_HANDLED = frozenset({
    FaultKind.HTTP_5XX, FaultKind.TOO_MANY, FaultKind.BANNED, FaultKind.DROP, FaultKind.LOST_REQUEST,
    FaultKind.TX_EXPIRED, FaultKind.UTXO_SPENT, FaultKind.MARKET_CLOSED,
})  # fmt: skip


class Delivery(Enum):
    """How the answer travels."""

    WHOLE = auto()
    CUT = auto()  # not at all: the connection is cut
    NEVER = auto()  # not at all: the connection lives on
    HALF = auto()  # half of its bytes, then the connection is cut
    GARBAGE = auto()  # half of its JSON, in a message that is whole


_DELIVERY = {
    FaultKind.DROP: Delivery.CUT,
    FaultKind.ACCEPT_THEN_DROP: Delivery.CUT,
    FaultKind.LOST_REQUEST: Delivery.NEVER,
    FaultKind.LOST_ANSWER: Delivery.NEVER,
    FaultKind.HALF_SENT: Delivery.HALF,
    FaultKind.GARBAGE: Delivery.GARBAGE,
}


class Ordeal(msgspec.Struct, frozen=True, kw_only=True):
    """What one request goes through. `delay_s` includes the venue's own latency."""

    delay_s: float
    kind: FaultKind | None = None
    retry_after_s: int = DEFAULT_RETRY_S

    @property
    def handled(self) -> bool:
        return self.kind not in _NOT_HANDLED

    @property
    def delivery(self) -> Delivery:
        return Delivery.WHOLE if self.kind is None else _DELIVERY.get(self.kind, Delivery.WHOLE)


def ordeal(conditions: Conditions, target: str, kinds: tuple[FaultKind, ...] = REQUEST_FAULTS) -> Ordeal:
    """What happens to a request for `target`: "POST /api/v3/order", or "order.place"."""
    if not conditions.faults.possible:
        return Ordeal(delay_s=conditions.latency_s)
    fault = conditions.faults.take(kinds, target, conditions.clock.now_ms())
    if fault is None:
        return Ordeal(delay_s=conditions.latency_s)
    if fault.kind is FaultKind.CLOCK_STEP:
        conditions.clock.step(fault.step_ms)
    elif fault.kind is FaultKind.LOCK:
        conditions.lock_trading(fault.seconds or 0.0)
    delay_s = fault.delay_ms / 1000 if fault.kind is FaultKind.DELAY else 0
    return Ordeal(delay_s=conditions.latency_s + delay_s, kind=fault.kind, retry_after_s=fault.retry_after_s)
