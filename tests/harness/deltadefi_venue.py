"""A DeltaDeFi venue in the test's own event loop: it does as it is told, call by call, and else what is simplest.

For what the simulator process does not let a test choose: which answer is lost, and what was sent before what.
"""

import asyncio
import base64
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from harness.deltadefi_wire import ORDER, USDM_UNIT, Json
from tradingbot_runtime.venues.deltadefi.operation_key import ROUNDS

# The root key (CIP-3, CIP-5) of the words "summer" x 24: the official SDK's own test vector is signed with it.
XPRV = (
    "xprv19rumsw6emgv48dlcsthsk5z7a7008qp2wzf97cearz457pthd3wzyj6we3skrtv49ccezv3t25u4ykw5f3msgjs32cph5hrlf0gjkas458erpxve"
    "uznjq58sfg3v02mz820lnl9zf03hmaeca785d6kqsuyk403s"
)
Reply = Callable[[web.Request, Json], "Json | web.StreamResponse | None"]
NO_WITNESS = "84a0a0f5f6"  # the shortest transaction there is


def sealed(text: str, password: str, salt: bytes = b"") -> str:
    """An encrypted operation key as the venue hands it out."""
    iv = os.urandom(12)
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt or bytes(12), ROUNDS)
    envelope = {"iv": iv, "ciphertext": AESGCM(key).encrypt(iv, text.encode(), None)} | ({"salt": salt} if salt else {})
    return json.dumps({name: base64.b64encode(part).decode() for name, part in envelope.items()})


def refusal(code: int, status: int = 400) -> Reply:
    return lambda _, __: web.json_response({"error": f"refused by {code}", "code": code}, status=status)


def proxy_error(status: int) -> Reply:
    return lambda _, __: web.Response(text="<html>not the venue's</html>", status=status)


def lost(request: web.Request, _: Json) -> None:
    """The connection breaks instead of an answer."""
    if request.transport is not None:
        request.transport.abort()


def garbage(_: web.Request, __: Json) -> web.Response:
    return web.Response(text='{"order_id": ', content_type="application/json")


@dataclass
class ScriptedVenue:
    """`script`: replies by call (`POST /order/build`), each used once; `silent`: calls that are not answered."""

    api_key: str
    password: str
    calls: list[str] = field(default_factory=list)
    bodies: list[Json] = field(default_factory=list)
    script: dict[str, list[Reply]] = field(default_factory=dict)
    orders: dict[str, Json] = field(default_factory=dict)
    sockets: set[web.WebSocketResponse] = field(default_factory=set)
    held: dict[str, asyncio.Event] = field(default_factory=dict)  # calls that wait until it is set
    locked: bool = False
    tells: bool = True  # of orders' changes, on the account stream
    url: str = ""

    @property
    def stream(self) -> str:
        return self.url.replace("http", "ws", 1)

    def order_calls(self) -> list[str]:
        return [call for call in self.calls if call.startswith("POST")]

    def change(self, order_id: str, **changes: object) -> None:
        """The order is different from now on, and the account stream says so."""
        self.orders[order_id] |= changes
        self.tell(self.orders[order_id])

    def tell(self, order: Json) -> None:
        if self.tells:
            self.push({"type": "Account", "sub_type": "order_info", "order": order})

    def push(self, frame: Json | str) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        for socket in self.sockets:
            asyncio.get_running_loop().create_task(socket.send_str(text))

    # -- calls ---------------------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = f"{request.method} {request.path}"
        body: Json = await request.json() if request.can_read_body else {}
        self.calls.append(name)
        self.bodies.append(body)
        if name in self.held:
            await self.held[name].wait()
        if request.headers.get("X-API-KEY") != self.api_key:
            return web.json_response({"error": "Unauthorized access", "code": 4010}, status=401)
        waiting = self.script.get(name)
        reply = waiting.pop(0)(request, body) if waiting else self._usual(request, name, body)
        if reply is None:  # the connection is gone; nobody hears this
            return web.Response()
        return reply if isinstance(reply, web.StreamResponse) else web.json_response(reply)

    def _usual(self, request: web.Request, name: str, body: Json) -> Json | web.StreamResponse:
        last = request.path.rpartition("/")[2]
        if name == "POST /order/build":
            return self.build(body)
        if name == "POST /order/submit":
            return self.submit(body)
        if name == "POST /order/cancel-all":
            return {"symbol": body["symbol"], "order_ids": [i for i in list(self.orders) if self.cancel(i)]}
        if name.endswith("/cancel"):
            order_id = request.path.split("/")[2]
            return {"order_id": order_id} if self.cancel(order_id) else self._not_open(order_id)
        if "/accounts/order/" in name:
            return self.orders.get(last) or self._not_open(last)
        return self._account(last)

    def build(self, body: Json) -> Json:
        order_id = f"venue-{len(self.orders) + 1}"
        self.orders[order_id] = {
            **ORDER, "id": order_id, "status": "building", "side": body["side"], "price": body["price"],
            "base_qty": body["base_quantity"], "executed_base_qty": "0",
        }  # fmt: skip
        return {"order_id": order_id, "tx_hex": NO_WITNESS}

    def submit(self, body: Json) -> Json:
        self.change(body["order_id"], status="open")
        return self.orders[body["order_id"]]

    def cancel(self, order_id: str) -> bool:
        is_open = order_id in self.orders and self.orders[order_id]["status"] == "open"
        if is_open:
            self.change(order_id, status="cancelled", updated_at="2024-01-01T00:00:09Z")
        return is_open

    def _not_open(self, order_id: str) -> web.Response:
        code, status = (4201, 400) if order_id in self.orders else (4200, 404)
        return web.json_response({"error": "no such open order", "code": code}, status=status)

    def _account(self, call: str) -> Json | web.StreamResponse:
        token = {"symbol": "ADA", "unit": "lovelace", "decimals": 6, "max_qty_dp": 2}
        quote = {**token, "symbol": "USDM", "unit": USDM_UNIT}
        pair = {"symbol": "ADAUSDM", "base_token": token, "quote_token": quote, "price_max_dp": 4}
        answers: dict[str, object] = {
            "market-config": {"trading_pairs": [pair], "assets": []},
            "spot-account": {"account_id": "account-1"},
            "operation-key": {"encrypted_operation_key": sealed(XPRV, self.password), "operation_key_hash": ""},
            "balance": [{"asset": "ada", "asset_unit": "", "free": "1000", "locked": "0"}],
            "open-orders": [order for order in self.orders.values() if order["status"] in ("open", "processing")],
            "trades": [r for order in self.orders.values() for r in order["order_execution_records"]],
            "trading-lock-status": {"locked": self.locked},
            "hydra-cycle": {"start": "", "end": ""},
        }
        found = answers.get(call)
        return web.json_response(found, status=200 if found is not None else 404)

    async def account_stream(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("api_key") != self.api_key:
            return web.Response(status=401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.add(socket)
        try:
            async for message in socket:
                assert message.type is WSMsgType.TEXT
        finally:
            self.sockets.discard(socket)
        return socket


@asynccontextmanager
async def scripted_venue(api_key: str, password: str) -> AsyncIterator[ScriptedVenue]:
    venue = ScriptedVenue(api_key, password)
    app = web.Application()
    app.router.add_get("/accounts/stream", venue.account_stream)
    app.router.add_route("*", "/{path:.*}", venue.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    venue.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield venue
    finally:
        for socket in list(venue.sockets):
            await socket.close()
        await runner.cleanup()
