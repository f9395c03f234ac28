"""Why a peer was not reached or did not answer, in words that name it. Nothing secret is in them.

A venue's query string carries an API key or a signature, and what a library says of a failure may repeat the address:
so the address is named without its query, and of a library's own text only what cannot hold one is kept.
"""

import errno
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import aiohttp

from tradingbot_runtime.os_errors import in_words
from tradingbot_runtime.redaction import KnownSecrets

_CUT = "the other side cut the connection"
_NUMBERS: Mapping[int, str] = {
    errno.ECONNREFUSED: "connection refused: nothing listens there",
    errno.ECONNRESET: _CUT,
    errno.ECONNABORTED: _CUT,
    errno.EPIPE: _CUT,
    errno.EHOSTUNREACH: "there is no route to that host",
    errno.ENETUNREACH: "there is no route to that network",
    errno.ETIMEDOUT: "timed out: nothing answers there",
}
_NAMES: Mapping[int, str] = {
    socket.EAI_NONAME: "this name is not known",
    socket.EAI_NODATA: "this name is not known",
    socket.EAI_AGAIN: "the name cannot be looked up: the name server does not answer",
}


def unreached(error: Exception, url: str, within_s: float | None = None) -> str:
    """`URL: cause`, for the end of a sentence that says who was asked for what.

    `within_s` is the limit that a TimeoutError stands for, where the caller set one.
    """
    words = _words(_inner(error), within_s) or _scrubbed(str(error), url) or type(error).__name__
    return f"{address(url)}: {words}"


def cause(error: Exception, within_s: float | None = None) -> str:
    """The cause alone, for a peer that has called us and has no address to be shown."""
    return _words(_inner(error), within_s) or str(error) or type(error).__name__


def address(url: str) -> str:
    """`url` as it may be shown: without user, password, query and fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _words(error: Exception, within_s: float | None) -> str:
    """Empty where the error's own text is all that there is."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return "timed out" if within_s is None else f"timed out after {within_s:.3g} s"
    return next((kind.words(error) for kind in _KINDS if isinstance(error, kind.type)), "")


def _inner(error: Exception) -> Exception:
    """What a library has wrapped: the operating system's or the TLS library's own error."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    return error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error


def _untrusted(error: ssl.SSLCertVerificationError) -> str:
    why = str(getattr(error, "verify_message", "")) or str(error)
    return f"its certificate is not accepted: {why}"


def _no_tls(error: ssl.SSLError) -> str:
    return f"no TLS connection: {(error.reason or 'the handshake failed').replace('_', ' ').lower()}"


def _unknown_name(error: socket.gaierror) -> str:
    return _NAMES.get(error.errno or 0, f"the name cannot be looked up: {error.strerror}")


def refused_upgrade(status: int) -> str:
    """What an HTTP answer means where a websocket was asked for."""
    return f"answered HTTP {status} instead of opening a websocket"


def _of_the_system(error: OSError) -> str:
    """Of several addresses that were tried, each has its number in the text of one error without a number."""
    numbers = [error.errno] if error.errno else [int(n) for n in re.findall(r"\[Errno (\d+)\]", str(error))]
    if not numbers and isinstance(error, ConnectionError):
        return _CUT
    known = dict.fromkeys(_NUMBERS.get(n) or in_words(OSError(n, "")) for n in numbers)
    return ", ".join(known)


class _Kind(NamedTuple):
    type: type[Exception]
    words: Callable[[Any], str]  # of an error of this type


# The first that fits: what is more special comes first.
_KINDS: tuple[_Kind, ...] = (
    _Kind(ssl.SSLCertVerificationError, _untrusted),
    _Kind(ssl.SSLError, _no_tls),
    _Kind(socket.gaierror, _unknown_name),
    _Kind(aiohttp.WSServerHandshakeError, lambda error: refused_upgrade(error.status)),
    _Kind(aiohttp.ServerDisconnectedError, lambda _: "the connection was closed without an answer"),
    _Kind(aiohttp.ClientPayloadError, lambda _: "the answer was cut short"),
    _Kind(OSError, _of_the_system),
)


def _scrubbed(text: str, url: str) -> str:
    """`text` without what only the address' query, user or password has."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    secrets = [parts.query, user, *user.split(":"), *(pair.partition("=")[2] for pair in parts.query.split("&"))]
    for secret in sorted({*secrets, *map(unquote, secrets)} - {""}, key=len, reverse=True):
        text = text.replace(secret, "...")
    known = KnownSecrets()
    known.learn(*secrets, *map(unquote, secrets))
    return known.text(text)
