"""A small client of Binance's protocol for tests, written from its documentation and not from our code."""

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.frames import WITHIN_S, Frames, Json
from harness.simulator import SimulatorProcess

Signer = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Json
    headers: dict[str, str]


class Ed25519Signer:
    """A key made for one test run."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    def sign(self, payload: str) -> str:
        return base64.b64encode(self._key.sign(payload.encode())).decode()

    def write_public(self, folder: Path) -> Path:
        """The public key as a PEM file."""
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        path = folder / "public.pem"
        path.write_bytes(pem)
        return path


class BinanceClient:
    """REST and websocket API. `signer` None: HMAC with the simulator's secret."""

    def __init__(self, simulator: SimulatorProcess, session: aiohttp.ClientSession, signer: Signer | None) -> None:
        self.simulator = simulator
        self.session = session
        self._signer = signer or self._hmac

    def signed(self, parameters: dict[str, str | int]) -> str:
        """A query string with time stamp and signature."""
        query = urlencode({"timestamp": time.time_ns() // 1_000_000, **parameters})
        return f"{query}&{urlencode({'signature': self._signer(query)})}"

    async def get(self, path: str, **parameters: str | int) -> Reply:
        return await self.send("GET", path, urlencode(parameters))

    async def private(self, method: str, path: str, **parameters: str | int) -> Reply:
        return await self.send(method, path, self.signed(parameters))

    async def place(self, side: str, price: str, quantity: str, **options: str | int) -> Reply:
        """A post-only limit order in BTCUSDT."""
        order = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT_MAKER", "price": price, "quantity": quantity}
        return await self.private("POST", "order", **{**order, **options})

    async def send(self, method: str, path: str, query: str, key: str | None = None) -> Reply:
        url = f"{self.simulator.rest}/api/v3/{path}?{query}"
        headers = {"X-MBX-APIKEY": self.simulator.api_key if key is None else key}
        async with self.session.request(method, url, headers=headers) as response:
            return Reply(response.status, await response.json(), dict(response.headers))

    def api_parameters(self, **parameters: str | int) -> dict[str, str | int]:
        """Parameters of a signed websocket API request."""
        whole = {"apiKey": self.simulator.api_key, "timestamp": time.time_ns() // 1_000_000, **parameters}
        payload = "&".join(f"{name}={value}" for name, value in sorted(whole.items()))
        return {**whole, "signature": self._signer(payload)}

    def _hmac(self, payload: str) -> str:
        return hmac.new(self.simulator.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


class Socket(Frames):
    """The websocket API, or a stream."""

    async def call(self, method: str, parameters: dict[str, str | int] | None = None) -> Json:
        """A websocket API request and its response."""
        number = f"{method}/{time.monotonic_ns()}"
        await self.socket.send_json({"id": number, "method": method, "params": parameters or {}})
        return await self.until(lambda frame: frame.get("id") == number)

    async def event(self, kind: str) -> Json:
        """The next event of the account of this kind."""
        frame = await self.until(lambda found: found.get("event", {}).get("e") == kind)
        return frame["event"]


@asynccontextmanager
async def binance_client(simulator: SimulatorProcess, signer: Signer | None = None) -> AsyncIterator[BinanceClient]:
    timeout = aiohttp.ClientTimeout(total=WITHIN_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield BinanceClient(simulator, session, signer)


@asynccontextmanager
async def open_socket(client: BinanceClient, url: str) -> AsyncIterator[Socket]:
    async with client.session.ws_connect(url) as socket:
        yield Socket(socket)
