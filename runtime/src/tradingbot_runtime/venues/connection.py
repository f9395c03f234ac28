"""One websocket that is always there: connects, proves life by pings, reconnects with back-off and jitter."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
from picows import WSAutoPingStrategy, WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 10.0
PING_EVERY_S = 5.0
PONG_WITHIN_S = 5.0
CONNECT_WITHIN_S = 5.0  # a venue that swallows the first packet would be asked again only after minutes
MAX_FRAME_BYTES = 4_000_000

# An address, or where to get it each time anew: a key that is part of it may have been changed.
Url = str | Callable[[], str]

log = structlog.get_logger("connection")


class Peer(Protocol):
    """Who uses the connection. All three are called in the event loop and must not block."""

    def on_open(self, transport: WSTransport) -> None: ...
    def on_text(self, payload: memoryview, *, last: bool) -> None: ...
    def on_lost(self, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that double from the first to the longest, each with jitter, so that peers do not return in step."""

    jitter: Callable[[], float]  # uniform in [0, 1)

    def delay_s(self, failures: int) -> float:
        delay: float = min(FIRST_DELAY_S * 2 ** min(failures, 10), LONGEST_DELAY_S)
        return delay * (0.5 + self.jitter() / 2)


class _Listener(WSListener):
    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.failure: Exception | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.peer.on_open(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.TEXT:
            try:
                self.peer.on_text(frame.get_payload_as_memoryview(), last=frame.last_in_buffer)
            except Exception as failure:  # noqa: BLE001 - not to carry on: the session raises it, and the process ends
                self.failure = failure
                transport.disconnect(graceful=False)
        elif frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()


class Connection:
    def __init__(self, name: str, url: Url, peer: Peer, backoff: Backoff) -> None:
        self.name = name
        self._url = url
        self._peer = peer
        self._backoff = backoff
        self._transport: WSTransport | None = None

    async def run(self) -> None:
        """Until cancelled, or the peer fails. Every end of a connection is told to the peer with its reason."""
        failures = 0
        while True:
            connected_at = asyncio.get_running_loop().time()
            reason = await self._session()
            lived_s = asyncio.get_running_loop().time() - connected_at
            failures = 0 if lived_s > LONGEST_DELAY_S else failures + 1
            delay = self._backoff.delay_s(failures)
            log.warning("ConnectionLost", connection=self.name, reason=reason, retry_in_s=round(delay, 3))
            self._peer.on_lost(reason)
            await asyncio.sleep(delay)

    def reconnect(self) -> None:
        """Drop this session; `run` makes a new one."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    async def _session(self) -> str:
        url = self._url if isinstance(self._url, str) else self._url()
        context = ssl.create_default_context() if url.startswith("wss:") else None
        listener = _Listener(self._peer)
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                transport, _ = await ws_connect(
                    lambda: listener,
                    url,
                    ssl_context=context,
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=PING_EVERY_S,
                    auto_ping_reply_timeout=PONG_WITHIN_S,
                    auto_ping_strategy=WSAutoPingStrategy.PING_PERIODICALLY,
                    max_frame_size=MAX_FRAME_BYTES,
                )
        except TimeoutError:
            return f"cannot connect: no answer within {CONNECT_WITHIN_S:.0f} s"
        except (OSError, WSError) as error:
            return f"cannot connect: {type(error).__name__}: {_without_query(str(error), url)}"
        self._transport = transport
        try:
            await transport.wait_disconnected()
        except (OSError, WSError) as error:
            return f"{type(error).__name__}: {_without_query(str(error), url)}"
        finally:
            self._transport = None
            transport.disconnect(graceful=False)
        if listener.failure is not None:
            raise listener.failure
        return "closed by the venue, or no answer to a ping"


def _without_query(text: str, url: str) -> str:
    """`text` as it may be logged: an address' query may hold a key."""
    query = url.partition("?")[2]
    for secret in (query, *(part.partition("=")[2] for part in query.split("&"))):
        if secret:
            text = text.replace(secret, "...")
    return text
