"""Ed25519-BIP32 keys as Cardano uses them: root key from bech32, hierarchical derivation, signatures. Pure.

Sources: Khovratovich and Law, "BIP32-Ed25519: Hierarchical Deterministic Keys over a Non-linear Keyspace"; CIP-3
(Icarus), CIP-5 (bech32 prefixes), CIP-1852 (paths); BIP-173 (bech32), whose limit of 90 characters CIP-5 lifts.
The arithmetic on the curve is libsodium's (PyNaCl).
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Self

from nacl import bindings

HARDENED = 0x8000_0000
# CIP-1852: purpose, coin type of Ada, account 0, external chain, first address.
PAYMENT_PATH = (1852 + HARDENED, 1815 + HARDENED, 0 + HARDENED, 0, 0)
XPRV = "xprv"
_XPRV_BYTES = 96
_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_CHARACTERS = 6


@dataclass(frozen=True, slots=True)
class ExtendedKey:
    """A private key of 2 x 32 bytes and its chain code of 32. Prints nothing of them."""

    left: bytes
    right: bytes
    chain: bytes

    def __repr__(self) -> str:
        return "ExtendedKey(...)"

    @classmethod
    def of_bech32(cls, text: str) -> Self:
        """The key in an `xprv1...` text; ValueError (that holds nothing of the text) when it is none."""
        raw = _bech32_payload(text, XPRV)
        if len(raw) != _XPRV_BYTES:
            raise ValueError(f"the key has {len(raw)} bytes, not {_XPRV_BYTES}")
        return cls(raw[:32], raw[32:64], raw[64:])

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return bindings.crypto_scalarmult_ed25519_base_noclamp(self.left)

    def derive(self, path: tuple[int, ...]) -> "ExtendedKey":
        key = self
        for index in path:
            key = key.child(index)
        return key

    def child(self, index: int) -> "ExtendedKey":
        """Child number `index`; from `HARDENED` on it depends on the private key, below on the public one."""
        number = index.to_bytes(4, "little")
        if index >= HARDENED:
            parent, tag = self.left + self.right, 0
        else:
            parent, tag = self.public, 2
        step = self._hash(bytes([tag]) + parent + number)
        chain = self._hash(bytes([tag + 1]) + parent + number)[32:]
        left = 8 * _integer(step[:28]) + _integer(self.left)
        right = (_integer(step[32:]) + _integer(self.right)) % 2**256
        return ExtendedKey(left.to_bytes(32, "little"), right.to_bytes(32, "little"), chain)

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature (RFC 8032) of 64 bytes; the nonce comes from the key's right half."""
        public = self.public
        nonce = _scalar(self.right + message)
        point = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce)
        challenge = _scalar(point + public + message)
        product = bindings.crypto_core_ed25519_scalar_mul(challenge, self.left)
        return point + bindings.crypto_core_ed25519_scalar_add(product, nonce)

    def _hash(self, message: bytes) -> bytes:
        return hmac.new(self.chain, message, hashlib.sha512).digest()


def _integer(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def _scalar(message: bytes) -> bytes:
    return bindings.crypto_core_ed25519_scalar_reduce(hashlib.sha512(message).digest())


def _bech32_payload(text: str, prefix: str) -> bytes:
    head, _, data = text.rpartition("1")
    if head != prefix:
        raise ValueError(f"the text does not begin with {prefix}1")
    try:
        values = [_ALPHABET.index(character) for character in data]
    except ValueError:
        raise ValueError("the text has characters that bech32 does not") from None
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    if _checksum(expanded + values) != 1:
        raise ValueError("the text's checksum is wrong")
    bits = "".join(f"{value:05b}" for value in values[:-_CHECKSUM_CHARACTERS])
    whole = len(bits) // 8 * 8
    if "1" in bits[whole:]:
        raise ValueError("the text's last bits are not padding")
    return int(bits[:whole] or "0", 2).to_bytes(whole // 8, "big")


def _checksum(values: list[int]) -> int:
    """BIP-173's BCH code: 1 for a text whose checksum is right."""
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FF_FFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            if top >> bit & 1:
                check ^= generator
    return check
