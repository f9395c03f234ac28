"""Orders to Binance spot over its websocket API or over REST, reports back over the websocket API.

One connection carries the account stream (`userDataStream.subscribe.signature`) and, unless the Venue wants them over
REST, orders and cancels. While it is away no order is sent by either way, because nobody would hear of its fills;
cancels then go over REST, because they only take risk away. What a reply does not prove is told as OutcomeLost: a
request without a reply within the deadline, or whose connection broke, may or may not have taken effect.
"""

from collections.abc import Callable, Mapping

import msgspec
import structlog
from picows import WSMsgType, WSTransport

from tradingbot_runtime.config import OrderEntry
from tradingbot_runtime.core.risk import Approved
from tradingbot_runtime.model import (
    BalancesReported,
    Cancel,
    Instrument,
    Nanos,
    OrderEvent,
    OrderFilled,
    OrderId,
    OrderReported,
    Restored,
)
from tradingbot_runtime.venues.binance import answers
from tradingbot_runtime.venues.binance.codec import SERVER_SHUTDOWN
from tradingbot_runtime.venues.binance.endpoints import CONNECTION_LIVES_S
from tradingbot_runtime.venues.binance.in_flight import REPLY_WITHIN_NS, InFlight
from tradingbot_runtime.venues.binance.outcomes import CREDENTIALS_REFUSED, INSUFFICIENT_BALANCE, Code, Proof, proof
from tradingbot_runtime.venues.binance.queries import BinanceQueries
from tradingbot_runtime.venues.binance.replies import EventType, Frame, ReplyError, retry_after_s
from tradingbot_runtime.venues.binance.reports import MS, ExecutionReport, order_event, order_id_of
from tradingbot_runtime.venues.binance.requests import Request, orders_of, requests
from tradingbot_runtime.venues.binance.rest_orders import RestOrders
from tradingbot_runtime.venues.binance.signing import Credentials
from tradingbot_runtime.venues.connection import Backoff, Connection, Upkeep
from tradingbot_runtime.venues.protocols import GatewayHealth, GatewayPorts, TradeCursor, TradesPage

KEY_AGAIN_S = 5.0  # after a key was refused: it is read again when its Secret changes
OVERLAP_S = 6.0  # of a connection that is renewed: longer than replies may take
IN_FLIGHT_MOST = 1_000
SUBSCRIBE = "subscribe"

log = structlog.get_logger("gateway")


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
        order_entry: OrderEntry,
        now_ns: Callable[[], Nanos],
        backoff: Backoff,
        ports: GatewayPorts,
    ) -> None:
        self.health = GatewayHealth()
        self._credentials = credentials
        self._queries = queries
        self._instruments = instruments
        self._order_entry = order_entry
        self._rest_orders = RestOrders(queries.rest, self)
        self._now_ns = now_ns
        self._ports = ports
        self._in_flight: dict[str, InFlight] = {}
        self._transport: WSTransport | None = None
        self._is_subscribed = False  # on the newest connection
        self._subscribed_by_ns = 0  # when the subscription must have been answered
        queries.rest.on_blocked = self._block
        queries.rest.on_used = self._hold_orders
        self._decode = msgspec.json.Decoder(Frame).decode
        self._encode = msgspec.json.Encoder().encode
        upkeep = Upkeep(CONNECTION_LIVES_S, OVERLAP_S, lambda: queries.rest.blocked_for_s)
        self._connection = Connection(f"{queries.venue}/orders", api_url, self, backoff, upkeep)

    @property
    def connected(self) -> bool:
        return self.health.connected

    def remember(self, order_id: OrderId, venue_order_id: str) -> None:
        """Nothing to remember: Binance finds an order by our own id."""

    async def run(self) -> None:
        await self._rest_orders.run_beside(self._connection.run())

    # -- orders out ----------------------------------------------------------------------------------------------

    def send(self, instrument: Instrument, approved: Approved) -> None:
        """Hand the requests over to be sent; where that may not be, an order is denied, because it did not leave."""
        for request in requests(instrument, approved.command):
            over_rest = self._order_entry is OrderEntry.REST or self._transport is None
            waiting = InFlight(instrument, request.command, self._now_ns(), not over_rest)
            if not self._may_send(request, over_rest=over_rest):
                self._tell(waiting, answers.not_sent(self._asked(waiting)))
                continue
            self._in_flight[request.id] = waiting
            if over_rest:
                self._rest_orders.send(request)
            else:
                self._request(request.method, request.id, request.parameters)

    def _may_send(self, request: Request, *, over_rest: bool) -> bool:
        """A request while the venue wants to be left alone would prolong the ban."""
        if self._queries.rest.blocked_for_s > 0 or len(self._in_flight) >= IN_FLIGHT_MOST:
            return False
        if not over_rest:
            return True
        return self._rest_orders.running and (self.connected or isinstance(request.command, Cancel))

    def expire(self) -> None:
        """Give up on requests whose reply is overdue. Called by a timer."""
        now_ns = self._now_ns()
        for request_id in [i for i, waiting in self._in_flight.items() if waiting.deadline_ns <= now_ns]:
            waiting = self._in_flight.pop(request_id)
            self._rest_orders.forget(request_id)
            self.health.count("ReplyOverdue")
            self._lose(waiting, "no reply in time")
        if self._transport is not None and not self._is_subscribed and now_ns > self._subscribed_by_ns:
            self.health.count("SubscribeOverdue")
            self._connection.reconnect()

    def _request(self, method: str, request_id: str, parameters: Mapping[str, str | int]) -> None:
        signed = self._credentials().parameters(parameters, self._queries.rest.timestamp_ms())
        payload = self._encode({"id": request_id, "method": method, "params": signed})
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, payload)

    def _asked(self, waiting: InFlight) -> answers.Asked:
        return answers.Asked(waiting.instrument, waiting.command, self._now_ns())

    def _tell(self, waiting: InFlight, events: list[OrderEvent]) -> None:
        for event in events:
            self._ports.on_event(waiting.instrument.symbol, event)

    # -- connection ----------------------------------------------------------------------------------------------

    def on_open(self, transport: WSTransport) -> None:
        """The first connection, or one that takes over from another, whose replies and reports go on for a while."""
        self._transport, self._is_subscribed = transport, False
        self._subscribed_by_ns = self._now_ns() + REPLY_WITHIN_NS
        self._request("userDataStream.subscribe.signature", SUBSCRIBE, {})

    def on_lost(self, reason: str) -> None:
        self._transport = None
        for request_id in [i for i, waiting in self._in_flight.items() if waiting.dies_with_connection]:
            self._lose(self._in_flight.pop(request_id), reason)
        if self.health.connected:
            self.health.count("Disconnected")
        self.health.connected = False
        self._ports.on_connected(False, reason)  # noqa: FBT003 - the callback's own meaning

    def on_text(self, payload: memoryview, *, last: bool) -> None:  # noqa: ARG002 - nothing to conflate here
        try:
            frame = self._decode(payload)
            if frame.error is not None:  # its words go on to the journal
                frame = self._decode(self._queries.rest.secrets.body(bytes(payload)))
            if frame.rate_limits:
                self._queries.rest.usage.declared(frame.rate_limits, self._queries.rest.timestamp_ms())
                self._hold_orders()
            if frame.event:
                self._report(frame.event)
            elif frame.id == SUBSCRIBE:
                self._subscribed(frame)
            else:
                self.on_reply(frame)
        except (msgspec.DecodeError, ValueError, KeyError) as error:
            # It may have been the reply to a request, which is then overdue, or a report, which the sweep misses.
            self.health.count("FrameRefused")
            log.warning("FrameRefused", connection="orders", message=str(error))

    def _subscribed(self, frame: Frame) -> None:
        if frame.error is not None:
            self.health.count("SubscribeRefused")
            log.error("AccountStreamRefused", venue=self._queries.venue, code=frame.error.code, message=frame.error.msg)
            self._look_at(frame.error)
            self._connection.reconnect()
            return
        self._is_subscribed = True
        if not self.health.connected:
            self.health.connected = True
            self._ports.on_connected(True, "")  # noqa: FBT003 - the callback's own meaning

    # -- reports in ----------------------------------------------------------------------------------------------

    def on_reply(self, frame: Frame) -> None:
        waiting = self._in_flight.pop(str(frame.id), None)
        if waiting is None:
            self.health.count("UnexpectedReply")  # overdue, and given up on
            return
        waiting.answered(frame, self._now_ns())
        try:
            if frame.error is None:
                self._tell(waiting, answers.succeeded(self._asked(waiting), frame.result))
            else:
                self._failed(waiting, frame.status, frame.error)
        except (msgspec.DecodeError, ValueError) as error:
            self.health.count("ReplyRefused")
            self._lose(waiting, f"an answer that makes no sense: {error}")

    def on_unanswered(self, request_id: str, message: str) -> None:
        if waiting := self._in_flight.pop(request_id, None):
            self._lose(waiting, message)

    def on_unsent(self, request_id: str, reason: str) -> None:
        if waiting := self._in_flight.pop(request_id, None):
            self._tell(waiting, answers.not_sent(self._asked(waiting), reason))

    def _failed(self, waiting: InFlight, status: int, error: ReplyError) -> None:
        proved = proof(status, error.code, error.msg)
        self.health.count(proved.counted(error.code))
        if proved is Proof.RATE_LIMITED:
            self._queries.rest.block(retry_after_s(error))
        self._look_at(error)
        log.warning("RequestRefused", command=type(waiting.command).__name__, orders=orders_of(waiting.command),
                    code=error.code, message=error.msg)  # fmt: skip
        self._tell(waiting, answers.failed(self._asked(waiting), status, error))

    def _block(self, seconds: float) -> None:
        self._ports.budget.block(Nanos(self._now_ns() + int(seconds * 1_000_000_000)))

    def _hold_orders(self) -> None:
        rest = self._queries.rest
        if wait_ms := rest.usage.orders_wait_ms(rest.timestamp_ms()):
            self._ports.budget.hold_orders(Nanos(self._now_ns() + wait_ms * MS))

    def _look_at(self, error: ReplyError) -> None:
        """What a refusal means beyond its request."""
        self._queries.rest.clock_doubted |= error.code == Code.INVALID_TIMESTAMP  # measured again by `VenueLink.watch`
        if error.code in CREDENTIALS_REFUSED:
            self._block(KEY_AGAIN_S)  # every cancel would be refused as well, and tried again with the next tick
            self._ports.on_refused("Unauthorized", f"{error.msg} ({error.code})")
        elif error.code == Code.NEW_ORDER_REJECTED and error.msg == INSUFFICIENT_BALANCE:
            self._ports.on_mismatch()

    def _lose(self, waiting: InFlight, message: str) -> None:
        log.warning("OutcomeLost", command=type(waiting.command).__name__, orders=orders_of(waiting.command),
                    message=message)  # fmt: skip
        self._tell(waiting, answers.lost(self._asked(waiting), message))

    def _report(self, raw: msgspec.Raw) -> None:
        kind = msgspec.json.decode(raw, type=EventType).e
        if kind == SERVER_SHUTDOWN:
            self._connection.renew()
        if kind != "executionReport":
            return
        report = msgspec.json.decode(raw, type=ExecutionReport)
        ours = order_id_of(report)
        instrument = self._instruments.get(report.s)
        if ours is None or instrument is None:
            self.health.foreign_reports += 1
            return
        event = order_event(report, ours[0], instrument, self._now_ns())
        if event is not None:
            self._ports.on_event(report.s, event)

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
