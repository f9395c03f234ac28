"""The transactions that orders are built as: made up, but signed and checked as Cardano's are. Pure.

Source: the Cardano ledger's CDDL (`transaction`, `transaction_witness_set`, `vkeywitness`); the hash that is signed is
the blake2b-256 of the body's bytes.
"""

import hashlib
import re

import msgspec

_WITNESS = re.compile(rb"\xa1\x00(?:\xd9\x01\x02)?\x81\x82\x58\x20(.{32})\x58\x40(.{64})", re.DOTALL)
_BEFORE, _AFTER = b"\x84", b"\xf5\xf6"  # a list of four; valid, no auxiliary data
_NO_WITNESSES = b"\xa0"


class BuiltTransaction(msgspec.Struct, frozen=True):
    """One input, one output, one fee."""

    body: bytes

    @property
    def hash(self) -> bytes:
        return hashlib.blake2b(self.body, digest_size=32).digest()

    @property
    def tx_hex(self) -> str:
        """Without a signature."""
        return (_BEFORE + self.body + _NO_WITNESSES + _AFTER).hex()

    def witness(self, signed_hex: str) -> tuple[bytes, bytes] | None:
        """Public key and signature of this very transaction; None when it is another one, or has none."""
        try:
            signed = bytes.fromhex(signed_hex)
        except ValueError:
            return None
        before = _BEFORE + self.body
        if not signed.startswith(before) or not signed.endswith(_AFTER):
            return None
        found = _WITNESS.fullmatch(signed[len(before) : -len(_AFTER)])
        return (found[1], found[2]) if found else None


def transaction(order_id: str, key_hash: str) -> BuiltTransaction:
    """What the order `order_id` is built as, paying to the key of that hash (28 bytes, hex)."""
    spent = hashlib.blake2b(order_id.encode(), digest_size=32).digest()
    return BuiltTransaction(
        b"\xa3"
        b"\x00\x81\x82\x58\x20" + spent + b"\x00"  # inputs
        b"\x01\x81\x82\x58\x1d\x60" + bytes.fromhex(key_hash) + b"\x1a\x00\x0f\x42\x40"  # outputs: 1 Ada
        b"\x02\x1a\x00\x02\x91\x70"  # fee
    )
