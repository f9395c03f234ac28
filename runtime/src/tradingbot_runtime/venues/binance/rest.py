"""Binance spot over REST: questions, asked again where that is safe, and orders, sent once."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import aiohttp
import msgspec
import structlog
from yarl import URL

from tradingbot_runtime.core.clock_offset import SAMPLES, ClockSample, clock_offset_ns
from tradingbot_runtime.errors import OutcomeUnknown, VenueProtocolError, VenueRefused
from tradingbot_runtime.logs import in_detail
from tradingbot_runtime.network_errors import address
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.venues.binance.outcomes import RATE_LIMIT_STATUSES, Code, as_refused, error
from tradingbot_runtime.venues.binance.replies import RETRY_AFTER_S, ReplyError
from tradingbot_runtime.venues.binance.signing import Credentials
from tradingbot_runtime.venues.binance.usage import Usage
from tradingbot_runtime.venues.response_body import unanswered, whole_body

log = structlog.get_logger("rest")

TIMEOUT_S = 5.0
FAILED = 400  # HTTP: from here on a request was not carried out, or nobody knows
_MILLION = 1_000_000
T = TypeVar("T")
Parameters = Mapping[str, str | int]


class _Time(msgspec.Struct):
    serverTime: int  # noqa: N815 - the wire's name


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[str, str]


class NotReached(OutcomeUnknown):
    """No connection to the venue was made: nothing of the request has left."""


class BinanceRest:
    """Raises VenueRefused for a definite no, OutcomeUnknown when nothing is proved, VenueProtocolError for nonsense."""

    def __init__(self, base_url: str, credentials: Callable[[], Credentials] | None, secrets: KnownSecrets) -> None:
        self._base = f"{base_url.rstrip('/')}/api/v3"
        self._credentials = credentials
        self.secrets = secrets
        self._session: aiohttp.ClientSession | None = None
        self.clock_offset_ms = 0
        self.clock_doubted = False  # the venue has refused a timestamp
        self.blocked_until_s = 0.0  # on the event loop's clock
        self.on_blocked: Callable[[float], None] = lambda _: None  # seconds
        self.usage = Usage()  # of this address and account, over REST and the websocket API together
        self.on_used: Callable[[], None] = lambda: None  # `usage` has heard more

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def public(self, path: str, shape: type[T], parameters: Parameters | None = None) -> T:
        return await self._request("GET", path, shape, params=dict(parameters or {}))

    async def signed(self, method: str, path: str, shape: type[T], parameters: Parameters) -> T:
        try:
            return await self._sign_and_send(method, path, shape, parameters)
        except VenueRefused as refused:
            if refused.code != Code.INVALID_TIMESTAMP:
                raise
        await self.measure_clock()  # one of the two clocks was moved; nothing has happened yet
        return await self._sign_and_send(method, path, shape, parameters)

    async def _sign_and_send(self, method: str, path: str, shape: type[T], parameters: Parameters) -> T:
        address, headers = self._sign(path, parameters)
        return await self._request(method, address, shape, headers=headers)

    async def send_once(self, method: str, path: str, parameters: Parameters) -> Answer:
        """Any answer to a signed request. Raises NotReached, OutcomeUnknown, VenueProtocolError."""
        address, headers = self._sign(path, parameters)
        return await self._exchange(method, address, headers=headers)

    def _sign(self, path: str, parameters: Parameters) -> tuple[str, Mapping[str, str]]:
        """Address and headers."""
        if self._credentials is None:
            raise RuntimeError("no credentials: a signed request needs a Venue with credentialsSecretRef")
        credentials = self._credentials()
        query = credentials.query(parameters, self.timestamp_ms())
        return f"{path}?{query}", {"X-MBX-APIKEY": credentials.api_key}

    def block(self, seconds: float) -> None:
        """The venue said to wait, here or on its websocket API: it counts requests of both together."""
        self.blocked_until_s = max(self.blocked_until_s, asyncio.get_running_loop().time() + seconds)
        self.on_blocked(seconds)

    @property
    def blocked_for_s(self) -> float:
        """How long the venue still wants to be left alone; not more than 0: it does not."""
        return self.blocked_until_s - asyncio.get_running_loop().time()

    def timestamp_ms(self) -> int:
        """The venue's time, as far as we know it: wall time plus the measured offset."""
        return time.time_ns() // 1_000_000 + self.clock_offset_ms

    async def measure_clock(self) -> int:
        """Offset of the venue's clock to ours in milliseconds, from several answers."""
        samples = []
        for _ in range(SAMPLES):
            started_ns, wall_ns = time.monotonic_ns(), time.time_ns()
            answer = await self.public("time", _Time)
            trip_ns = time.monotonic_ns() - started_ns
            samples.append(ClockSample(wall_ns, trip_ns, answer.serverTime * _MILLION))
        self.clock_offset_ms = clock_offset_ns(samples) // _MILLION
        self.clock_doubted = False
        return self.clock_offset_ms

    async def identity(self) -> str:
        """The simulator's name, or nothing when this is no simulator."""
        _, headers = await self._answer("GET", "ping")
        return headers.get("X-Simulator", "")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        return self._session

    async def _request(self, method: str, path: str, shape: type[T], **options: Any) -> T:  # noqa: ANN401 - aiohttp's
        body, _ = await self._answer(method, path, **options)
        try:
            return msgspec.json.decode(body, type=shape)
        except msgspec.DecodeError as failure:
            told = self.secrets.text(str(failure))  # it may quote the answer
            raise VenueProtocolError(f"{method} {path.partition('?')[0]}: {told}") from None

    async def _answer(self, method: str, path: str, **options: Any) -> tuple[bytes, Mapping[str, str]]:  # noqa: ANN401
        """Body and headers of a success; nothing is sent while the venue wants to be left alone."""
        if (wait_s := self.blocked_for_s) > 0:
            raise as_refused(Code.TOO_MANY_REQUESTS, f"the venue said to wait; {wait_s:.1f} s are left")
        if method == "GET" and (wait_ms := self.usage.questions_wait_ms(self.timestamp_ms())):
            message = f"the weight that is left is for orders and cancels; {wait_ms / 1000:.1f} s are left"
            raise as_refused(Code.TOO_MANY_REQUESTS, message)
        answer = await self._exchange(method, path, **options)
        if answer.status in RATE_LIMIT_STATUSES:
            self.block(retry_after_s(answer.headers))
        if answer.status >= FAILED:
            refusal = refusal_of(answer)
            raise error(f"{method} {address(str(self._url(path)))}", answer.status, refusal)
        return answer.body, answer.headers

    def _url(self, path: str) -> URL:
        return URL(f"{self._base}/{path}", encoded=True)

    async def _exchange(self, method: str, path: str, **options: Any) -> Answer:  # noqa: ANN401 - aiohttp's
        url, began_ns = self._url(path), time.monotonic_ns()
        try:
            async with self._open().request(method, url, allow_redirects=False, **options) as response:
                answer = Answer(response.status, await whole_body(response, self.secrets), response.headers)
        except (TimeoutError, aiohttp.ClientError, OSError) as failure:
            # `from None`: the failure's text holds the URL, and with it the signature.
            kind = NotReached if isinstance(failure, aiohttp.ClientConnectorError) else OutcomeUnknown
            told = unanswered(failure, str(url), TIMEOUT_S, self.secrets)
            raise kind(f"no answer from Binance to {method} {told}") from None
        self.usage.told(answer.headers, self.timestamp_ms())
        self.on_used()
        if in_detail():
            log.debug("RequestAnswered", method=method, path=path.partition("?")[0], status=answer.status,
                      bytes=len(answer.body), took_ms=round((time.monotonic_ns() - began_ns) / 1e6, 3))  # fmt: skip
        return answer


def retry_after_s(headers: Mapping[str, str]) -> int:
    """Source: Binance spot API documentation, "IP limits": `Retry-After`, in seconds, with every 429 and 418."""
    text = headers.get("Retry-After", "")
    return max(int(text), 1) if text.isdecimal() else RETRY_AFTER_S


def refusal_of(answer: Answer) -> ReplyError:
    """What an error answer says; code 0 where it is not Binance that says it."""
    try:
        refusal = msgspec.json.decode(answer.body, type=ReplyError)
    except (msgspec.DecodeError, UnicodeDecodeError):
        refusal = ReplyError(msg=answer.body[:100].decode("utf-8", "replace"))
    refusal.msg = refusal.msg or f"HTTP {answer.status}"
    return refusal
