"""Binance spot over REST: what is asked at the start barrier and when something is in doubt."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import aiohttp
import msgspec

from tradingbot_runtime.errors import OutcomeUnknown, VenueProtocolError
from tradingbot_runtime.venues.binance.outcomes import error
from tradingbot_runtime.venues.binance.signing import Credentials

TIMEOUT_S = 5.0
MAX_BODY_BYTES = 32_000_000
T = TypeVar("T")
Parameters = Mapping[str, str | int]


class _Refusal(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _Time(msgspec.Struct):
    serverTime: int  # noqa: N815 - the wire's name


class BinanceRest:
    """Raises VenueRefused for a definite no, OutcomeUnknown when nothing is proved, VenueProtocolError for nonsense."""

    def __init__(self, base_url: str, credentials: Callable[[], Credentials] | None) -> None:
        self._base = f"{base_url.rstrip('/')}/api/v3"
        self._credentials = credentials
        self._session: aiohttp.ClientSession | None = None
        self.clock_offset_ms = 0

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def public(self, path: str, shape: type[T], parameters: Parameters | None = None) -> T:
        return await self._request("GET", path, shape, params=dict(parameters or {}))

    async def signed(self, method: str, path: str, shape: type[T], parameters: Parameters) -> T:
        if self._credentials is None:
            raise RuntimeError("no credentials: a signed request needs a Venue with credentialsSecretRef")
        credentials = self._credentials()
        query = credentials.query(parameters, self.timestamp_ms())
        return await self._request(method, f"{path}?{query}", shape, headers={"X-MBX-APIKEY": credentials.api_key})

    def timestamp_ms(self) -> int:
        """The venue's time, as far as we know it: wall time plus the measured offset."""
        return time.time_ns() // 1_000_000 + self.clock_offset_ms

    async def measure_clock(self) -> int:
        """Offset of the venue's clock to ours in milliseconds: the answer with the shortest round trip of three."""
        best: tuple[float, int] | None = None
        for _ in range(3):
            started, wall_ms = time.monotonic(), time.time_ns() // 1_000_000
            answer = await self.public("time", _Time)
            trip_s = time.monotonic() - started
            offset = answer.serverTime - wall_ms - int(trip_s * 500)
            best = min(best or (trip_s, offset), (trip_s, offset))
        self.clock_offset_ms = best[1] if best else 0
        return self.clock_offset_ms

    async def identity(self) -> str:
        """The simulator's name, or nothing when this is no simulator."""
        async with self._open().get(f"{self._base}/ping") as response:
            return response.headers.get("X-Simulator", "")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        return self._session

    async def _request(self, method: str, path: str, shape: type[T], **options: Any) -> T:  # noqa: ANN401 - aiohttp's
        from yarl import URL  # noqa: PLC0415 - only here

        url = URL(f"{self._base}/{path}", encoded=True)
        try:
            async with self._open().request(method, url, **options) as response:
                body = await response.content.read(MAX_BODY_BYTES)
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError) as failure:
            # `from None`: the failure's text holds the URL, and with it the signature.
            raise OutcomeUnknown(f"{method} {path.partition('?')[0]}: {type(failure).__name__}") from None
        if status >= 400:  # noqa: PLR2004 - HTTP
            refusal = _refusal(body)
            raise error(status, refusal.code, refusal.msg or f"HTTP {status}")
        try:
            return msgspec.json.decode(body, type=shape)
        except msgspec.DecodeError as failure:
            raise VenueProtocolError(f"{method} {path.partition('?')[0]}: {failure}") from failure


def _refusal(body: bytes) -> _Refusal:
    try:
        return msgspec.json.decode(body, type=_Refusal)
    except msgspec.DecodeError:
        return _Refusal(msg=body[:100].decode("utf-8", "replace"))
