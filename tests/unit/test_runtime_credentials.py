"""Credentials of a venue: from a mounted folder, followed when they change, and never shown."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tradingbot_runtime.config import VenueType
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.venues.binance.signing import Ed25519Signer, credentials
from tradingbot_runtime.venues.credentials import LOOK_EVERY_S, CredentialsFolder
from tradingbot_runtime.venues.link import SECRETS


class Seconds:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def write(folder: Path, **values: str) -> None:
    for name, value in values.items():
        (folder / name).write_text(value)


def test_a_rotated_secret_is_taken_without_a_restart(tmp_path: Path) -> None:
    clock = Seconds()
    folder = CredentialsFolder(tmp_path, credentials, clock)
    write(tmp_path, apiKey="first", secretKey="one")
    assert folder().api_key == "first"

    write(tmp_path, apiKey="second-key", secretKey="two")
    assert folder().api_key == "first"  # not looked at on every order
    clock.now += LOOK_EVERY_S
    assert folder().api_key == "second-key"


def test_once_the_venue_has_taken_them_others_are_only_offered(tmp_path: Path) -> None:
    clock = Seconds()
    folder = CredentialsFolder(tmp_path, credentials, clock)
    write(tmp_path, apiKey="first", secretKey="one")
    folder.settle()
    assert folder.offered() is None

    write(tmp_path, apiKey="second-key", secretKey="two")
    clock.now += LOOK_EVERY_S
    offered = folder.offered()
    assert offered
    assert (offered.api_key, folder().api_key) == ("second-key", "first")
    assert folder.offered() is offered, "as long as nobody has taken it"

    folder.take(offered)
    assert folder() is offered
    assert folder.offered() is None


def test_what_is_mounted_anew_and_cannot_be_read_is_no_offer(tmp_path: Path) -> None:
    clock = Seconds()
    folder = CredentialsFolder(tmp_path, credentials, clock)
    write(tmp_path, apiKey="first", secretKey="one")
    folder.settle()
    (tmp_path / "apiKey").unlink()
    clock.now += LOOK_EVERY_S

    assert folder.offered() is None
    assert folder().api_key == "first"


def test_a_rotation_to_something_unusable_keeps_the_former_credentials(tmp_path: Path) -> None:
    clock = Seconds()
    folder = CredentialsFolder(tmp_path, credentials, clock)
    write(tmp_path, apiKey="first", secretKey="one")
    before = folder()

    (tmp_path / "apiKey").unlink()
    clock.now += LOOK_EVERY_S

    assert folder() is before


def test_what_is_no_text_is_named_and_nothing_of_it_told(tmp_path: Path) -> None:
    write(tmp_path, secretKey="one")
    (tmp_path / "apiKey").write_bytes(b"k\x91\x92")

    with pytest.raises(ConfigError, match=r"apiKey is no text: byte 2 is not UTF-8$") as raised:
        CredentialsFolder(tmp_path, credentials, Seconds())()
    assert str(tmp_path) in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "variable", "others"),
    [
        (VenueType.DELTADEFI, "TRADINGBOT_MY_VENUE_TRADING_PASSWORD", {"TRADINGBOT_MY_VENUE_API_KEY": "k"}),
        (VenueType.BINANCE, "TRADINGBOT_MY_VENUE_SECRET_KEY", {"TRADINGBOT_MY_VENUE_API_KEY": "k"}),
    ],
)
def test_a_variable_that_is_no_text_is_named_and_nothing_of_it_told(
    kind: VenueType, variable: str, others: dict[str, str]
) -> None:
    environment = others | {variable: os.fsdecode("pässwo".encode() + b"\xff")}

    with pytest.raises(ConfigError) as raised:
        SECRETS[kind].from_environment(environment, "TRADINGBOT_MY_VENUE")
    assert str(raised.value) == f"{variable} is no text: byte 8 is not UTF-8"
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "apiKey"),
        ({"apiKey": " "}, "apiKey"),
        ({"apiKey": "k"}, "secretKey"),
        ({"apiKey": "k", "privateKey": "not a key"}, "privateKey"),
    ],
)
def test_what_is_missing_is_named_and_no_value_is_shown(values: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as refused:
        credentials(values, "venue x")
    assert "not a key" not in str(refused.value)


def test_an_ed25519_key_signs() -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    made = credentials({"apiKey": "k", "privateKey": pem}, "venue x")

    assert isinstance(made.signer, Ed25519Signer)
    assert made.query({"symbol": "BTCUSDT"}, 1).startswith("symbol=BTCUSDT&recvWindow=5000&timestamp=1&signature=")


def test_nothing_secret_is_printed() -> None:
    made = credentials({"apiKey": "the-api-key", "secretKey": "the-secret"}, "venue x")

    assert "the-" not in repr(made) + str(made) + repr(made.signer)
