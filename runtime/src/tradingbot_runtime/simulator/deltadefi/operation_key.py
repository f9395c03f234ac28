"""The account's operation key, as the venue keeps it: made up, encrypted with the trading password; it checks submits.

Sources: CIP-5 and BIP-173 (bech32), CIP-1852 (path), DeltaDeFi API documentation "Operation key", the official SDK's
cipher (AES-256-GCM, key from PBKDF2-SHA256 with 100,000 rounds).
"""

import base64
import hashlib
import secrets

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from tradingbot_runtime.venues.deltadefi.bip32 import PAYMENT_PATH, ExtendedKey

ROUNDS = 100_000
_KEY_BYTES, _IV_BYTES, _SALT_BYTES = 32, 12, 16
_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_CHARACTERS = 6


class OperationKey:
    """`encrypted` is what the venue hands out; `hash` the blake2b-224 of the public key."""

    def __init__(self, password: str, root: bytes | None = None) -> None:
        """`root`: 96 bytes; None makes one up."""
        root = _root(root or secrets.token_bytes(96))
        key = ExtendedKey(root[:32], root[32:64], root[64:])
        self.public = key.derive(PAYMENT_PATH).public
        self.hash = hashlib.blake2b(self.public, digest_size=28).hexdigest()
        self.encrypted = _encrypted(bech32("xprv", root), password)

    def signed(self, message: bytes, public: bytes, signature: bytes) -> bool:
        """Whether this key signed `message`."""
        if public != self.public:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


def _root(raw: bytes) -> bytes:
    """`raw` with the bits set and cleared that an Icarus root key has (CIP-3)."""
    return bytes((raw[0] & 0xF8,)) + raw[1:31] + bytes((raw[31] & 0x1F | 0x40,)) + raw[32:]


def _encrypted(text: str, password: str) -> str:
    salt, iv = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_IV_BYTES)
    derived = PBKDF2HMAC(SHA256(), _KEY_BYTES, salt, ROUNDS).derive(password.encode())
    parts = {"iv": iv, "ciphertext": AESGCM(derived).encrypt(iv, text.encode(), None), "salt": salt}
    return msgspec.json.encode({name: base64.b64encode(part).decode() for name, part in parts.items()}).decode()


def bech32(prefix: str, payload: bytes) -> str:
    """`payload` in bech32, of any length (CIP-5 lifts BIP-173's limit)."""
    bits = "".join(f"{byte:08b}" for byte in payload)
    bits += "0" * (-len(bits) % 5)
    data = [int(bits[i : i + 5], 2) for i in range(0, len(bits), 5)]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = _polymod([*expanded, *data, *([0] * _CHECKSUM_CHARACTERS)]) ^ 1
    data += [check >> 5 * (_CHECKSUM_CHARACTERS - 1 - i) & 31 for i in range(_CHECKSUM_CHARACTERS)]
    return f"{prefix}1" + "".join(_ALPHABET[value] for value in data)


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate(_GENERATOR):
            check ^= generator if top >> i & 1 else 0
    return check
