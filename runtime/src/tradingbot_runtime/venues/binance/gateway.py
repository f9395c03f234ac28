"""Orders to Binance spot over its websocket API, reports back over the same connection.

One connection carries `order.place`, `order.cancel` and the account stream (`userDataStream.subscribe.signature`).
What a reply does not prove is told as OutcomeLost: a request without a reply within the deadline, or whose connection
broke, may or may not have taken effect.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
import structlog
from picows import WSMsgType, WSTransport

from tradingbot_runtime.core.risk import Approved
from tradingbot_runtime.model import (
    BalancesReported,
    Cancel,
    CancelRejected,
    Instrument,
    Nanos,
    OrderAccepted,
    OrderEvent,
    OrderFilled,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OutcomeLost,
    Place,
    Restored,
)
from tradingbot_runtime.venues.binance.outcomes import Code, Proof, proof
from tradingbot_runtime.venues.binance.queries import BinanceQueries
from tradingbot_runtime.venues.binance.replies import EventType, Frame, ReplyError, Result, RetryAfter
from tradingbot_runtime.venues.binance.reports import MS, ExecutionReport, order_event, order_id_of
from tradingbot_runtime.venues.binance.signing import Credentials
from tradingbot_runtime.venues.connection import Backoff, Connection
from tradingbot_runtime.venues.protocols import OnConnected, OnEvent, TradeCursor, TradesPage

REPLY_WITHIN_NS = 5_000_000_000
IN_FLIGHT_MOST = 1_000
SUBSCRIBE = "subscribe"

log = structlog.get_logger("gateway")


@dataclass(frozen=True, slots=True)
class _InFlight:
    instrument: Instrument
    order_id: OrderId
    is_cancel: bool
    deadline_ns: int


@dataclass(slots=True)
class GatewayHealth:
    """Counters; metrics read them when scraped."""

    connected: bool = False
    foreign_reports: int = 0
    errors: dict[str, int] = field(default_factory=dict)

    def count(self, kind: str) -> None:
        self.errors[kind] = self.errors.get(kind, 0) + 1


class BinanceGateway:
    two_phase = False
    exclusive = False
    locked = ""

    def __init__(  # noqa: PLR0913 - the composition root passes each collaborator once
        self,
        api_url: str,
        credentials: Callable[[], Credentials],
        queries: BinanceQueries,
        instruments: Mapping[str, Instrument],
        *,
        now_ns: Callable[[], Nanos],
        backoff: Backoff,
        on_event: OnEvent,
        on_connected: OnConnected,
        on_rate_limited: Callable[[Nanos], None],
    ) -> None:
        self.health = GatewayHealth()
        self._credentials = credentials
        self._queries = queries
        self._instruments = instruments
        self._now_ns = now_ns
        self._on_event = on_event
        self._on_connected = on_connected
        self._on_rate_limited = on_rate_limited
        self._in_flight: dict[str, _InFlight] = {}
        self._transport: WSTransport | None = None
        self._subscribed_by_ns = 0  # when the subscription must have been answered
        queries.rest.on_blocked = self._block
        self._decode = msgspec.json.Decoder(Frame).decode
        self._encode = msgspec.json.Encoder().encode
        self._connection = Connection(f"{queries.venue}/orders", api_url, self, backoff)

    @property
    def connected(self) -> bool:
        return self.health.connected

    def remember(self, order_id: OrderId, venue_order_id: str) -> None:
        """Nothing to remember: Binance finds an order by our own id."""

    async def run(self) -> None:
        await self._connection.run()

    # -- orders out ----------------------------------------------------------------------------------------------

    def send(self, instrument: Instrument, approved: Approved) -> None:
        """Write the request to the socket; without a connection the order is refused, because it did not leave."""
        command = approved.command
        if self._transport is None or len(self._in_flight) >= IN_FLIGHT_MOST:
            self._not_sent(instrument, command.order_id, is_cancel=isinstance(command, Cancel))
        elif isinstance(command, Cancel):
            parameters = {"symbol": instrument.symbol, "origClientOrderId": command.order_id}
            self._request("order.cancel", f"{command.order_id}c", parameters)
            self._expect(f"{command.order_id}c", instrument, command.order_id, is_cancel=True)
        else:
            self._request("order.place", f"{command.order_id}p", _place(instrument, command))
            self._expect(f"{command.order_id}p", instrument, command.order_id, is_cancel=False)

    def expire(self) -> None:
        """Give up on requests whose reply is overdue. Called by a timer."""
        now_ns = self._now_ns()
        for request_id in [i for i, waiting in self._in_flight.items() if waiting.deadline_ns <= now_ns]:
            waiting = self._in_flight.pop(request_id)
            self.health.count("ReplyOverdue")
            self._lose(waiting, "no reply in time")
        if self._transport is not None and not self.health.connected and now_ns > self._subscribed_by_ns:
            self.health.count("SubscribeOverdue")
            self._connection.reconnect()

    def _expect(self, request_id: str, instrument: Instrument, order_id: OrderId, *, is_cancel: bool) -> None:
        self._in_flight[request_id] = _InFlight(instrument, order_id, is_cancel, self._now_ns() + REPLY_WITHIN_NS)

    def _request(self, method: str, request_id: str, parameters: Mapping[str, str | int]) -> None:
        signed = self._credentials().parameters(parameters, self._queries.rest.timestamp_ms())
        payload = self._encode({"id": request_id, "method": method, "params": signed})
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, payload)

    def _not_sent(self, instrument: Instrument, order_id: OrderId, *, is_cancel: bool) -> None:
        now_ns = self._now_ns()
        event: OrderEvent = OrderRejected(time_ns=now_ns, order_id=order_id, reason="NotConnected")
        if is_cancel:  # it stays wanted, and is sent again when the connection is back
            event = OutcomeLost(time_ns=now_ns, order_id=order_id, message="not connected")
        self._on_event(instrument.symbol, event)

    # -- connection ----------------------------------------------------------------------------------------------

    def on_open(self, transport: WSTransport) -> None:
        self._transport = transport
        self._subscribed_by_ns = self._now_ns() + REPLY_WITHIN_NS
        self._request("userDataStream.subscribe.signature", SUBSCRIBE, {})

    def on_lost(self, reason: str) -> None:
        self._transport = None
        lost, self._in_flight = self._in_flight, {}
        for waiting in lost.values():
            self._lose(waiting, reason)
        if self.health.connected:
            self.health.count("Disconnected")
        self.health.connected = False
        self._on_connected(False, reason)  # noqa: FBT003 - the callback's own meaning

    def on_text(self, payload: memoryview, *, last: bool) -> None:  # noqa: ARG002 - nothing to conflate here
        try:
            frame = self._decode(payload)
            if frame.event:
                self._report(frame.event)
            elif frame.id == SUBSCRIBE:
                self._subscribed(frame)
            else:
                self._reply(frame)
        except (msgspec.DecodeError, ValueError, KeyError) as error:
            # A broken frame may have been the reply to an order: the request's deadline and the sweep find out.
            self.health.count("FrameRefused")
            log.warning("FrameRefused", connection="orders", message=str(error))

    def _subscribed(self, frame: Frame) -> None:
        if frame.error is not None:
            self.health.count("SubscribeRefused")
            log.error("AccountStreamRefused", code=frame.error.code, message=frame.error.msg)
            self._doubt_clock(frame.error.code)
            self._connection.reconnect()
            return
        self.health.connected = True
        self._on_connected(True, "")  # noqa: FBT003 - the callback's own meaning

    # -- reports in ----------------------------------------------------------------------------------------------

    def _reply(self, frame: Frame) -> None:
        waiting = self._in_flight.pop(str(frame.id), None)
        if waiting is None:
            self.health.count("UnexpectedReply")  # overdue, and given up on
            return
        if frame.error is None:
            result = msgspec.json.decode(frame.result, type=Result)
            self._on_event(waiting.instrument.symbol, self._succeeded(waiting, result))
        else:
            self._failed(waiting, frame.status, frame.error)

    def _succeeded(self, waiting: _InFlight, result: Result) -> OrderEvent:
        now_ns, venue_order_id = self._now_ns(), str(result.order_id)
        if not waiting.is_cancel:
            return OrderAccepted(time_ns=now_ns, order_id=waiting.order_id, venue_order_id=venue_order_id,
                                 venue_time_ns=result.transact_time * MS)  # fmt: skip
        executed = waiting.instrument.lots(result.executed_qty)
        return OrderReported(time_ns=now_ns, order_id=waiting.order_id, status=OrderStatus.CANCELED, executed=executed,
                             venue_order_id=venue_order_id, venue_time_ns=result.transact_time * MS)  # fmt: skip

    def _failed(self, waiting: _InFlight, status: int, error: ReplyError) -> None:
        now_ns, proved = self._now_ns(), proof(status, error.code, error.msg)
        self.health.count(f"{proved}{error.code}")
        if proved is Proof.UNKNOWN:
            self._lose(waiting, f"status {status}: {error.msg} ({error.code})")
            return
        if proved is Proof.RATE_LIMITED:
            told = msgspec.json.decode(error.data, type=RetryAfter)
            self._queries.rest.block(max((told.retry_after - told.server_time) / 1000, 1))
        self._doubt_clock(error.code)
        log.warning("RequestRefused", order_id=waiting.order_id, cancel=waiting.is_cancel, code=error.code,
                    message=error.msg)  # fmt: skip
        event: OrderEvent
        if waiting.is_cancel:
            gone = error.code == Code.CANCEL_REJECTED
            event = CancelRejected(time_ns=now_ns, order_id=waiting.order_id, gone=gone, reason=str(error.code))
        else:
            event = OrderRejected(time_ns=now_ns, order_id=waiting.order_id, reason=str(error.code), message=error.msg)
        self._on_event(waiting.instrument.symbol, event)

    def _block(self, seconds: float) -> None:
        self._on_rate_limited(Nanos(self._now_ns() + int(seconds * 1_000_000_000)))

    def _doubt_clock(self, code: int) -> None:
        self._queries.rest.clock_doubted |= code == Code.INVALID_TIMESTAMP  # measured again by `VenueLink.watch`

    def _lose(self, waiting: _InFlight, message: str) -> None:
        log.warning("OutcomeLost", order_id=waiting.order_id, cancel=waiting.is_cancel, message=message)
        event = OutcomeLost(time_ns=self._now_ns(), order_id=waiting.order_id, message=message)
        self._on_event(waiting.instrument.symbol, event)

    def _report(self, raw: msgspec.Raw) -> None:
        if msgspec.json.decode(raw, type=EventType).e != "executionReport":
            return
        report = msgspec.json.decode(raw, type=ExecutionReport)
        ours = order_id_of(report)
        instrument = self._instruments.get(report.s)
        if ours is None or instrument is None:
            self.health.foreign_reports += 1
            return
        event = order_event(report, ours[0], instrument, self._now_ns())
        if event is not None:
            self._on_event(report.s, event)

    # -- questions -----------------------------------------------------------------------------------------------

    async def instrument(self, symbol: str) -> Instrument:
        return await self._queries.instrument(symbol)

    async def balances(self, instrument: Instrument) -> BalancesReported:
        return await self._queries.balances(instrument, self._now_ns())

    async def open_orders(self, instrument: Instrument) -> list[Restored]:
        return await self._queries.open_orders(instrument, self._now_ns())

    async def order(self, instrument: Instrument, order_id: OrderId) -> OrderReported:
        return await self._queries.order(instrument, order_id, self._now_ns())

    async def fills(self, instrument: Instrument, order_id: OrderId, venue_order_id: str) -> list[OrderFilled]:
        return await self._queries.fills(instrument, order_id, venue_order_id, self._now_ns())

    async def order_id(self, instrument: Instrument, venue_order_id: str) -> OrderId | None:
        return await self._queries.order_id(instrument, venue_order_id)

    async def trades(self, instrument: Instrument, cursor: TradeCursor) -> TradesPage:
        return await self._queries.trades(instrument, cursor, self._now_ns())

    async def cancel(self, instrument: Instrument, order_id: OrderId, venue_order_id: str = "") -> None:
        await self._queries.cancel(instrument, order_id, venue_order_id)


def _place(instrument: Instrument, place: Place) -> dict[str, str | int]:
    return {
        "symbol": instrument.symbol,
        "side": place.side.upper(),
        "type": "LIMIT_MAKER",
        "price": instrument.price_text(place.price),
        "quantity": instrument.quantity_text(place.quantity),
        "newClientOrderId": place.order_id,
        "newOrderRespType": "ACK",
    }
