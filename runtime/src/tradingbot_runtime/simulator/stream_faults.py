"""What the armed faults make of one frame of a stream. Pure; time is an input."""

from collections.abc import Callable

import msgspec

from tradingbot_runtime.simulator.faults import STREAM_FAULTS, FaultKind, FaultPlan, FaultRequest

MAX_HELD = 100
Json = dict[str, object]


class OutgoingFrame(msgspec.Struct, frozen=True, gc=False):
    """JSON text (broken on purpose, where that is the fault), to be sent no earlier than `delay_s` from now."""

    data: bytes
    delay_s: float = 0.0


class StreamFaults:
    """Between what is published and what is sent. Holds back at most MAX_HELD frames (`reorder`)."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._held: dict[str, OutgoingFrame] = {}

    def frames(self, target: str, payload: Json, now_ms: int) -> list[OutgoingFrame]:
        """What is sent in place of `payload`: nothing, once, twice, broken, or together with one held before."""
        fault = self._plan.take(STREAM_FAULTS, target, now_ms) if self._plan.armed else None
        if fault is None:
            return [OutgoingFrame(msgspec.json.encode(payload)), *self._release(target)]
        frame = OutgoingFrame(msgspec.json.encode(payload))
        if fault.kind is FaultKind.REORDER:
            return self._hold(target, frame)
        return _FAULTY[fault.kind](frame, payload, fault)

    def _hold(self, target: str, frame: OutgoingFrame) -> list[OutgoingFrame]:
        if target in self._held or len(self._held) >= MAX_HELD:
            return [frame, *self._release(target)]
        self._held[target] = frame
        return []

    def _release(self, target: str) -> list[OutgoingFrame]:
        held = self._held.pop(target, None) if self._held else None
        return [held] if held is not None else []


def crossed(payload: Json) -> Json:
    """A bookTicker frame with bid and ask changed; any other frame as it is."""
    if not {"b", "B", "a", "A"} <= payload.keys():
        return payload
    return payload | {"b": payload["a"], "B": payload["A"], "a": payload["b"], "A": payload["B"]}


_FAULTY: dict[FaultKind, Callable[[OutgoingFrame, Json, FaultRequest], list[OutgoingFrame]]] = {
    FaultKind.SILENCE: lambda _frame, _payload, _fault: [],
    FaultKind.DELAY: lambda frame, _, fault: [OutgoingFrame(frame.data, fault.delay_ms / 1000)],
    FaultKind.DUPLICATE: lambda frame, _payload, _fault: [frame, frame],
    FaultKind.GARBAGE: lambda frame, _payload, _fault: [OutgoingFrame(frame.data[: len(frame.data) // 2])],
    FaultKind.CROSSED_BOOK: lambda _, payload, _fault: [OutgoingFrame(msgspec.json.encode(crossed(payload)))],
}
