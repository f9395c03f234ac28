"""Signatures as Binance documents them, and credentials that are never shown and survive a rotation."""

import base64
import hashlib
import hmac
import os
import secrets
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.venues.binance.signing import credentials
from tradingbot_runtime.venues.credentials import CredentialsFolder

NOW_MS = 1_700_000_000_000
PARAMETERS: dict[str, str | int] = {"symbol": "BTCUSDT", "side": "BUY", "price": "0.10"}


def pem(key: Ed25519PrivateKey | X25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def write(folder: Path, api_key: str, secret: str) -> None:
    """As the kubelet does it: the whole Secret is exchanged, and the files have new times."""
    folder.mkdir(exist_ok=True)
    for name, value in (("apiKey", api_key), ("secretKey", secret)):
        path = folder / name
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_text(value)
        os.utime(path, ns=(before + 1_000_000_000, before + 1_000_000_000))


def test_rest_signs_the_query_as_it_is_sent() -> None:
    secret = secrets.token_hex(32)
    query = credentials({"apiKey": "k", "secretKey": secret}, "here").query(PARAMETERS, NOW_MS)

    payload, _, signature = query.rpartition("&signature=")
    assert payload == f"symbol=BTCUSDT&side=BUY&price=0.10&recvWindow=5000&timestamp={NOW_MS}"
    assert signature == hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def test_the_websocket_api_signs_the_parameters_sorted_by_name() -> None:
    key = Ed25519PrivateKey.generate()
    signed = credentials({"apiKey": "k", "privateKey": pem(key)}, "here").parameters(PARAMETERS, NOW_MS)

    signature = base64.b64decode(str(signed.pop("signature")))
    payload = "&".join(f"{name}={signed[name]}" for name in sorted(signed))
    assert payload.startswith("apiKey=k&price=0.10&recvWindow=5000&side=BUY")
    key.public_key().verify(signature, payload.encode())  # raises when it is wrong


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "here: apiKey is missing"),
        ({"apiKey": " "}, "here: apiKey is missing"),
        ({"apiKey": "k"}, r"here: secretKey \(HMAC\) or privateKey"),
        ({"apiKey": "k", "privateKey": "nonsense"}, "here: privateKey is no unencrypted PEM key"),
        ({"apiKey": "k", "privateKey": pem(X25519PrivateKey.generate())}, "here: privateKey must be an Ed25519 key"),
    ],
)
def test_credentials_that_do_not_do_are_named_without_their_values(values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        credentials(values, "here")
    assert "nonsense" not in str(refused.value)


def test_nothing_of_the_credentials_is_printed() -> None:
    api_key, secret = secrets.token_hex(32), secrets.token_hex(32)
    found = credentials({"apiKey": api_key, "secretKey": secret}, "here")

    for shown in (repr(found), str(found), repr(found.signer)):
        assert api_key not in shown
        assert secret not in shown


def test_a_rotated_secret_is_read_again(tmp_path: Path) -> None:
    write(tmp_path / "venue", "old", secrets.token_hex(8))
    folder = CredentialsFolder(tmp_path / "venue", credentials, count(step=2).__next__)
    assert folder().api_key == "old"

    write(tmp_path / "venue", "new", secrets.token_hex(8))
    assert folder().api_key == "new"


def test_a_rotation_that_cannot_be_used_leaves_the_old_credentials_in_use(tmp_path: Path) -> None:
    """It is read on the way to an order: a Secret that is wrong for a moment must not take the bot down."""
    write(tmp_path / "venue", "old", secrets.token_hex(8))
    folder = CredentialsFolder(tmp_path / "venue", credentials, count(step=2).__next__)
    folder()

    write(tmp_path / "venue", "", secrets.token_hex(8))
    assert folder().api_key == "old"
    write(tmp_path / "venue", "new", secrets.token_hex(8))
    assert folder().api_key == "new"


def test_a_folder_that_is_not_there_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="apiKey is missing"):
        CredentialsFolder(tmp_path / "nowhere", credentials)()
