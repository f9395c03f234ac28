"""REST at /api/v3: routes, signatures, limits, faults."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from tradingbot_runtime.simulator import signatures
from tradingbot_runtime.simulator.faults import BINANCE_REQUEST_FAULTS, FaultKind
from tradingbot_runtime.simulator.http_faults import undergo
from tradingbot_runtime.simulator.order_entry import Parameters
from tradingbot_runtime.simulator.private_api import PRIVATE_CALLS, PrivateApi, PrivateCall
from tradingbot_runtime.simulator.public_api import PUBLIC_CALLS, PublicApi, PublicCall
from tradingbot_runtime.simulator.refusals import Reason, Refusal
from tradingbot_runtime.simulator.request_faults import DEFAULT_RETRY_S, Ordeal, ordeal
from tradingbot_runtime.simulator.venue import SimulatedVenue

PREFIX = "/api/v3"
Handler = Callable[[web.Request], Awaitable[web.Response]]
RETRY_STATUSES = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.IM_A_TEAPOT)  # a teapot: Binance's word for a ban

_SPOKEN = {
    FaultKind.HTTP_5XX: Reason.DISCONNECTED,
    FaultKind.ACCEPT_THEN_5XX: Reason.STATUS_UNKNOWN,
    FaultKind.TOO_MANY: Reason.TOO_MANY_REQUESTS,
    FaultKind.BANNED: Reason.BANNED,
    FaultKind.MARKET_CLOSED: Reason.MARKET_CLOSED,
}


class RestApi:
    def __init__(self, venue: SimulatedVenue, public: PublicApi, private: PrivateApi) -> None:
        self._venue = venue
        self._public = public
        self._private = private

    def add_routes(self, app: web.Application) -> None:
        for public in PUBLIC_CALLS:
            app.router.add_get(PREFIX + public.path, self._guarded(self._public_handler(public), public.weight))
        for private in PRIVATE_CALLS:
            method, path = private.http
            app.router.add_route(method, PREFIX + path, self._guarded(self._private_handler(private), private.weight))

    def _public_handler(self, call: PublicCall) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            return _json(call.answer(self._public, dict(request.query)))

        return handle

    def _private_handler(self, call: PrivateCall) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            parameters = await self._authenticated(request)
            return _json(call.answer(self._private, parameters))

        return handle

    async def _authenticated(self, request: web.Request) -> Parameters:
        """The parameters of a signed request. Raises Refusal."""
        body = (await request.read()).decode("latin-1")  # bytes that are no text end as a wrong signature
        self._venue.credentials.check_key(request.headers.get("X-MBX-APIKEY"))
        parameters = {**dict(parse_qsl(body, keep_blank_values=True)), **request.query}
        payload, signature = signatures.rest_payload(request.raw_path.partition("?")[2], body)
        signatures.check_time(parameters, self._venue.clock.now_ms())
        self._venue.credentials.check(payload, signature)
        return parameters

    def _guarded(self, handler: Handler, weight: int) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """`handler` behind faults, latency and limits; refusals become answers."""

        async def handle(request: web.Request) -> web.StreamResponse:
            fate = ordeal(self._venue.conditions, f"{request.method} {request.path}", BINANCE_REQUEST_FAULTS)
            return await undergo(request, fate, lambda: self._answer(request, handler, weight, fate))

        return handle

    async def _answer(self, request: web.Request, handler: Handler, weight: int, fate: Ordeal) -> web.Response:
        response = await self._handled(request, handler, weight) if fate.handled else web.Response()
        spoken = spoken_refusal(fate, self._venue.limits.weight.limit)
        if spoken is not None:
            response = _refused(spoken, fate.retry_after_s)
        response.headers.update(self._venue.limits.weight_headers())
        if request.method == "POST":
            response.headers.update(self._venue.limits.order_headers())
        return response

    async def _handled(self, request: web.Request, handler: Handler, weight: int) -> web.Response:
        try:
            self._venue.limits.request(weight, self._venue.clock.now_ms())
            return await handler(request)
        except Refusal as refusal:
            return _refused(refusal, DEFAULT_RETRY_S)


def _refused(refusal: Refusal, retry_after_s: int) -> web.Response:
    response = _json(refusal.body(), refusal.status)
    if refusal.status in RETRY_STATUSES:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def spoken_refusal(fate: Ordeal, weight_limit: int) -> Refusal | None:
    """What a fault answers in place of the truth."""
    reason = _SPOKEN.get(fate.kind) if fate.kind is not None else None
    return None if reason is None else Refusal(reason, weight_limit)
