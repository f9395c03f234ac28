"""Why a peer was not reached, in words: the address is named, the cause is plain, nothing secret is in it."""

import errno
import socket
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from tradingbot_runtime.network_errors import address, refused_upgrade, unreached

PLACE = "https://api.venue.example:8443/api/v3/order"
KEY = ConnectionKey("api.venue.example", 8443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None,
                    proxy_headers_hash=None)  # fmt: skip
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 8443)")
TWO_ADDRESSES = "[Errno 111] Connect call failed ('::1', 9, 0, 0), [Errno 113] Connect call failed ('127.0.0.1', 9)"


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


def no_tls() -> ssl.SSLError:
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


CUT = "the other side cut the connection"
CAUSES: list[tuple[Exception, str]] = [
    (TimeoutError(), "timed out after 2.5 s"),
    (aiohttp.ConnectionTimeoutError("Connection timeout to host https://x"), "timed out after 2.5 s"),
    (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), "timed out: nothing answers there"),
    (REFUSED, "connection refused: nothing listens there"),
    (aiohttp.ClientConnectorError(KEY, REFUSED), "connection refused: nothing listens there"),
    (OSError(f"Multiple exceptions: {TWO_ADDRESSES}"),
     "connection refused: nothing listens there, there is no route to that host"),
    (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_NONAME, "Name or service not known")),
     "this name is not known"),
    (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
     "the name cannot be looked up: the name server does not answer"),
    (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"),
     "the name cannot be looked up: Non-recoverable failure"),
    (aiohttp.ClientConnectorCertificateError(KEY, untrusted()),
     "its certificate is not accepted: self-signed certificate"),
    (untrusted(), "its certificate is not accepted: self-signed certificate"),
    (aiohttp.ClientConnectorSSLError(KEY, no_tls()), "no TLS connection: wrong version number"),
    (aiohttp.ServerDisconnectedError(), "the connection was closed without an answer"),
    (aiohttp.ClientPayloadError("Response payload is not completed"), "the answer was cut short"),
    (aiohttp.ClientOSError(errno.ECONNRESET, "Connection reset by peer"), CUT),
    (BrokenPipeError(errno.EPIPE, "Broken pipe"), CUT),
    (aiohttp.ClientConnectionResetError("Cannot write to closing transport"), CUT),
    (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
    (aiohttp.ClientError("unexpected frame: BINARY"), "unexpected frame: BINARY"),
    (aiohttp.ClientError(), "ClientError"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "cause"), CAUSES, ids=[f"{type(e).__name__}-{cause[:20]}" for e, cause in CAUSES])
def test_every_failure_names_the_address_and_its_cause_in_plain_words(error: Exception, cause: str) -> None:
    assert unreached(error, f"{PLACE}?symbol=ADAUSDT", 2.5) == f"{PLACE}: {cause}"


def test_a_timeout_whose_limit_nobody_knows_is_none_the_less_called_one() -> None:
    assert unreached(TimeoutError(), PLACE) == f"{PLACE}: timed out"


def test_a_refused_websocket_is_named_by_its_http_status() -> None:
    request = aiohttp.RequestInfo(URL(PLACE), "GET", headers={}, real_url=URL(f"{PLACE}?api_key=hidden"))  # type: ignore[arg-type]  # any mapping will do
    error = aiohttp.WSServerHandshakeError(request, (), status=401, message="Invalid response status")

    assert unreached(error, PLACE) == f"{PLACE}: {refused_upgrade(401)}"
    assert "HTTP 401" in refused_upgrade(401)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://somebody:secret@stream.example/x?api_key=hidden#part", "wss://stream.example/x"),
        ("http://[::1]:9000/api?x=1", "http://[::1]:9000/api"),
        ("https://10.0.0.1:6443", "https://10.0.0.1:6443"),
    ],
)
def test_an_address_is_shown_without_user_password_query_and_fragment(url: str, shown: str) -> None:
    assert address(url) == shown


SECRET = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+/=-_", min_size=16, max_size=64)


@given(SECRET, st.sampled_from([error for error, _ in CAUSES]))
def test_no_key_or_signature_of_the_address_is_ever_told(secret: str, error: Exception) -> None:
    signed = URL(PLACE).with_query(apiKey="k" * 40, signature=secret)
    aside = URL(PLACE).with_user("somebody").with_password(secret)
    for url in (str(signed), str(aside)):
        for failure in (error, aiohttp.ClientError(f"bad answer of {url}"), ValueError(f"{secret} at {url}")):
            told = unreached(failure, url, 5.0)

            assert secret not in told
            assert "k" * 40 not in told
            assert told.startswith(f"{PLACE}: ")
