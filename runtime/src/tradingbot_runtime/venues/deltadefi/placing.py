"""Placing an order: build -> sign -> submit. Nothing is in the market before the submit.

    INTENT --build--> BUILT --sign, commit to disk--> SUBMITTING --submit--> accepted | refused | unknown
      ^                                                  |
      +---------- the venue says: not submitted ---------+

The venue knows no ids of ours. Its own id comes with the build, and is on disk before the submit leaves, so that an
order whose submit was not answered can be asked about by name. A submit is never repeated: whether that is safe in
every state of the venue is not known (reference/runtime.md 11.2).
"""

import asyncio
from dataclasses import dataclass

from tradingbot_runtime.errors import ConfigError, VenueError
from tradingbot_runtime.model import (
    BuildExpired,
    Instrument,
    OrderBuilt,
    OrderDenied,
    OrderRejected,
    OrderSubmitting,
    Place,
)
from tradingbot_runtime.venues.deltadefi.codec import Built, WireOrder
from tradingbot_runtime.venues.deltadefi.desk import Desk
from tradingbot_runtime.venues.deltadefi.known_orders import LostBuild
from tradingbot_runtime.venues.deltadefi.outcomes import Effect, Outcome, Phase, Proof
from tradingbot_runtime.venues.deltadefi.pacing import Lane, TooManyWaiting

TURN_WITHIN_S = 2.0  # an order that could not leave by then is worth nothing any more
BUILDS_MOST = 2
_PASSING = frozenset({Effect.LOCKED, Effect.SLOWER})  # say nothing about the order itself


@dataclass(slots=True)
class Placement:
    """One order on its way."""

    instrument: Instrument
    place: Place
    task: "asyncio.Task[None] | None" = None
    is_submitted: bool = False  # the submit may have left: from here on only the venue knows
    is_unwanted: bool = False  # to be cancelled as soon as it is known to be there


@dataclass(slots=True)
class Placer:
    desk: Desk

    async def run(self, placement: Placement) -> WireOrder | None:
        """Bring one order to the market; the order as the venue took it, None when it did not, or nobody knows.

        Cancelling the task before the submit denies the order; after it, its outcome is unknown.
        """
        try:
            for _ in range(BUILDS_MOST):
                built = await self._build(placement)
                if built is None:
                    return None
                answer = await self._submit(placement, built)
                if not isinstance(answer, Outcome):
                    return answer
                if answer.proof is not Proof.EXPIRED:
                    return self._submit_refused(placement, built, answer)
                placement.is_submitted = False
                self._tell_expired(placement)
            self.deny(placement, "BuildExpired", f"{BUILDS_MOST} builds expired before they could be submitted")
        except asyncio.CancelledError:
            if placement.is_submitted:
                self._lose(placement, "the process gave up on the answer")
            else:
                self.deny(placement, "Withdrawn", "not wanted any more")
        return None

    # -- build ---------------------------------------------------------------------------------------------------

    async def _build(self, placement: Placement) -> Built | None:
        place, known = placement.place, self.desk.queries.known
        asked = LostBuild(place.order_id, placement.instrument.symbol, place.side, place.price, place.quantity,
                          self.desk.now_ns())  # fmt: skip
        try:
            await self.desk.turn(Lane.BUILD, TURN_WITHIN_S)
            answer, refusal = await self.desk.post(Phase.BUILD, "/order/build", _body(placement))
            built = answer.read(Built) if refusal is None else None
        except TooManyWaiting as error:
            self.deny(placement, "Stale", str(error))
            return None
        except VenueError as error:  # whatever the venue has built: without an answer nobody submits it
            known.lost_builds.append(asked)
            self.deny(placement, "BuildLost", str(error))
            return None
        if built is None:
            self._build_refused(placement, refusal)
            return None
        known.add(place.order_id, built.order_id)
        self._tell(placement, OrderBuilt(time_ns=self.desk.now_ns(), order_id=place.order_id,
                                         venue_order_id=built.order_id))  # fmt: skip
        return built

    def _build_refused(self, placement: Placement, refusal: Outcome | None) -> None:
        if refusal is None:
            raise TypeError("no build and no refusal")
        if refusal.proof is Proof.UNKNOWN or refusal.effect in _PASSING:
            self.deny(placement, refusal.reason, refusal.message)
        else:
            self._reject(placement, refusal)

    # -- submit --------------------------------------------------------------------------------------------------

    async def _submit(self, placement: Placement, built: Built) -> WireOrder | Outcome | None:
        """The order as the venue took it, or its refusal; None: told already."""
        signed = await self._signed(placement, built)
        if signed is None or not await self._committed(placement):
            return None
        try:
            answer, refusal = await self.desk.post(
                Phase.SUBMIT, "/order/submit", {"order_id": built.order_id, "signed_tx": signed}
            )
            return refusal or answer.read(WireOrder)
        except VenueError as error:
            self._lose(placement, str(error))
            return None

    async def _signed(self, placement: Placement, built: Built) -> str | None:
        """The signed transaction, when it is its turn to be submitted. Signing takes some 60 microseconds."""
        desk = self.desk
        try:
            signed = (await desk.queries.operation_key()).signed(built.tx_hex)
            await desk.turn(Lane.SUBMIT, TURN_WITHIN_S)
        except TooManyWaiting as error:
            reason, message = "Stale", str(error)
        except ConfigError as error:  # the credentials were changed, and no longer open the key
            reason, message = "NoOperationKey", str(error)
            desk.ports.on_refused(reason, message)
        except VenueError as error:
            reason, message = "NoOperationKey", str(error)
        except ValueError as error:
            reason, message = "BadTransaction", str(error)
        else:
            return signed
        self.deny(placement, reason, message)
        return None

    async def _committed(self, placement: Placement) -> bool:
        """On disk that the submit is about to leave. Raises JournalError; False: it must not leave any more."""
        ports = self.desk.ports
        if not ports.is_fenced():
            self._tell(placement, OrderSubmitting(time_ns=self.desk.now_ns(), order_id=placement.place.order_id))
            await ports.durable()
        if ports.is_fenced():
            self.deny(placement, "Fenced", "the slot's Lease is not ours any more")
            return False
        placement.is_submitted = True
        return True

    def _submit_refused(self, placement: Placement, built: Built, refusal: Outcome) -> WireOrder | None:
        if refusal.proof is Proof.REFUSED:
            self._reject(placement, refusal)
        else:  # also where it had been submitted before: only asking tells how it stands
            self._lose(placement, f"{refusal.reason}: order {built.order_id}")
        return None

    # -- telling -------------------------------------------------------------------------------------------------

    def _tell(self, placement: Placement, event: OrderBuilt | OrderSubmitting | OrderDenied | OrderRejected) -> None:
        self.desk.tell(placement.instrument.symbol, event)

    def _tell_expired(self, placement: Placement) -> None:
        event = BuildExpired(time_ns=self.desk.now_ns(), order_id=placement.place.order_id)
        self.desk.tell(placement.instrument.symbol, event)

    def deny(self, placement: Placement, reason: str, message: str) -> None:
        self._tell(placement, OrderDenied(time_ns=self.desk.now_ns(), order_id=placement.place.order_id,
                                          reason=reason, message=message))  # fmt: skip

    def _reject(self, placement: Placement, refusal: Outcome) -> None:
        self._tell(placement, OrderRejected(time_ns=self.desk.now_ns(), order_id=placement.place.order_id,
                                            reason=refusal.reason, message=refusal.message))  # fmt: skip

    def _lose(self, placement: Placement, message: str) -> None:
        self.desk.lose(placement.instrument.symbol, placement.place.order_id, message)


def _body(placement: Placement) -> dict[str, str | bool]:
    place, instrument = placement.place, placement.instrument
    return {
        "symbol": instrument.symbol,
        "side": place.side.value,
        "type": "limit",
        "base_quantity": instrument.quantity_text(place.quantity),
        "price": instrument.price_text(place.price),
        "post_only": place.post_only,
    }
