"""The identity of a bot's control stream: a certificate authority used once, one certificate, one token.

The authority's key is thrown away after it signed, so that nobody can sign a second certificate for a bot. Around a
renewal `ca.crt` holds the old and the new authority: a pod reads the new files up to two minutes after the operator.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tradingbot_operator.core import names
from tradingbot_operator.core.children import owner_reference
from tradingbot_operator.core.observed import Bot, Manifest

LIFETIME = timedelta(days=365)
RENEWED_BEFORE = timedelta(days=30)
BACKDATED = timedelta(minutes=5)  # nodes' clocks differ
TOKEN_BYTES = 32


class IdentityUnavailable(Exception):
    """The identity cannot be read now; later it may."""


@dataclass(frozen=True, slots=True)
class ControlIdentity:
    """What a client needs to trust and be trusted by a bot's pods."""

    authorities: str  # PEM
    token: str
    server_name: str


def read_identity(secret: Manifest, bot: str) -> ControlIdentity:
    """From the bot's control Secret. Raises KeyError when it lacks a key."""
    data = {key: base64.b64decode(secret["data"][key]).decode() for key in ("ca.crt", "token")}
    server_name = names.control_server_name(secret["metadata"]["namespace"], bot)
    return ControlIdentity(data["ca.crt"], data["token"].strip(), server_name)


def control_secret(bot: Bot, now: datetime, before: Manifest | None) -> Manifest:
    """A new Secret, or, after `before`, one with a new certificate and the same token."""
    server_name = names.control_server_name(bot.namespace, bot.name)
    authority, certificate, key = _issue(server_name, now)
    old = (before or {}).get("data") or {}
    authorities = authority + (_first(old["ca.crt"]) if "ca.crt" in old else b"")
    token = base64.b64decode(old["token"]) if "token" in old else secrets.token_urlsafe(TOKEN_BYTES).encode()
    data = {"ca.crt": authorities, "tls.crt": certificate, "tls.key": key, "token": token}
    metadata = {
        "name": names.control_secret(bot.name), "namespace": bot.namespace, "labels": names.labels(bot.name),
        "annotations": {names.RENEW_AFTER: (now + LIFETIME - RENEWED_BEFORE).strftime("%Y-%m-%dT%H:%M:%SZ")},
        "ownerReferences": [owner_reference(bot)],
    }  # fmt: skip
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "data": _encoded(data)}


def _encoded(data: Mapping[str, bytes]) -> dict[str, str]:
    return {key: base64.b64encode(value).decode() for key, value in data.items()}


def _first(encoded: str) -> bytes:
    """The newest authority of a bundle."""
    return x509.load_pem_x509_certificates(base64.b64decode(encoded))[0].public_bytes(Encoding.PEM)


def _issue(server_name: str, now: datetime) -> tuple[bytes, bytes, bytes]:
    """PEM of authority, certificate and key."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tradingbot control")])
    authority = (
        _template(issuer, issuer, now)
        .public_key(authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tradingbot runtime")])
    certificate = (
        _template(subject, issuer, now)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(server_name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return authority.public_bytes(Encoding.PEM), certificate.public_bytes(Encoding.PEM), pem


def _template(subject: x509.Name, issuer: x509.Name, now: datetime) -> x509.CertificateBuilder:
    now = now.astimezone(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LIFETIME)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
