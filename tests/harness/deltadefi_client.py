"""A small client of DeltaDeFi's protocol for tests of the simulator's wire; it signs with the runtime's own key."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from harness.frames import WITHIN_S, Frames, Json
from harness.simulator import SimulatorProcess
from tradingbot_runtime.venues.deltadefi.operation_key import OperationKey, operation_key

SYMBOL = "ADAUSDM"


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is None where it is no JSON."""

    status: int
    body: Json

    @property
    def code(self) -> int:
        return int(self.body["code"])


class DeltaDeFiClient:
    def __init__(self, simulator: SimulatorProcess, session: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.session = session
        self._key: OperationKey | None = None

    async def get(self, path: str, **query: str) -> Reply:
        return await self.send("GET", path, params=query)

    async def post(self, path: str, **body: object) -> Reply:
        return await self.send("POST", path, json=body)

    async def send(self, method: str, path: str, **options: Any) -> Reply:  # noqa: ANN401 - aiohttp's
        headers = {"X-API-KEY": self.simulator.deltadefi_api_key}
        async with self.session.request(method, self.simulator.rest + path, headers=headers, **options) as response:
            text = await response.text()
            try:
                return Reply(response.status, json.loads(text))
            except json.JSONDecodeError:
                return Reply(response.status, None)

    async def build(self, side: str = "buy", price: str = "0.3400", quantity: str = "10", **options: object) -> Reply:
        """A limit order; what wins over the rest may be given."""
        order = {"symbol": SYMBOL, "side": side, "type": "limit", "price": price, "base_quantity": quantity}
        return await self.post("/order/build", **{**order, **options})

    async def submit(self, built: Json) -> Reply:
        signed = (await self.key()).signed(built["tx_hex"])
        return await self.post("/order/submit", order_id=built["order_id"], signed_tx=signed)

    async def place(self, side: str = "buy", price: str = "0.3400", quantity: str = "10") -> str:
        """The id of an order that rests."""
        order_id: str = (await self.submit((await self.build(side, price, quantity)).body)).body["id"]
        while await self.status(order_id) == "processing":  # bounded by the test's own deadline
            pass
        return order_id

    async def status(self, order_id: str) -> str:
        return str((await self.get(f"/accounts/order/{order_id}")).body["status"])

    async def key(self) -> OperationKey:
        if self._key is None:
            encrypted = (await self.get("/accounts/operation-key")).body["encrypted_operation_key"]
            self._key = operation_key(encrypted, self.simulator.trading_password)
        return self._key


@asynccontextmanager
async def deltadefi_client(simulator: SimulatorProcess) -> AsyncIterator[DeltaDeFiClient]:
    timeout = aiohttp.ClientTimeout(total=WITHIN_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield DeltaDeFiClient(simulator, session)


@asynccontextmanager
async def stream(client: DeltaDeFiClient, path: str, key: str | None = None) -> AsyncIterator[Frames]:
    query = f"api_key={key or client.simulator.deltadefi_api_key}"
    async with client.session.ws_connect(f"{client.simulator.deltadefi_stream}{path}?{query}") as socket:
        yield Frames(socket)
