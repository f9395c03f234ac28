"""Faults on request or by plan: what to break, where, how often, how long. Pure; time is an input.

A fault names a target by a glob: an HTTP request is "POST /api/v3/order" or "POST /order/{id}/cancel", a websocket API
call its method ("order.place"), a market stream its name ("btcusdt@bookTicker", "/market/depth/ADAUSDM"), the account's
events "user" (Binance) and "/accounts/stream" (DeltaDeFi).
"""

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Protocol

import msgspec


class FaultKind(StrEnum):
    HTTP_5XX = "http-5xx"  # 503, nothing was done
    ACCEPT_THEN_5XX = "accept-then-5xx"  # done, and answered with a 5xx that says nothing of it
    ACCEPT_THEN_DROP = "accept-then-drop"  # done, and the connection is cut without an answer
    DROP = "drop"  # nothing was done, and the connection is cut without an answer
    LOST_ANSWER = "lost-answer"  # done, and never answered; the connection lives on
    LOST_REQUEST = "lost-request"  # nothing was done, and never answered; the connection lives on
    HALF_SENT = "half-sent"  # an answer or a frame ends in its middle with the connection
    DELAY = "delay"  # requests and stream frames arrive `delay_ms` later
    TOO_MANY = "429"
    BANNED = "418"
    SILENCE = "silence"  # streams stop; the connection and its pongs live on
    DISCONNECT = "disconnect"  # connections that carry a matching stream are cut, at once
    DUPLICATE = "duplicate"  # a frame is sent twice
    REORDER = "reorder"  # a frame is sent after the one that follows it
    GARBAGE = "garbage"  # half of the JSON of a frame or an answer, in a whole message
    CROSSED_BOOK = "crossed-book"  # best bid and ask change places
    CLOCK_STEP = "clock-step"  # the exchange's clock jumps by `step_ms`, at once
    SHUTDOWN = "shutdown"  # Binance's servers say that they will shut down, at once, and do so `delay_ms` later
    LOCK = "lock"  # DeltaDeFi's trading is locked for `seconds`, at once
    TX_EXPIRED = "tx-expired"  # a submit is refused: 4300, build again
    UTXO_SPENT = "utxo-spent"  # a submit is refused: 4301, build again
    MARKET_CLOSED = "market-closed"  # Binance has suspended the market: orders and cancels are refused, -1013


REQUEST_FAULTS = (
    FaultKind.HTTP_5XX, FaultKind.ACCEPT_THEN_5XX, FaultKind.ACCEPT_THEN_DROP, FaultKind.DROP, FaultKind.LOST_ANSWER,
    FaultKind.LOST_REQUEST, FaultKind.HALF_SENT, FaultKind.DELAY, FaultKind.TOO_MANY, FaultKind.BANNED,
    FaultKind.GARBAGE, FaultKind.CLOCK_STEP,
)  # fmt: skip
ON_REQUEST_ONLY = (FaultKind.MARKET_CLOSED,)  # no plan draws these
BINANCE_REQUEST_FAULTS = (*REQUEST_FAULTS, *ON_REQUEST_ONLY)
STREAM_FAULTS = (
    FaultKind.SILENCE, FaultKind.DUPLICATE, FaultKind.REORDER, FaultKind.GARBAGE, FaultKind.CROSSED_BOOK,
    FaultKind.DELAY, FaultKind.HALF_SENT, FaultKind.DISCONNECT,
)  # fmt: skip
IMMEDIATE_FAULTS = (FaultKind.DISCONNECT, FaultKind.CLOCK_STEP, FaultKind.LOCK, FaultKind.SHUTDOWN)
MAX_FAULTS = 100


class FaultRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /simulator/faults`. Neither `count` nor `seconds`: once."""

    kind: FaultKind
    match: str = "*"
    count: int | None = None
    seconds: float | None = None
    delay_ms: int = 1000
    retry_after_s: int = 1
    step_ms: int = 0


class Plan(Protocol):
    """Faults that nobody asked for one by one."""

    def draw(self, kinds: tuple[FaultKind, ...], target: str) -> FaultRequest | None:
        """What befalls this request or frame, of these kinds."""


@dataclass(slots=True)
class Fault:
    request: FaultRequest
    left: int | None  # None: until `until_ms`
    until_ms: int | None
    hits: int = 0

    def active(self, now_ms: int) -> bool:
        return self.left != 0 and (self.until_ms is None or now_ms < self.until_ms)


class Faults:
    """The faults that are armed, oldest first; then what the plan, if there is one, draws."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self._faults: list[Fault] = []
        self.injected: dict[str, int] = {}

    def arm(self, request: FaultRequest, now_ms: int) -> None:
        """ValueError when too many are armed."""
        self._forget(now_ms)
        if len(self._faults) >= MAX_FAULTS:
            raise ValueError(f"{MAX_FAULTS} faults are armed already: DELETE /simulator/faults first")
        until = None if request.seconds is None else now_ms + int(request.seconds * 1000)
        left = 1 if request.count is None and request.seconds is None else request.count
        self._faults.append(Fault(request, left, until))

    def clear(self) -> None:
        self._faults.clear()

    def take(self, kinds: tuple[FaultKind, ...], target: str, now_ms: int) -> FaultRequest | None:
        """What befalls `target` now, of these kinds: an armed fault, counted as used, or one that the plan draws."""
        for fault in self._faults:
            request = fault.request
            if request.kind in kinds and fault.active(now_ms) and fnmatchcase(target, request.match):
                fault.hits += 1
                if fault.left is not None:
                    fault.left -= 1
                return self._counted(request)
        drawn = self.plan.draw(kinds, target) if self.plan is not None else None
        if drawn is None:
            return None
        if drawn.kind is FaultKind.SILENCE and len(self._faults) < MAX_FAULTS:  # it goes on after this frame
            self.arm(msgspec.structs.replace(drawn, match=target), now_ms)
        return self._counted(drawn)

    @property
    def possible(self) -> bool:
        """Whether there is anything to take."""
        return bool(self._faults) or self.plan is not None

    def describe(self, now_ms: int) -> list[dict[str, object]]:
        self._forget(now_ms)
        return [
            {"kind": fault.request.kind.value, "match": fault.request.match, "left": fault.left, "hits": fault.hits}
            for fault in self._faults
        ]

    def _counted(self, request: FaultRequest) -> FaultRequest:
        self.injected[request.kind] = self.injected.get(request.kind, 0) + 1
        return request

    def _forget(self, now_ms: int) -> None:
        self._faults = [fault for fault in self._faults if fault.active(now_ms)]
