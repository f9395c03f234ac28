"""DeltaDeFi over REST: requests out, answers in; what an answer means is `outcomes`' part."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
import msgspec
import structlog

from tradingbot_runtime.errors import OutcomeUnknown, VenueProtocolError
from tradingbot_runtime.logs import in_detail
from tradingbot_runtime.network_errors import address
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.venues.deltadefi.credentials import DeltaDefiCredentials
from tradingbot_runtime.venues.deltadefi.outcomes import Outcome, Phase, outcome
from tradingbot_runtime.venues.response_body import unanswered, whole_body

log = structlog.get_logger("rest")

TIMEOUT_S = 5.0
AT_ONCE = 16  # connections
FAILED = 400  # HTTP: from here on a request was not carried out
T = TypeVar("T")
Parameters = Mapping[str, str | int]
Body = Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]

    def meaning(self, phase: Phase) -> Outcome | None:
        """What an error answer means; None for a success."""
        return outcome(phase, self.status, self.body) if self.status >= FAILED else None

    def read(self, shape: type[T]) -> T:
        """Raises VenueProtocolError when the body is something else."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as failure:
            raise VenueProtocolError(f"an answer that is no {shape.__name__}: {failure}") from failure


class DeltaDefiRest:
    """Every request carries the API key in a header, never in its address; none is repeated here."""

    def __init__(
        self, base_url: str, credentials: Callable[[], DeltaDefiCredentials] | None, secrets: KnownSecrets
    ) -> None:
        self._base = base_url.rstrip("/")
        self._credentials = credentials
        self._secrets = secrets
        self._session: aiohttp.ClientSession | None = None
        self.on_refusal: Callable[[Outcome], None] = lambda _: None  # of a question

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, shape: type[T], parameters: Parameters | None = None) -> T:
        return (await self.question(path, parameters)).read(shape)

    async def question(self, path: str, parameters: Parameters | None = None) -> Answer:
        """A successful answer. Raises VenueRefused, OutcomeUnknown, VenueProtocolError."""
        answer = await self.request("GET", path, parameters=parameters)
        if meaning := answer.meaning(Phase.QUESTION):
            self.on_refusal(meaning)
            raise meaning.as_error(f"GET {address(self._base + path)}")
        return answer

    async def request(
        self, method: str, path: str, *, body: Body | None = None, parameters: Parameters | None = None
    ) -> Answer:
        """Any answer. Raises OutcomeUnknown when there is none, VenueProtocolError for one that is absurdly long."""
        began_ns = time.monotonic_ns()
        headers = {"X-API-KEY": self._credentials().api_key} if self._credentials is not None else {}
        try:
            async with self._open().request(
                method, self._base + path, json=body, params=dict(parameters or {}), headers=headers,
                allow_redirects=False,
            ) as response:  # fmt: skip
                answer = Answer(response.status, await whole_body(response, self._secrets), response.headers)
        except (TimeoutError, aiohttp.ClientError, OSError) as failure:
            # `from None`: a failure of this library may hold headers, and with them the key.
            told = unanswered(failure, self._base + path, TIMEOUT_S, self._secrets)
            raise OutcomeUnknown(f"no answer from DeltaDeFi to {method} {told}") from None
        if in_detail():
            log.debug("RequestAnswered", method=method, path=path, status=answer.status, bytes=len(answer.body),
                      took_ms=round((time.monotonic_ns() - began_ns) / 1e6, 3))  # fmt: skip
        return answer

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=AT_ONCE)
            self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        return self._session
