"""What a running bot says of itself, over HTTP."""

import json
import urllib.request
from http.client import HTTPException
from typing import Any

from tradingbot_runtime.model.control import HTTP_PORT
from tradingbot_runtime.telemetry.http import LOOPBACK

ADDRESS = f"{LOOPBACK}:{HTTP_PORT}"
WITHIN_S = 2.0
PATH = "/state"
State = dict[str, Any]


class NoAnswer(Exception):
    """Why nobody can tell."""


def ask_state(address: str) -> State:
    """`/state` of the bot at `address`: host:port, or a URL with or without that path. Raises NoAnswer."""
    url = f"{address if '://' in address else f'http://{address}'}".rstrip("/").removesuffix(PATH) + PATH
    if not url.startswith(("http://", "https://")):
        raise NoAnswer(f"{address!r} must be host:port, or an address that begins with http:// or https://")
    try:
        with urllib.request.urlopen(url, timeout=WITHIN_S) as answer:  # noqa: S310 - see above
            state = json.load(answer)
    except (OSError, ValueError, HTTPException) as failed:
        raise NoAnswer(f"{url}: {failed}") from failed
    if not isinstance(state, dict) or "markets" not in state:
        raise NoAnswer(f"{url}: this is not the state of a bot")
    return state
