"""REST: routes, API key, rate limit, faults."""

import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from aiohttp import web

from tradingbot_runtime.simulator.deltadefi import account_api, market_api, order_api
from tradingbot_runtime.simulator.deltadefi.calls import Asked
from tradingbot_runtime.simulator.deltadefi.refusals import Reason, Refusal
from tradingbot_runtime.simulator.deltadefi.streams import DEPTH, Streams, refused
from tradingbot_runtime.simulator.deltadefi.venue import DeltaDeFiVenue
from tradingbot_runtime.simulator.faults import REQUEST_FAULTS, FaultKind
from tradingbot_runtime.simulator.http_faults import undergo
from tradingbot_runtime.simulator.request_faults import Ordeal, ordeal

Answer = Callable[[DeltaDeFiVenue, Asked], object]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Call(msgspec.Struct, frozen=True):
    """`path` is the route, and with `method` what faults name it by. `public`: no API key is needed."""

    method: str
    path: str
    answer: Answer
    public: bool = False

    @property
    def target(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def limited(self) -> bool:
        """Whether it counts towards the rate limit."""
        return self.path.startswith("/order/")


CALLS: tuple[Call, ...] = (
    Call("POST", "/order/build", order_api.build),
    Call("POST", "/order/submit", order_api.submit),
    Call("POST", "/order/cancel-all", order_api.cancel_all),
    Call("POST", "/order/{id}/cancel", order_api.cancel),
    Call("GET", "/accounts/operation-key", account_api.operation_key),
    Call("GET", "/accounts/spot-account", account_api.spot_account),
    Call("GET", "/accounts/api-key", account_api.api_key),
    Call("GET", "/accounts/balance", account_api.balance),
    Call("GET", "/accounts/max-deposit", account_api.max_deposit),
    Call("GET", "/accounts/open-orders", account_api.open_orders),
    Call("GET", "/accounts/trade-orders", account_api.trade_orders),
    Call("GET", "/accounts/trades", account_api.trades),
    Call("GET", "/accounts/order/{id}", account_api.order),
    Call("GET", "/accounts/order-records", account_api.order_records),
    Call("GET", "/accounts/deposit-records", account_api.deposit_records),
    Call("GET", "/accounts/withdrawal-records", account_api.withdrawal_records),
    Call("GET", "/accounts/transferal-records", account_api.transferal_records),
    Call("GET", "/market/market-price", market_api.market_price),
    Call("GET", "/market/graph/{symbol}", market_api.graph),
    Call("GET", DEPTH + "{symbol}", market_api.depth),
    Call("GET", "/app/market-config", market_api.market_config, public=True),
    Call("GET", "/app/hydra-cycle", market_api.hydra_cycle, public=True),
    Call("GET", "/app/terms-and-conditions", market_api.terms, public=True),
    Call("GET", "/health/trading-lock-status", market_api.trading_lock_status, public=True),
)
ORDER_FAULTS = (*REQUEST_FAULTS, FaultKind.LOCK)
SUBMIT_FAULTS = (*ORDER_FAULTS, FaultKind.TX_EXPIRED, FaultKind.UTXO_SPENT)
_SPOKEN = {
    FaultKind.ACCEPT_THEN_5XX: Reason.INTERNAL,
    FaultKind.TOO_MANY: Reason.RATE_LIMIT,
    FaultKind.BANNED: Reason.RATE_LIMIT,
    FaultKind.TX_EXPIRED: Reason.EXPIRED,
    FaultKind.UTXO_SPENT: Reason.UTXO_SPENT,
}


class RestApi:
    def __init__(self, venue: DeltaDeFiVenue, streams: Streams) -> None:
        self._venue = venue
        self._streams = streams

    def add_routes(self, app: web.Application) -> None:
        for call in CALLS:
            handler = self._guarded(call)
            if call.answer is market_api.depth:
                handler = self._or_stream(handler)
            app.router.add_route(call.method, call.path, handler)

    def _or_stream(self, handler: Handler) -> Handler:
        """The depth stream has the path of a REST call."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._streams.depth(request)
            return await handler(request)

        return handle

    def _guarded(self, call: Call) -> Handler:
        kinds = SUBMIT_FAULTS if call.answer is order_api.submit else ORDER_FAULTS if call.limited else REQUEST_FAULTS

        async def handle(request: web.Request) -> web.StreamResponse:
            fate = ordeal(self._venue.conditions, call.target, kinds)
            return await undergo(request, fate, lambda: self._answer(request, call, fate))

        return handle

    async def _answer(self, request: web.Request, call: Call, fate: Ordeal) -> web.Response:
        response = await self._handled(request, call) if fate.handled else web.Response()
        if fate.kind is FaultKind.HTTP_5XX:  # of a proxy in front of the venue: no JSON, and no code
            return web.Response(text="503 Service Unavailable", status=HTTPStatus.SERVICE_UNAVAILABLE)
        spoken = _SPOKEN.get(fate.kind) if fate.kind is not None else None
        return response if spoken is None else refused(Refusal(spoken))

    async def _handled(self, request: web.Request, call: Call) -> web.Response:
        asked = Asked(path=request.match_info, query=request.query, body=await request.read())
        try:
            if not call.public:
                self._authenticate(request)
            if call.limited:
                self._count()
            answer = call.answer(self._venue, asked)
        except Refusal as refusal:
            return refused(refusal)
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    def _authenticate(self, request: web.Request) -> None:
        given = request.headers.get("X-API-KEY", "")
        if not hmac.compare_digest(given.encode(), self._venue.access.api_key.encode()):
            raise Refusal(Reason.UNAUTHORIZED)

    def _count(self) -> None:
        window = self._venue.order_calls
        window.count(1, self._venue.now_ms())
        if window.used > window.limit:
            raise Refusal(Reason.RATE_LIMIT)
