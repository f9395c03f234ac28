"""Answers over HTTP, bounded; and the one place through which the words of a venue that refuses or fails come in.

It may say back what it was sent, the key in a header included: none of that goes any further.
"""

import aiohttp

from tradingbot_runtime.errors import VenueProtocolError
from tradingbot_runtime.network_errors import unreached
from tradingbot_runtime.redaction import KnownSecrets

MAX_BODY_BYTES = 32_000_000
REFUSED = 400  # HTTP: from here on its body is words for a person


async def whole_body(response: aiohttp.ClientResponse, secrets: KnownSecrets) -> bytes:
    """The body, however many pieces it comes in. Raises VenueProtocolError when it is absurdly long."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise VenueProtocolError(f"an answer of more than {MAX_BODY_BYTES} bytes")
    return secrets.body(bytes(body)) if response.status >= REFUSED else bytes(body)


def unanswered(failure: Exception, url: str, within_s: float, secrets: KnownSecrets) -> str:
    """As `unreached`: a library quotes what it could not read, and the venue may have said anything."""
    return secrets.text(unreached(failure, url, within_s))
