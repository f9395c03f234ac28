"""The identity of a control stream: only this bot's name, only this bot's authority; renewed without a gap."""

import asyncio
import base64
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from harness.bot_model import bot
from tradingbot_operator.certificates import ControlIdentity, control_secret, read_identity
from tradingbot_operator.core.observed import Manifest

NOW = datetime.now(UTC)


async def _handshake(secret: Manifest, identity: ControlIdentity, folder: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for key in ("tls.crt", "tls.key"):
        (folder / key).write_bytes(base64.b64decode(secret["data"][key]))
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(close, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        trust = ssl.create_default_context(cadata=identity.authorities)
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname=identity.server_name)
        writer.close()
        await writer.wait_closed()


def shake(secret: Manifest, identity: ControlIdentity, folder: Path) -> None:
    asyncio.run(_handshake(secret, identity, folder))


def test_the_certificate_holds_for_the_bot_whatever_its_pods_address(tmp_path: Path) -> None:
    secret = control_secret(bot(), NOW, None)

    identity = read_identity(secret, "maker")

    assert identity.server_name == "maker.n.svc"
    assert len(identity.token) >= 43
    shake(secret, identity, tmp_path)


def test_another_bots_certificate_is_refused(tmp_path: Path) -> None:
    mine, others = control_secret(bot(), NOW, None), control_secret(bot(name="other"), NOW, None)

    with pytest.raises(ssl.SSLCertVerificationError):
        shake(others, read_identity(mine, "maker"), tmp_path)


def test_the_same_authority_with_another_name_is_refused(tmp_path: Path) -> None:
    secret = control_secret(bot(), NOW, None)
    identity = read_identity(secret, "maker")

    with pytest.raises(ssl.SSLCertVerificationError):
        shake(secret, ControlIdentity(identity.authorities, identity.token, "other.n.svc"), tmp_path)


def test_around_a_renewal_the_old_and_the_new_certificate_are_trusted(tmp_path: Path) -> None:
    old = control_secret(bot(), NOW, None)
    new = control_secret(bot(), NOW, old)

    identity = read_identity(new, "maker")

    assert identity.token == read_identity(old, "maker").token
    shake(old, identity, tmp_path)
    shake(new, identity, tmp_path)
    third = read_identity(control_secret(bot(), NOW, new), "maker")
    assert len(x509.load_pem_x509_certificates(third.authorities.encode())) == 2, "old authorities do not pile up"


def test_it_is_renewed_a_month_before_it_runs_out() -> None:
    secret = control_secret(bot(), NOW, None)
    certificate = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))

    renew_after = datetime.fromisoformat(secret["metadata"]["annotations"]["tradingbot.dev/renew-after"])

    assert timedelta(days=29) < certificate.not_valid_after_utc - renew_after < timedelta(days=31)


def test_the_authoritys_key_is_kept_nowhere() -> None:
    assert set(control_secret(bot(), NOW, None)["data"]) == {"ca.crt", "tls.crt", "tls.key", "token"}
