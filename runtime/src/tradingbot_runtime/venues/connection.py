"""One websocket that is always there: connects, proves life by pings, reconnects with back-off and jitter."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Protocol

import structlog
from picows import (
    WSAutoPingStrategy,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from tradingbot_runtime.network_errors import address, refused_upgrade, unreached

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


def _unheard(_: bytes) -> None:
    """Nobody has sent a ping of his own."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How a connection is kept beyond being there. `lives_s`: it is renewed before the venue ends it."""

    lives_s: float | None = None
    overlap_s: float = 0.0  # the former session goes on for so long: answers to what it was asked are still to come
    wait_s: Callable[[], float] = lambda: 0.0  # how long the venue still wants to be left alone
    on_pong: Callable[[bytes], None] = _unheard  # with what was sent in a `Connection.ping`


class _Listener(WSListener):
    """One session."""

    def __init__(
        self,
        peer: Peer,
        on_open: Callable[[WSTransport], None],
        on_failure: Callable[[Exception], None],
        on_pong: Callable[[bytes], None],
    ) -> None:
        self.peer = peer
        self.on_pong = on_pong
        self.on_open = on_open
        self.on_failure = on_failure
        self._transport: WSTransport | None = None
        self._is_given_up = False

    def give_up(self) -> None:
        """Nobody waits for the handshake any more; it may have succeeded this moment, or may do so later."""
        self._is_given_up = True
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        if self._is_given_up:
            transport.disconnect(graceful=False)
            return
        self.on_open(transport)
        self.peer.on_open(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.TEXT:
            try:
                self.peer.on_text(frame.get_payload_as_memoryview(), last=frame.last_in_buffer)
            except Exception as failure:  # noqa: BLE001 - not to carry on: `run` raises it, and the process ends
                self.on_failure(failure)
                transport.disconnect(graceful=False)
        elif frame.msg_type is WSMsgType.PONG and frame.payload_size:
            self.on_pong(frame.get_payload_as_bytes())
        elif frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def is_user_specific_pong(self, frame: WSFrame) -> bool:
        """Whether it answers a ping that the client sends by itself: those have nothing in them, the peer's have."""
        return frame.msg_type is WSMsgType.PONG and not frame.payload_size


class _NotConnected(Exception):
    """Its text is the reason; `wait_s`: how long the venue wants to be left alone."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        self.wait_s = wait_s
        super().__init__(reason)


class Connection:
    def __init__(self, name: str, url: Url, peer: Peer, backoff: Backoff, upkeep: Upkeep = Upkeep()) -> None:
        self.name = name
        self._url = url
        self._peer = peer
        self._backoff = backoff
        self._upkeep = upkeep
        self._transport: WSTransport | None = None
        self._renewal = asyncio.Event()  # wanted now, or there is a failure to be raised
        self._failure: Exception | None = None
        self._refused_for_s = 0.0  # the venue's own word, at the latest attempt

    async def run(self) -> None:
        """Until cancelled, or the peer fails. Every end of a connection is told to the peer with its reason."""
        failures = 0
        while True:
            connected_at = asyncio.get_running_loop().time()
            reason = await self._life()
            lived_s = asyncio.get_running_loop().time() - connected_at
            failures = 0 if lived_s > LONGEST_DELAY_S else failures + 1
            delay = max(self._backoff.delay_s(failures), self._upkeep.wait_s(), self._refused_for_s)
            log.warning("ConnectionLost", connection=self.name, reason=reason, retry_in_s=round(delay, 3))
            self._peer.on_lost(reason)
            await asyncio.sleep(delay)

    def reconnect(self) -> None:
        """Drop this session; `run` makes a new one."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def ping(self, payload: bytes) -> None:
        """Ask for a pong with `payload` (not empty), which comes behind all that the venue has sent before it."""
        if self._transport is not None:
            self._transport.send_ping(payload)

    def renew(self) -> None:
        """Make a new session, and only when it is open let go of this one: the peer hears of no loss."""
        self._renewal.set()

    async def _life(self) -> str:
        """Sessions that take over from one another without a gap; why the last one ended."""
        sessions: list[WSTransport] = []
        failures = 0
        try:
            sessions.append(await self._connect())
            within_s = self._lives_s()
            while not (reason := await self._until_due(sessions[-1], within_s)):
                try:
                    sessions.append(await self._connect())
                except _NotConnected as error:  # the former session goes on
                    self._transport = sessions[-1]
                    failures += 1
                    within_s = max(self._backoff.delay_s(failures), error.wait_s)
                    log.warning("RenewalFailed", connection=self.name, reason=str(error), retry_in_s=within_s)
                else:
                    failures, within_s = 0, self._lives_s()
                    former = partial(sessions.pop(0).disconnect, graceful=False)
                    asyncio.get_running_loop().call_later(self._upkeep.overlap_s, former)
                    log.info("ConnectionRenewed", connection=self.name)
        except _NotConnected as error:
            self._refused_for_s = error.wait_s
            return str(error)
        else:
            return reason
        finally:
            self._transport = None
            for session in sessions:
                session.disconnect(graceful=False)

    def _lives_s(self) -> float | None:
        """With jitter, so that many connections that were made together are not renewed together."""
        return self._upkeep.lives_s and self._upkeep.lives_s * (1 - self._backoff.jitter() / 20)

    async def _until_due(self, session: WSTransport, within_s: float | None) -> str:
        """Until the session ended: why; or until its renewal is due: empty. Raises what the peer raised."""
        due = asyncio.create_task(self._renewal.wait())
        ended = asyncio.create_task(self._ended(session))
        try:
            await asyncio.wait({due, ended}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
            if self._failure is not None:
                raise self._failure
            self._renewal.clear()
            return ended.result() if ended.done() else ""
        finally:
            due.cancel()
            ended.cancel()

    async def _ended(self, session: WSTransport) -> str:
        try:
            await session.wait_disconnected()
        except (OSError, WSError) as error:
            return f"lost {unreached(error, self._address())}"
        return f"lost {address(self._address())}: closed by the venue, or no answer to a ping"

    async def _connect(self) -> WSTransport:
        """Raises _NotConnected."""
        url = self._address()
        context = ssl.create_default_context() if url.startswith("wss:") else None
        listener = _Listener(self._peer, self._opened, self._failed, self._upkeep.on_pong)
        transport: WSTransport | None = None
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
        except (OSError, WSError) as error:  # a TimeoutError, too
            # `from None`: the error's text may hold the URL, and with it a key.
            raise _NotConnected(f"cannot connect to {_why_not(error, url)}", _retry_after_s(error)) from None
        finally:
            if transport is None:
                listener.give_up()
        return transport

    def _opened(self, transport: WSTransport) -> None:
        """Before the peer hears of it: it may want this very session to be dropped at once."""
        self._transport, self._refused_for_s = transport, 0.0

    def _failed(self, failure: Exception) -> None:
        self._failure = failure
        self._renewal.set()

    def _address(self) -> str:
        return self._url if isinstance(self._url, str) else self._url()


def _retry_after_s(error: Exception) -> float:
    """What a refusal of the handshake (429, 418, 503) says of the next attempt; 0: nothing."""
    response = error.response if isinstance(error, WSHandshakeError) else None
    text = str(response.headers.get("Retry-After", "")) if response is not None else ""
    return float(text) if text.isdecimal() else 0.0


def _why_not(error: Exception, url: str) -> str:
    """As `unreached`; the client has an error of its own for a server that answers something else."""
    response = error.response if isinstance(error, WSHandshakeError) else None
    if response is not None and response.status != HTTPStatus.SWITCHING_PROTOCOLS:
        return f"{address(url)}: {refused_upgrade(response.status)}"
    return unreached(error, url, CONNECT_WITHIN_S)
