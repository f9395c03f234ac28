"""The body of an HTTP answer, bounded."""

import aiohttp

from tradingbot_runtime.errors import VenueProtocolError

MAX_BODY_BYTES = 32_000_000


async def whole_body(response: aiohttp.ClientResponse) -> bytes:
    """The body, however many pieces it comes in. Raises VenueProtocolError when it is absurdly long."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise VenueProtocolError(f"an answer of more than {MAX_BODY_BYTES} bytes")
    return bytes(body)
