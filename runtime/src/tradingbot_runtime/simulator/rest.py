"""REST at /api/v3: routes, signatures, limits, faults."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from aiohttp import web

from tradingbot_runtime.simulator import signatures
from tradingbot_runtime.simulator.faults import REQUEST_FAULTS, FaultKind
from tradingbot_runtime.simulator.order_entry import Parameters
from tradingbot_runtime.simulator.private_api import PRIVATE_CALLS, PrivateApi, PrivateCall
from tradingbot_runtime.simulator.public_api import PUBLIC_CALLS, PublicApi, PublicCall
from tradingbot_runtime.simulator.refusals import Reason, Refusal
from tradingbot_runtime.simulator.venue import SimulatedVenue

log = structlog.get_logger("simulator")
PREFIX = "/api/v3"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_TOO_MANY = 429
REFUSED_BEFORE = {
    FaultKind.HTTP_5XX: Reason.DISCONNECTED,
    FaultKind.TOO_MANY: Reason.TOO_MANY_REQUESTS,
    FaultKind.BANNED: Reason.BANNED,
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
        body = await request.text()
        self._venue.credentials.check_key(request.headers.get("X-MBX-APIKEY"))
        parameters = {**{str(k): str(v) for k, v in (await request.post()).items()}, **request.query}
        payload, signature = signatures.rest_payload(request.raw_path.partition("?")[2], body)
        signatures.check_time(parameters, self._venue.clock.now_ms())
        self._venue.credentials.check(payload, signature)
        return parameters

    def _guarded(self, handler: Handler, weight: int) -> Handler:
        """`handler` behind faults, latency and limits; refusals become answers."""

        async def handle(request: web.Request) -> web.StreamResponse:
            now_ms = self._venue.clock.now_ms()
            fault = self._venue.faults.take(REQUEST_FAULTS, f"{request.method} {request.path}", now_ms)
            kind = fault.kind if fault else None
            delay_s = self._venue.latency_s + (fault.delay_ms / 1000 if fault and kind is FaultKind.DELAY else 0.0)
            if delay_s:
                await asyncio.sleep(delay_s)
            if kind is FaultKind.DROP:
                return _cut(request)
            try:
                if kind in REFUSED_BEFORE:
                    raise Refusal(REFUSED_BEFORE[kind], self._venue.limits.weight.limit)
                self._venue.limits.request(weight, now_ms)
                response = await handler(request)
            except Refusal as refused:
                response = _json(refused.body(), refused.status)
                if refused.status in (_TOO_MANY, 418):
                    response.headers["Retry-After"] = str(fault.retry_after_s if fault else 1)
            if kind is FaultKind.ACCEPT_THEN_DROP:
                return _cut(request)
            if kind is FaultKind.ACCEPT_THEN_5XX:
                unknown = Refusal(Reason.STATUS_UNKNOWN)
                response = _json(unknown.body(), unknown.status)
            response.headers.update(self._venue.limits.weight_headers())
            if request.method == "POST":
                response.headers.update(self._venue.limits.order_headers())
            return response

        return handle


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def _cut(request: web.Request) -> web.Response:
    """Cut the connection; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
