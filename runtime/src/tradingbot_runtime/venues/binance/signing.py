"""Request signatures of Binance spot: HMAC-SHA256 or Ed25519, over `key=value&...`.

Source: Binance spot API documentation, "Request security". REST signs the query as it is sent; the websocket API
signs the parameters sorted by name.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.venues.credentials import one_word

RECV_WINDOW_MS = 5_000


class Signer(Protocol):
    def sign(self, payload: bytes) -> str: ...


@dataclass(frozen=True, slots=True)
class HmacSigner:
    secret: bytes

    def __repr__(self) -> str:
        return "HmacSigner(...)"

    def sign(self, payload: bytes) -> str:
        return hmac.new(self.secret, payload, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    key: Ed25519PrivateKey

    def __repr__(self) -> str:
        return "Ed25519Signer(...)"

    def sign(self, payload: bytes) -> str:
        return base64.b64encode(self.key.sign(payload)).decode()


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account's API key and the signer that goes with it. Prints nothing of either."""

    api_key: str
    signer: Signer

    def __repr__(self) -> str:
        return "Credentials(...)"

    def query(self, parameters: Mapping[str, str | int], timestamp_ms: int) -> str:
        """The signed query of a REST request."""
        query = urlencode({**parameters, "recvWindow": RECV_WINDOW_MS, "timestamp": timestamp_ms})
        return f"{query}&{urlencode({'signature': self.signer.sign(query.encode())})}"

    def parameters(self, parameters: Mapping[str, str | int], timestamp_ms: int) -> dict[str, str | int]:
        """The signed parameters of a websocket API request."""
        full = {**parameters, "apiKey": self.api_key, "recvWindow": RECV_WINDOW_MS, "timestamp": timestamp_ms}
        payload = "&".join(f"{name}={full[name]}" for name in sorted(full))
        return {**full, "signature": self.signer.sign(payload.encode())}


def credentials(values: Mapping[str, str], where: str) -> Credentials:
    """From the keys of a credentials Secret; ConfigError (naming `where`, never a value) when they do not do."""
    api_key = one_word(values, "apiKey", where)
    if not api_key:
        raise ConfigError(f"{where}: apiKey is missing; wanted: apiKey, and secretKey (HMAC) or privateKey (Ed25519)")
    if private_key := values.get("privateKey", "").strip():
        try:
            key = load_pem_private_key(private_key.encode(), password=None)
        except (ValueError, TypeError):  # whose text may quote the key
            raise ConfigError(f"{where}: privateKey is no unencrypted PEM key") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigError(f"{where}: privateKey must be an Ed25519 key")
        return Credentials(api_key, Ed25519Signer(key))
    secret = values.get("secretKey", "").strip()
    if not secret:
        raise ConfigError(f"{where}: secretKey (HMAC) or privateKey (Ed25519, PEM) is missing")
    return Credentials(api_key, HmacSigner(secret.encode()))
