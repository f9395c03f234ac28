"""How a secret may be written by somebody who did not mean to: a search for one looks for each of these."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote


def spellings(secret: bytes) -> Iterator[str]:
    text = secret.decode(errors="replace")
    yield from (text, json.dumps(text)[1:-1], quote(text, safe=""), secret.hex(), repr(text)[1:-1])
    # Inside of a longer text that is encoded as a whole, at any of the three places of base64.
    yield from (base64.b64encode(b"x" * shift + secret)[4:-4].decode() for shift in range(3))


def leaks(seen: Mapping[str, str], secrets: Iterable[bytes]) -> set[str]:
    """Where one of `secrets` is written, of what was `seen`."""
    told = [word for secret in secrets for word in spellings(secret)]
    return {where for where, text in seen.items() if any(word in text for word in told)}
