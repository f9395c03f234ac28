"""The websocket API at /ws-api/v3: requests, sessions, and the account's event stream.

Source: Binance spot API documentation, "WebSocket API": request and response format, session authentication (Ed25519
only), user data stream requests and events.
"""

import asyncio

import msgspec
import structlog
from aiohttp import web

from tradingbot_runtime.simulator import signatures
from tradingbot_runtime.simulator.connections import Connection
from tradingbot_runtime.simulator.faults import BINANCE_REQUEST_FAULTS
from tradingbot_runtime.simulator.order_entry import Parameters, mandatory
from tradingbot_runtime.simulator.private_api import PRIVATE_CALLS, PrivateApi
from tradingbot_runtime.simulator.public_api import PUBLIC_CALLS, PublicApi
from tradingbot_runtime.simulator.refusals import Reason, Refusal
from tradingbot_runtime.simulator.request_faults import Delivery, Ordeal, ordeal
from tradingbot_runtime.simulator.rest import RETRY_STATUSES, spoken_refusal
from tradingbot_runtime.simulator.stream_faults import Cut, Json, OutgoingFrame
from tradingbot_runtime.simulator.streams import shutdown_notice
from tradingbot_runtime.simulator.venue import SimulatedVenue

log = structlog.get_logger("simulator")
MAX_SESSIONS = 300
USER = "user"  # the account's events, as faults name them
_PUBLIC = {call.websocket: call for call in PUBLIC_CALLS}
_PRIVATE = {call.websocket: call for call in PRIVATE_CALLS}
_NO_FAULT = Ordeal(delay_s=0.0)


class _Request(msgspec.Struct):
    method: str
    id: int | str | None = None
    params: dict[str, str | int | float | bool | None] = {}


class Session:
    """One connection. `authorized`: session.logon was accepted, requests need no signature of their own."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.authorized = False
        self.subscriptions: list[int] = []
        self.next_subscription = 0


class WebsocketApi:
    """All connections to the websocket API."""

    def __init__(self, venue: SimulatedVenue, public: PublicApi, private: PrivateApi) -> None:
        self._venue = venue
        self._public = public
        self._private = private
        self._sessions: set[Session] = set()
        self._session_calls = {
            "session.logon": self._logon,
            "session.status": self._status,
            "session.logout": self._logout,
            "userDataStream.subscribe": self._subscribe,
            "userDataStream.subscribe.signature": self._subscribe_signed,
            "userDataStream.unsubscribe": self._unsubscribe,
        }
        venue.publish_account_event = self.publish

    @property
    def connected(self) -> int:
        return len(self._sessions)

    def publish(self, event: Json) -> None:
        """Send one event of the account to every subscription."""
        if not any(session.subscriptions for session in self._sessions):
            return
        for frame in self._venue.stream_faults.frames(USER, event, self._venue.clock.now_ms()):
            for session in self._sessions:
                for number in session.subscriptions:
                    session.connection.send(frame, b'{"subscriptionId":%d,"event":' % number, b"}")

    def disconnect(self) -> int:
        """Cut every connection; how many."""
        for session in self._sessions:
            session.connection.abort()
        return len(self._sessions)

    def shut_down(self, now_ms: int, after_s: float) -> int:
        """Tell every connection, and cut it `after_s` later; how many."""
        notice = OutgoingFrame(msgspec.json.encode({"event": shutdown_notice(now_ms)}))
        for session in self._sessions:
            session.connection.send(notice)
            asyncio.get_running_loop().call_later(after_s, session.connection.abort)
        return len(self._sessions)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        if self.connected >= MAX_SESSIONS:
            raise web.HTTPServiceUnavailable(text="too many connections")
        connection = Connection(request)
        await connection.open()
        session = Session(connection)
        self._sessions.add(session)
        writer = asyncio.create_task(connection.write())
        try:
            async for text in connection.texts():
                self._receive(session, text)
        finally:
            writer.cancel()
            self._sessions.discard(session)
            if connection.too_slow:
                log.warning("ClientTooSlow", streams=[USER])
        return connection.socket

    def _receive(self, session: Session, text: str) -> None:
        try:
            request = msgspec.json.decode(text, type=_Request)
        except msgspec.DecodeError:
            self._respond(session, None, Refusal(Reason.MALFORMED, "JSON"))
            return
        fate = ordeal(self._venue.conditions, request.method, BINANCE_REQUEST_FAULTS)
        if fate.delay_s:  # requests behind this one need not wait for it
            asyncio.get_running_loop().call_later(fate.delay_s, self._handle, session, request, fate)
        else:
            self._handle(session, request, fate)

    def _handle(self, session: Session, request: _Request, fate: Ordeal) -> None:
        if fate.delivery is Delivery.CUT:
            session.subscriptions.clear()  # this connection hears no more, not even of what it is about to do
            session.connection.abort()
        if not fate.handled and fate.delivery is not Delivery.WHOLE:
            return
        answer = self._answer(session, request, fate)
        if fate.delivery not in (Delivery.CUT, Delivery.NEVER):
            self._respond(session, request.id, answer, fate)

    def _answer(self, session: Session, request: _Request, fate: Ordeal) -> object:
        """The result, or the Refusal that takes its place."""
        result: object = None
        if fate.handled:
            try:
                result = self._call(session, request)
            except Refusal as refusal:
                result = refusal
        return spoken_refusal(fate, self._venue.limits.weight.limit) or result

    def _respond(
        self, session: Session, request_id: int | str | None, answer: object, fate: Ordeal = _NO_FAULT
    ) -> None:
        response: Json = {"id": request_id, "status": 200}
        if isinstance(answer, Refusal):
            error = answer.body()
            if answer.status in RETRY_STATUSES:
                now_ms = self._venue.clock.now_ms()
                error["data"] = {"serverTime": now_ms, "retryAfter": now_ms + fate.retry_after_s * 1000}
            response |= {"status": answer.status, "error": error}
        else:
            response["result"] = answer
        response["rateLimits"] = self._venue.limits.used()
        data = msgspec.json.encode(response)
        if fate.delivery is Delivery.GARBAGE:
            data = data[: len(data) // 2]
        cut = Cut.HALFWAY if fate.delivery is Delivery.HALF else Cut.NO
        session.connection.send(OutgoingFrame(data, cut=cut))

    def _call(self, session: Session, request: _Request) -> object:
        parameters = {name: _text(value) for name, value in request.params.items() if value is not None}
        public, private = _PUBLIC.get(request.method), _PRIVATE.get(request.method)
        weight = public.weight if public else private.weight if private else 2
        self._venue.limits.request(weight, self._venue.clock.now_ms())
        if public is not None:
            return public.answer(self._public, parameters)
        if private is not None:
            self._authenticate(session, parameters)
            return private.answer(self._private, parameters)
        session_call = self._session_calls.get(request.method)
        if session_call is None:
            raise Refusal(Reason.UNKNOWN_METHOD)
        return session_call(session, parameters)

    def _authenticate(self, session: Session, parameters: Parameters) -> None:
        """Raises Refusal unless the request is signed, or the session is logged on."""
        signatures.check_time(parameters, self._venue.clock.now_ms())
        if session.authorized and "signature" not in parameters:
            return
        self._venue.credentials.check_key(mandatory(parameters, "apiKey"))
        self._venue.credentials.check(signatures.websocket_payload(parameters), parameters.get("signature"))

    def _logon(self, session: Session, parameters: Parameters) -> Json:
        credentials = self._venue.credentials
        signatures.check_time(parameters, self._venue.clock.now_ms())
        credentials.check_key(mandatory(parameters, "apiKey"))
        if credentials.ed25519 is None:
            raise Refusal(Reason.NO_ED25519)
        credentials.check_ed25519(signatures.websocket_payload(parameters), mandatory(parameters, "signature"))
        session.authorized = True
        return self._status(session, parameters)

    def _status(self, session: Session, _: Parameters) -> Json:
        now_ms = self._venue.clock.now_ms()
        return {
            "apiKey": self._venue.credentials.api_key if session.authorized else None,
            "authorizedSince": now_ms if session.authorized else None, "connectedSince": now_ms,
            "returnRateLimits": True, "serverTime": now_ms, "userDataStream": bool(session.subscriptions),
        }  # fmt: skip

    def _logout(self, session: Session, parameters: Parameters) -> Json:
        session.authorized = False
        return self._status(session, parameters)

    def _subscribe(self, session: Session, _: Parameters) -> Json:
        if not session.authorized:
            raise Refusal(Reason.KEY)
        return self._add_subscription(session)

    def _subscribe_signed(self, session: Session, parameters: Parameters) -> Json:
        self._authenticate(session, parameters)
        return self._add_subscription(session)

    def _add_subscription(self, session: Session) -> Json:
        number, session.next_subscription = session.next_subscription, session.next_subscription + 1
        session.subscriptions.append(number)
        return {"subscriptionId": number}

    def _unsubscribe(self, session: Session, parameters: Parameters) -> Json:
        number = parameters.get("subscriptionId")
        session.subscriptions = [n for n in session.subscriptions if number is not None and str(n) != number]
        return {}


def _text(value: str | float | bool) -> str:  # noqa: FBT001 (a JSON value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def add_routes(app: web.Application, api: WebsocketApi) -> None:
    app.router.add_get("/ws-api/v3", api.handle)
