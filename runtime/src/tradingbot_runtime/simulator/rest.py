"""REST at /api/v3: routes, signatures, limits, faults."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from tradingbot_runtime.simulator import signatures
from tradingbot_runtime.simulator.order_entry import Parameters
from tradingbot_runtime.simulator.private_api import PRIVATE_CALLS, PrivateApi, PrivateCall
from tradingbot_runtime.simulator.public_api import PUBLIC_CALLS, PublicApi, PublicCall
from tradingbot_runtime.simulator.refusals import Refusal
from tradingbot_runtime.simulator.request_faults import DEFAULT_RETRY_S, Ordeal, ordeal
from tradingbot_runtime.simulator.venue import SimulatedVenue

PREFIX = "/api/v3"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
RETRY_STATUSES = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.IM_A_TEAPOT)  # a teapot: Binance's word for a ban


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
        async def handle(request: web.Request) -> web.StreamResponse:
            return _json(call.answer(self._public, dict(request.query)))

        return handle

    def _private_handler(self, call: PrivateCall) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
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

    def _guarded(self, handler: Handler, weight: int) -> Handler:
        """`handler` behind faults, latency and limits; refusals become answers."""

        async def handle(request: web.Request) -> web.StreamResponse:
            fate = ordeal(self._venue, f"{request.method} {request.path}")
            if fate.delay_s:
                await asyncio.sleep(fate.delay_s)
            if fate.lost:
                return _cut(request)
            response = await self._answer(request, handler, weight, fate)
            if fate.unanswered:
                return _cut(request)
            response.headers.update(self._venue.limits.weight_headers())
            if request.method == "POST":
                response.headers.update(self._venue.limits.order_headers())
            return response

        return handle

    async def _answer(self, request: web.Request, handler: Handler, weight: int, fate: Ordeal) -> web.StreamResponse:
        if fate.refusal is not None:
            return _refused(fate.refusal, fate.retry_after_s)
        try:
            self._venue.limits.request(weight, self._venue.clock.now_ms())
            response = await handler(request)
        except Refusal as refusal:
            response = _refused(refusal, DEFAULT_RETRY_S)
        return response if fate.answer is None else _refused(fate.answer, DEFAULT_RETRY_S)


def _refused(refusal: Refusal, retry_after_s: int) -> web.Response:
    response = _json(refusal.body(), refusal.status)
    if refusal.status in RETRY_STATUSES:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def _cut(request: web.Request) -> web.Response:
    """Cut the connection; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
