"""One websocket to a client: a bounded queue and its writer. Whoever reads too slowly is cut off, as at Binance."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import WSMsgType, web

from tradingbot_runtime.simulator.stream_faults import Cut, OutgoingFrame

QUEUE_FRAMES = 8192
QUEUE_BYTES = 4_000_000
PING_EVERY_S = 20.0
MAX_MESSAGE_BYTES = 65_536
_SHORT, _MEDIUM = 126, 65_536  # lengths from which on a frame's header is longer: RFC 6455 section 5.2


class Connection:
    """Frames go out in the order of `send`; a delayed frame delays those behind it, and the answers to pings."""

    def __init__(self, request: web.Request) -> None:
        self.socket = web.WebSocketResponse(
            heartbeat=PING_EVERY_S, autoping=False, compress=False, max_msg_size=MAX_MESSAGE_BYTES
        )
        self._request = request
        self._queue: asyncio.Queue[tuple[float, bytes, Cut, WSMsgType]] = asyncio.Queue(QUEUE_FRAMES)
        self._clock = asyncio.get_running_loop().time
        self._queued_bytes = 0
        self.too_slow = False

    @property
    def backlog(self) -> int:
        return self._queue.qsize()

    async def open(self) -> None:
        await self.socket.prepare(self._request)

    async def texts(self) -> AsyncIterator[str]:
        """What the client says, until the connection is closed."""
        async for message in self.socket:
            if message.type is WSMsgType.TEXT:
                yield message.data
            elif message.type is WSMsgType.PING:
                self._send(0.0, message.data, Cut.NO, WSMsgType.PONG)

    def send(self, frame: OutgoingFrame, before: bytes = b"", after: bytes = b"") -> None:
        """Queue a frame; `before` and `after` wrap it."""
        due = self._clock() + frame.delay_s if frame.delay_s else 0.0
        self._send(due, before + frame.data + after, frame.cut, WSMsgType.TEXT)

    def _send(self, due: float, data: bytes, cut: Cut, kind: WSMsgType) -> None:
        if self.too_slow:
            return
        if self._queue.full() or self._queued_bytes + len(data) > QUEUE_BYTES:
            self.too_slow = True
            self.abort()
            return
        self._queue.put_nowait((due, data, cut, kind))
        self._queued_bytes += len(data)

    async def write(self) -> None:
        """Write until the connection is closed."""
        while not self.socket.closed:
            due, data, cut, kind = await self._queue.get()
            self._queued_bytes -= len(data)
            if due and due > self._clock():
                await asyncio.sleep(due - self._clock())
            if cut is not Cut.NO:
                self._cut(data if cut is Cut.HALFWAY else b"")
                return
            try:
                await self.socket.send_frame(data, kind)
            except ConnectionError:
                return

    def abort(self) -> None:
        """Cut the TCP connection, without a closing handshake."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def _cut(self, data: bytes) -> None:
        """End the connection, after the header of `data` and half of it where there is any."""
        transport = self._request.transport
        if transport is None or not data:
            self.abort()
            return
        transport.write(text_frame_header(len(data)) + data[: len(data) // 2])
        transport.close()  # unlike abort, after what has been written


def text_frame_header(length: int) -> bytes:
    """Header of an unmasked final text frame (RFC 6455 section 5.2)."""
    if length < _SHORT:
        return bytes((0x81, length))
    if length < _MEDIUM:
        return b"\x81\x7e" + length.to_bytes(2, "big")
    return b"\x81\x7f" + length.to_bytes(8, "big")
