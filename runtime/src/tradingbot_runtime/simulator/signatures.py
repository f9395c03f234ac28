"""Who signed a request: API key, HMAC-SHA256 or Ed25519 signature, time window.

Source: Binance spot API documentation, "SIGNED endpoint security" and, for the websocket API, "Session
authentication". REST signs the query string followed by the body; the websocket API signs `name=value` pairs in
alphabetical order.
"""

import base64
import binascii
import hashlib
import hmac
from urllib.parse import unquote

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tradingbot_runtime.simulator.order_entry import Parameters, mandatory, number
from tradingbot_runtime.simulator.refusals import Reason, Refusal

DEFAULT_WINDOW_MS = 5_000
MAX_WINDOW_MS = 60_000
AHEAD_MS = 1_000
_MICROSECONDS_FROM = 10**14  # a larger time stamp is in microseconds, which Binance takes too


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """The account's one API key. `ed25519` None: only HMAC signatures are known."""

    api_key: str
    secret: str
    ed25519: Ed25519PublicKey | None = None

    def check_key(self, given: str | None) -> None:
        """Raises Refusal for a key that is missing, malformed or not ours."""
        if not given or not is_well_formed(given):
            raise Refusal(Reason.KEY_FORMAT)
        if not hmac.compare_digest(given, self.api_key):
            raise Refusal(Reason.KEY)

    def check(self, payload: str, signature: str | None) -> None:
        """Raises Refusal unless `signature` is this account's HMAC or Ed25519 signature of `payload`."""
        if not signature:
            raise Refusal(Reason.MANDATORY, "signature")
        expected = hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.lower().encode()):
            self.check_ed25519(payload, signature)

    def check_ed25519(self, payload: str, signature: str) -> None:
        if self.ed25519 is None:
            raise Refusal(Reason.SIGNATURE)
        try:
            self.ed25519.verify(base64.b64decode(signature, validate=True), payload.encode())
        except (binascii.Error, InvalidSignature, ValueError) as wrong:
            raise Refusal(Reason.SIGNATURE) from wrong


def is_well_formed(api_key: str) -> bool:
    """Whether it looks like a key of Binance's; what does not is refused before anybody asks whose it is."""
    return api_key.isascii() and api_key.isalnum()


def load_ed25519(pem: bytes) -> Ed25519PublicKey:
    """A public key in PEM; ValueError when it is something else."""
    key = load_pem_public_key(pem)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("the public key is not an Ed25519 key")  # noqa: TRY004 (the file's content is wrong)
    return key


def rest_payload(query: str, body: str) -> tuple[str, str | None]:
    """(signed text, signature): query string and body as they were sent, without the signature itself."""
    signature: str | None = None
    kept: list[str] = []
    for part in (query, body):
        pairs = part.split("&") if part else []
        for pair in pairs:
            if pair.startswith("signature="):
                signature = unquote(pair.removeprefix("signature="))
        kept.append("&".join(pair for pair in pairs if not pair.startswith("signature=")))
    return "".join(kept), signature


def websocket_payload(parameters: Parameters) -> str:
    return "&".join(f"{name}={value}" for name, value in sorted(parameters.items()) if name != "signature")


def check_time(parameters: Parameters, now_ms: int) -> None:
    """Raises Refusal when the request is too old, from the future, or says nothing about its time."""
    mandatory(parameters, "timestamp")
    timestamp = number(parameters, "timestamp") or 0
    if timestamp > _MICROSECONDS_FROM:
        timestamp //= 1000
    window = number(parameters, "recvWindow")
    window = DEFAULT_WINDOW_MS if window is None else window
    if window > MAX_WINDOW_MS:
        raise Refusal(Reason.RECV_WINDOW)
    if timestamp >= now_ms + AHEAD_MS:
        raise Refusal(Reason.TIMESTAMP_AHEAD)
    if now_ms - timestamp > window:
        raise Refusal(Reason.TIMESTAMP_OLD)
