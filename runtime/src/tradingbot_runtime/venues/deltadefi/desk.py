"""What placing and cancelling share: calls in turn, what a refusal brings with it, and telling the listener."""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from tradingbot_runtime.model import CancelRejected, Nanos, OrderEvent, OrderId, OutcomeLost
from tradingbot_runtime.venues.deltadefi.outcomes import Effect, Outcome, Phase, Proof
from tradingbot_runtime.venues.deltadefi.pacing import Lane, Pacer
from tradingbot_runtime.venues.deltadefi.queries import DeltaDefiQueries
from tradingbot_runtime.venues.deltadefi.rest import Answer, Body
from tradingbot_runtime.venues.protocols import GatewayHealth, GatewayPorts

log = structlog.get_logger("gateway")


@dataclass(slots=True)
class Desk:
    queries: DeltaDefiQueries
    pacer: Pacer
    ports: GatewayPorts
    now_ns: Callable[[], Nanos]
    on_locked: Callable[[str], None]  # reason: the venue has refused something because of its trading lock
    health: GatewayHealth = field(default_factory=GatewayHealth)

    async def turn(self, lane: Lane, within_s: float) -> None:
        """Raises TooManyWaiting."""
        await self.pacer.turn(lane, within_s)

    async def post(self, phase: Phase, path: str, body: Body) -> tuple[Answer, Outcome | None]:
        """The answer, and what it means when it is an error; its effects are taken care of. Raises VenueError."""
        answer = await self.queries.rest.request("POST", path, body=body)
        meaning = answer.meaning(phase)
        if meaning is None:
            self.pacer.accepted()
        else:
            self.effects(meaning, answer.headers.get("Retry-After", ""))
            tell = log.info if meaning.is_usual else log.warning
            tell("RequestRefused", phase=phase, reason=meaning.reason, code=meaning.code, proof=meaning.proof,
                 message=meaning.message)  # fmt: skip
        return answer, meaning

    def effects(self, meaning: Outcome, retry_after: str = "") -> None:
        """What follows from a refusal, whatever it was that was asked."""
        self.health.count(meaning.reason)
        if meaning.effect is Effect.LOCKED:
            self.on_locked(meaning.message)
        elif meaning.effect is Effect.SLOWER:
            self.pacer.refused(int(retry_after) if retry_after.isdecimal() else 0)
        elif meaning.effect is Effect.HALT:
            self.ports.on_refused(meaning.reason, meaning.message)
        elif meaning.effect is Effect.RECONCILE:
            self.ports.on_mismatch()

    def tell(self, symbol: str, event: OrderEvent) -> None:
        self.ports.on_event(symbol, event)

    def lose(self, symbol: str, order_id: OrderId, message: str) -> None:
        """The request may or may not have taken effect."""
        self.health.count("OutcomeLost")
        log.warning("OutcomeLost", order_id=order_id, message=message)
        self.tell(symbol, OutcomeLost(time_ns=self.now_ns(), order_id=order_id, message=message))

    def cancel_refused(self, symbol: str, order_id: OrderId, meaning: Outcome) -> None:
        if meaning.proof is Proof.UNKNOWN:
            self.lose(symbol, order_id, meaning.message)
            return
        gone = meaning.proof is Proof.GONE
        self.tell(symbol, CancelRejected(time_ns=self.now_ns(), order_id=order_id, gone=gone, reason=meaning.reason,
                                         message=meaning.message))  # fmt: skip
