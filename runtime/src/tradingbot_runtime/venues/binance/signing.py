"""Request signatures of Binance spot: HMAC-SHA256 or Ed25519, over `key=value&...`.

Source: Binance spot API documentation, "Request security". REST signs the query as it is sent; the websocket API
signs the parameters sorted by name.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.os_errors import in_words

RECV_WINDOW_MS = 5_000
LOOK_EVERY_S = 1.0

log = structlog.get_logger("credentials")


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
    api_key = values.get("apiKey", "").strip()
    if not api_key:
        raise ConfigError(f"{where}: apiKey is missing; wanted: apiKey, and secretKey (HMAC) or privateKey (Ed25519)")
    if private_key := values.get("privateKey", "").strip():
        try:
            key = load_pem_private_key(private_key.encode(), password=None)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{where}: privateKey is no unencrypted PEM key") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigError(f"{where}: privateKey must be an Ed25519 key")
        return Credentials(api_key, Ed25519Signer(key))
    secret = values.get("secretKey", "").strip()
    if not secret:
        raise ConfigError(f"{where}: secretKey (HMAC) or privateKey (Ed25519, PEM) is missing")
    return Credentials(api_key, HmacSigner(secret.encode()))


class CredentialsFolder:
    """A mounted Secret: one file for each key. Read again when a file changes: a rotation needs no restart.

    `now_s` is any clock that goes forward; the folder is looked at once in `LOOK_EVERY_S`, not at every order. What
    cannot be used after a change is told, and the former credentials go on: a bad rotation must not end the bot.
    """

    def __init__(self, folder: Path, now_s: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._now_s = now_s
        self._look_at_s = 0.0
        self._seen: tuple[tuple[str, int], ...] = ()
        self._credentials: Credentials | None = None

    def current(self) -> Credentials:
        """Raises ConfigError when there never were any that could be used."""
        if self._credentials is not None and self._now_s() < self._look_at_s:
            return self._credentials
        self._look_at_s = self._now_s() + LOOK_EVERY_S
        try:
            self._credentials = self._read()
        except (ConfigError, OSError, UnicodeDecodeError) as error:
            message = f"{error.filename}: {in_words(error)}" if isinstance(error, OSError) else str(error)
            if self._credentials is None:
                raise ConfigError(message) from error
            log.error("CredentialsUnusable", folder=str(self._folder), message=message)  # noqa: TRY400 - told in words
        return self._credentials

    def _read(self) -> Credentials:
        files = sorted(p for p in self._folder.glob("*") if p.is_file()) if self._folder.is_dir() else []
        seen = tuple((p.name, p.stat().st_mtime_ns) for p in files)
        if self._credentials is not None and seen == self._seen:
            return self._credentials
        values = {p.name: p.read_text(encoding="utf-8") for p in files}
        fresh = credentials(values, str(self._folder))
        self._seen = seen
        return fresh
