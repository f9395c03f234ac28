"""What the armed faults make of one frame of a stream. Pure; time is an input."""

from collections.abc import Callable
from enum import Enum, auto

import msgspec

from tradingbot_runtime.simulator.faults import STREAM_FAULTS, FaultKind, FaultRequest, Faults

MAX_HELD = 100
Json = dict[str, object]


class Cut(Enum):
    """What becomes of the connection."""

    NO = auto()
    BEFORE = auto()  # it is cut, and the frame not sent
    HALFWAY = auto()  # it is cut after half of the frame's bytes


class OutgoingFrame(msgspec.Struct, frozen=True, gc=False):
    """JSON text (broken on purpose, where that is the fault), to be sent no earlier than `delay_s` from now."""

    data: bytes
    delay_s: float = 0.0
    cut: Cut = Cut.NO


class StreamFaults:
    """Between what is published and what is sent. Holds back at most MAX_HELD frames (`reorder`)."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._held: dict[str, OutgoingFrame] = {}

    def frames(self, target: str, payload: object, now_ms: int) -> list[OutgoingFrame]:
        """What is sent in place of `payload`: nothing, once, twice, broken, or together with one held before."""
        fault = self._faults.take(STREAM_FAULTS, target, now_ms) if self._faults.possible else None
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


def crossed(payload: object) -> object:
    """A bookTicker frame or a depth snapshot with best bid and ask changed; any other frame as it is."""
    if not isinstance(payload, dict):
        return payload
    if {"b", "B", "a", "A"} <= payload.keys():
        return payload | {"b": payload["a"], "B": payload["A"], "a": payload["b"], "A": payload["B"]}
    bids, asks = payload.get("bids"), payload.get("asks")
    if bids and asks:
        return payload | {"bids": [asks[0], *bids[1:]], "asks": [bids[0], *asks[1:]]}
    return payload


_FAULTY: dict[FaultKind, Callable[[OutgoingFrame, object, FaultRequest], list[OutgoingFrame]]] = {
    FaultKind.SILENCE: lambda _frame, _payload, _fault: [],
    FaultKind.DELAY: lambda frame, _, fault: [OutgoingFrame(frame.data, fault.delay_ms / 1000)],
    FaultKind.DUPLICATE: lambda frame, _payload, _fault: [frame, frame],
    FaultKind.GARBAGE: lambda frame, _payload, _fault: [OutgoingFrame(frame.data[: len(frame.data) // 2])],
    FaultKind.CROSSED_BOOK: lambda _, payload, _fault: [OutgoingFrame(msgspec.json.encode(crossed(payload)))],
    FaultKind.HALF_SENT: lambda frame, _payload, _fault: [OutgoingFrame(frame.data, cut=Cut.HALFWAY)],
    FaultKind.DISCONNECT: lambda frame, _payload, _fault: [OutgoingFrame(frame.data, cut=Cut.BEFORE)],
}
