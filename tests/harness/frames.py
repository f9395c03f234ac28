"""The frames of one websocket, as a test reads them: each with a deadline."""

import json
from collections.abc import Callable
from typing import Any

import aiohttp

Json = Any
WITHIN_S = 5.0  # a frame
MOST = 10_000  # frames that are not wanted


class Frames:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def text(self) -> str:
        """The next text frame; ConnectionError when the connection has ended."""
        message = await self.socket.receive(WITHIN_S)
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionError(str(message.type))
        return str(message.data)

    async def json(self) -> Json:
        return json.loads(await self.text())

    async def until(self, wanted: Callable[[Json], bool]) -> Json:
        """The first frame that is wanted; what is not JSON is passed over."""
        for _ in range(MOST):
            try:
                frame = await self.json()
            except json.JSONDecodeError:
                continue
            if wanted(frame):
                return frame
        raise AssertionError(f"{MOST} frames, and none was the one")
