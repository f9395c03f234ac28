"""Cancelling: one order, or all of a symbol in one call. An acknowledgement is no proof yet: the stream brings that."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.model import CancelRejected, Instrument, OrderId
from tradingbot_runtime.venues.deltadefi.codec import CanceledOrders
from tradingbot_runtime.venues.deltadefi.desk import Desk
from tradingbot_runtime.venues.deltadefi.outcomes import Phase, Proof
from tradingbot_runtime.venues.deltadefi.pacing import Lane

TURN_WITHIN_S = 10.0


@dataclass(slots=True)
class Canceler:
    desk: Desk
    on_acknowledged: Callable[[], None]
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    in_flight: set[OrderId] = field(default_factory=set)

    def cancel(self, instrument: Instrument, order_id: OrderId) -> None:
        """Ask once; what becomes of it comes back as an event."""
        if order_id not in self.in_flight:
            self.in_flight.add(order_id)
            self.spawn(self._cancel(instrument, order_id))

    def cancel_all(self, instrument: Instrument, order_ids: list[OrderId]) -> None:
        """Cancel every order of the symbol in one call; each of `order_ids` is answered for."""
        self.in_flight.update(order_ids)
        self.spawn(self._cancel_all(instrument, order_ids))

    async def _cancel(self, instrument: Instrument, order_id: OrderId) -> None:
        venue_order_id = self.desk.queries.known.venue_id(order_id)
        try:
            if not venue_order_id:
                self._gone(instrument, order_id, "NeverBuilt")
                return
            await self.desk.turn(Lane.CANCEL, TURN_WITHIN_S)
            _, refusal = await self.desk.post(Phase.CANCEL, path(venue_order_id), {})
        except VenueError as error:
            self.desk.lose(instrument.symbol, order_id, str(error))
        else:
            if refusal is None:
                self.on_acknowledged()
            else:
                self.desk.cancel_refused(instrument.symbol, order_id, refusal)
        finally:
            self.in_flight.discard(order_id)

    async def _cancel_all(self, instrument: Instrument, order_ids: list[OrderId]) -> None:
        try:
            await self.desk.turn(Lane.CANCEL, TURN_WITHIN_S)
            answer, refusal = await self.desk.post(Phase.CANCEL, "/order/cancel-all", {"symbol": instrument.symbol})
            canceled = set(answer.read(CanceledOrders).order_ids) if refusal is None else set()
        except VenueError as error:
            for order_id in order_ids:
                self.desk.lose(instrument.symbol, order_id, str(error))
        else:
            if refusal is None:
                self.on_acknowledged()
            for order_id in order_ids:
                if refusal is not None:
                    self.desk.cancel_refused(instrument.symbol, order_id, refusal)
                elif self.desk.queries.known.venue_id(order_id) not in canceled:
                    self._gone(instrument, order_id, "NotListed")
        finally:
            self.in_flight.difference_update(order_ids)

    async def confirmed(self, venue_order_id: str) -> None:
        """Cancel and wait for the answer; an order that is not open is an answer too. Raises VenueError."""
        await self.desk.turn(Lane.CANCEL, TURN_WITHIN_S)
        call = path(venue_order_id)
        _, refusal = await self.desk.post(Phase.CANCEL, call, {})
        if refusal is not None and refusal.proof is not Proof.GONE:
            raise refusal.as_error(f"POST {call}")

    def _gone(self, instrument: Instrument, order_id: OrderId, reason: str) -> None:
        event = CancelRejected(time_ns=self.desk.now_ns(), order_id=order_id, gone=True, reason=reason)
        self.desk.tell(instrument.symbol, event)


def path(venue_order_id: str) -> str:
    return f"/order/{quote(venue_order_id, safe='')}/cancel"
